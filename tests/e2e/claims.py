"""Claims: how many of a region are open at once, and fleets that must never have more than the region allows."""

import threading

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.adapters.kube.store import Store
from reconciler.core.record import Record, read_record
from tests.e2e.fleet import REGION, Fleet
from tests.e2e.lab import CONTROL
from tests.e2e.service import QUICK, lifecycle_job


def assert_never_more(fleet: Fleet, limit: int, environments: int) -> None:
    """Many environments are declared at once; each is run once, and never more than `limit` at a time."""
    lab = fleet.lab
    fleet.repository.limit(REGION, limit)
    fleet.start()
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    keys = [fleet.key("limit") for _ in range(environments)]
    with OpenClaims(lab.kube) as count:
        with fleet.repository.locked():
            for key in keys:
                fleet.repository.write_environment(key, fleet.spec(service))
            fleet.repository.commit("Many at once")
        for key in keys:
            fleet.ready(key, seconds=600)
    assert [len(lab.runs(key)) for key in keys] == [1] * environments
    assert count.most == limit
    assert count.seen >= set(keys)


class OpenClaims:
    """Follows every version of every record by a watch, and knows how many claims of the region were open at most."""

    def __init__(self, kube: Kube) -> None:
        self.most, self.seen = 0, set()
        self._open: set[str] = set()
        self._store = Store(read_record, lambda record: None, self._take)
        self._reflector = Reflector(kube, CONFIG_MAPS, self._store, CONTROL, "tenantctl.io/kind=record")

    def __enter__(self) -> "OpenClaims":
        self._reflector.sync()
        threading.Thread(target=self._reflector.run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._reflector.stop()

    def _take(self, before: Record | None, after: Record | None) -> None:
        key = str((after or before).key)
        if after and after.claim and after.claim.region == REGION:
            self._open.add(key)
            self.seen.add(key)
        else:
            self._open.discard(key)
        self.most = max(self.most, len(self._open))
