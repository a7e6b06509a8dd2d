"""`tenantctl snapshot`, and a plan against it: the same plan as against the cluster, with no cluster in reach."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.command import tenantctl
from tests.e2e.fleet import Fleet
from tests.e2e.service import QUICK, lifecycle_job

pytestmark = pytest.mark.cluster


def test_a_plan_against_a_snapshot_is_the_plan_against_the_cluster(own_fleet: Fleet, tmp_path: Path) -> None:
    fleet, lab = own_fleet, own_fleet.lab
    fleet.start()
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = fleet.declare("snapshot", service, parameters={"seats": 1})
    fleet.ready(key)
    cluster = ("--kubeconfig", lab.cluster.kubeconfig, "--context", lab.cluster.context)
    where = ("--repository", fleet.repository.folder)

    file = tmp_path / "snapshot.json"
    file.write_text(tenantctl("snapshot", *where, *cluster).stdout)
    offline = tenantctl("plan", *where, "--against", file, "-o", "json", KUBECONFIG=os.devnull)
    document = json.loads(offline.stdout)
    assert [action for action in document["actions"] if f"{action['tenant']}/{action['environment']}" == key] == []

    lab.replace_job(service, lifecycle_job("", "lifecycle", f"{QUICK}; true"))
    later = tenantctl("plan", *where, "--against", file, KUBECONFIG=os.devnull)
    assert f"{service}/lifecycle" not in later.stdout
    fleet.eventually(key, lambda: len(lab.runs(key)) == 2, "a second run")
