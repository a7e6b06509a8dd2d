"""The in-flight limit of a region is never exceeded."""

import json
import threading

import pytest

from reconciler.adapters.kube.reflector import lines
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.core.record import read_record
from tests.e2e.fleet import NARROW, Fleet
from tests.e2e.lab import CONTROL
from tests.e2e.service import QUICK, lifecycle_job

pytestmark = [pytest.mark.cluster, pytest.mark.together]

LIMIT, ENVIRONMENTS = 2, 5
SILENCE_SECONDS = 300


@pytest.mark.together(long=True)
def test_never_more_runs_than_the_region_allows(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    keys = [fleet.key("limit") for _ in range(ENVIRONMENTS)]
    count = OpenClaims(fleet)
    with fleet.repository.locked():
        for key in keys:
            fleet.repository.write_environment(key, fleet.spec(service) | {"region": NARROW})
        fleet.repository.commit("Many at once")
    for key in keys:
        fleet.ready(key)
    assert [len(lab.runs(key)) for key in keys] == [1] * ENVIRONMENTS
    assert count.most == LIMIT
    assert count.seen >= set(keys)


class OpenClaims:
    """Follows every version of every record by a watch, and knows how many claims of the region were open at most."""

    def __init__(self, fleet: Fleet) -> None:
        self.most, self.seen = 0, set()
        self._open: set[str] = set()
        self._fleet = fleet
        path = CONFIG_MAPS.path(CONTROL)
        version = fleet.lab.kube.request("GET", path, {"limit": 1})["metadata"]["resourceVersion"]
        threading.Thread(target=self._watch, args=(path, version), daemon=True).start()

    def _watch(self, path: str, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version, "labelSelector": "tenantctl.io/kind=record"}
        with self._fleet.lab.kube.stream(path, query, SILENCE_SECONDS) as response:
            for line in lines(response):
                self._take(json.loads(line)["object"])

    def _take(self, raw) -> None:
        record = read_record(raw)
        if record.claim and record.claim.region == NARROW:
            self._open.add(str(record.key))
            self.seen.add(str(record.key))
        else:
            self._open.discard(str(record.key))
        self.most = max(self.most, len(self._open))
