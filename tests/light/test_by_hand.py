"""Runs that people submit with Argo's own command line."""

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS
from tests.e2e.command import Done, run
from tests.e2e.fleet import Fleet
from tests.e2e.lab import WORKFLOW, Json, phase
from tests.e2e.service import lifecycle_job, says

pytestmark = [pytest.mark.cluster, pytest.mark.together]

OFF = says(1, '{"class": "needs-human", "message": "not switched on"}')
CLOSED = f'if [ -z "${{SWITCH:-}}" ]; then {OFF}; fi'
SWITCH = {"name": "SWITCH", "valueFrom": {"configMapKeyRef": {"name": "switch", "key": "on", "optional": True}}}


def test_what_a_run_by_hand_did_counts(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", CLOSED, env=[SWITCH]))
    key = fleet.declare("hand", service)
    fleet.stalled(key, "LifecycleJobFailed")
    body = {"metadata": {"name": "switch"}, "data": {"on": "yes"}}
    lab.kube.create(CONFIG_MAPS, service, body)

    submitted = submit(fleet, key)
    assert submitted.code == 0, submitted.stderr
    record = fleet.ready(key)
    fleet.look(key)
    claimed, by_hand = lab.runs(key)
    assert by_hand["metadata"]["name"] == submitted.stdout.strip()
    assert "tenantctl.io/claim" in claimed["metadata"]["annotations"]
    assert "tenantctl.io/claim" not in by_hand["metadata"].get("annotations", {})
    assert by_hand["metadata"]["labels"]["tenantctl.io/tenant"] == key.partition("/")[0]
    assert [outcome.run for outcome in lab.placement(key).outcomes.values()] == [by_hand["metadata"]["name"]]
    assert record.seq == 1
    assert pods_of(claimed) == {"step"}, "the reconciler has looked already"
    assert pods_of(by_hand) == {"discover", "step"}


def test_a_run_by_hand_of_what_is_not_placed_fails(fleet: Fleet) -> None:
    key = fleet.key("nobody")
    submitted = submit(fleet, key)
    assert submitted.code == 0, submitted.stderr
    fleet.eventually(key, lambda: [phase(run) for run in fleet.lab.runs(key)] == ["Failed"], "the run to fail")
    (pod,) = fleet.lab.pods_of_run(submitted.stdout.strip())
    assert "NoPlacement" in fleet.lab.log(pod, "main")
    assert fleet.lab.copies(key) == []
    assert fleet.lab.record(key) is None


def pods_of(run: Json) -> set[str]:
    """Of which templates a run has pods."""
    return {node["templateName"] for node in run["status"]["nodes"].values() if node["type"] == "Pod"}


def submit(fleet: Fleet, key: str) -> Done:
    """What docs say to type; the name of the run is on stdout."""
    cluster = fleet.lab.cluster
    if cluster.argo is None:
        pytest.skip("the argo command line is not known for this cluster")
    tenant, _, environment = key.partition("/")
    words = [
        "--from",
        "clusterworkflowtemplate/tenant-upsert",
        "-p",
        f"tenant={tenant}",
        "-p",
        f"environment={environment}",
    ]
    return run(cluster.argo, "submit", "-n", WORKFLOW, "-o", "name", *words, KUBECONFIG=str(cluster.kubeconfig))
