"""Runs that somebody stops, terminates or deletes: their copies end, and nothing begins again by itself."""

import pytest

from reconciler.adapters.kube.resources import WORKFLOWS
from tests.e2e.fleet import Fleet, message
from tests.e2e.lab import WORKFLOW, Json, Lab, is_complete, is_stopped, phase
from tests.e2e.service import GATE, QUICK, lifecycle_job

pytestmark = [pytest.mark.cluster, pytest.mark.together]


@pytest.mark.together(long=True)
def test_a_stopped_run_ends_its_copies_and_retry_begins_again(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", GATE))
    key = fleet.declare("stop", service)
    copy = fleet.copy_that_runs(key, service)

    fleet.tenantctl("stop", key)
    record = fleet.stalled(key, "RunStopped")
    assert "tenantctl retry" in message(record)
    assert record.claim is None
    assert is_stopped(lab.copies(key)[0])
    assert lab.running_pod(copy) is None
    fleet.look(key)
    assert len(lab.runs(key)) == 1

    fleet.tenantctl("retry", key)
    lab.open_gate(fleet.copy_that_runs(key, service, 2))
    fleet.ready(key)
    assert [is_complete(copy) for copy in lab.copies(key)] == [False, True]
    assert len(lab.runs(key)) == 2


def test_a_run_that_is_terminated_while_it_waits_for_its_lock_applies_nothing(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = fleet.key("lock")
    holder = _hold_lock(fleet, service, key)
    fleet.repository.declare(key, fleet.spec(service))
    (run,) = fleet.eventually(key, lambda: _waiting(lab, key), "a run that waits for its lock")

    name = run["metadata"]["name"]
    lab.kube.merge(WORKFLOWS, WORKFLOW, name, {"spec": {"shutdown": "Terminate"}})
    record = fleet.stalled(key, "RunStopped")
    assert name in message(record)
    assert record.applied_digest == ""
    placement = lab.placement(key)
    assert placement is not None
    assert placement.outcomes == {}
    assert lab.copies(key) == []

    lab.kube.delete(WORKFLOWS, service, holder)
    fleet.tenantctl("retry", key)
    fleet.ready(key)
    assert len(lab.runs(key)) == 2


def test_a_run_that_is_deleted_ends_its_copies_and_is_not_launched_again(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", GATE))
    key = fleet.declare("deleted", service)
    fleet.copy_that_runs(key, service)
    (run,) = lab.runs(key)

    lab.kube.delete(WORKFLOWS, WORKFLOW, run["metadata"]["name"])
    record = fleet.stalled(key, "RunDeleted")
    assert record.claim is None
    assert is_stopped(lab.copies(key)[0])
    fleet.look(key)
    assert lab.runs(key) == []
    assert len(lab.copies(key)) == 1


def _waiting(lab: Lab, key: str) -> list[Json]:
    found = lab.runs(key)
    return [run for run in found if phase(run) == "Pending" and run["status"].get("synchronization")]


def _hold_lock(fleet: Fleet, namespace: str, key: str) -> str:
    """A Workflow elsewhere that holds the environment's lock until it is deleted; it needs no pod."""
    mutex = {"name": key.replace("/", "."), "namespace": WORKFLOW}
    spec = {
        "entrypoint": "wait",
        "templates": [{"name": "wait", "suspend": {}}],
        "synchronization": {"mutexes": [mutex]},
    }
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "holder"}, "spec": spec}
    fleet.lab.kube.create(WORKFLOWS, namespace, body)

    def held() -> bool:
        return phase(fleet.lab.kube.get(WORKFLOWS, namespace, "holder")) == "Running"

    fleet.eventually(key, held, "the lock to be held")
    return "holder"
