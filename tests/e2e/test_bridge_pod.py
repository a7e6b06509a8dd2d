"""A bridge's pod that is deleted or evicted in the middle of a run: the copy goes on, the next bridge takes it up."""

import pytest

from reconciler.adapters.kube.resources import PODS
from tests.e2e.fleet import Fleet
from tests.e2e.lab import Json, Lab, is_complete, phase
from tests.e2e.service import GATE, lifecycle_job

pytestmark = [pytest.mark.cluster, pytest.mark.together]


def delete(lab: Lab, pod: Json) -> None:
    lab.kube.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])


def evict(lab: Lab, pod: Json) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    lab.kube.request("POST", PODS.path(namespace, name, "eviction"), {}, body)


@pytest.mark.parametrize("end", [delete, evict])
def test_a_lost_bridge_is_followed_by_another_that_takes_up_the_copy(fleet: Fleet, end) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", GATE))
    key = fleet.declare(end.__name__, service)
    copy = fleet.copy_that_runs(key, service)
    run = copy["metadata"]["labels"]["tenantctl.io/run"]
    bridge = fleet.bridge_of(key, run)

    end(lab, bridge)
    fleet.eventually(key, lambda: fleet.bridge_of(key, run)["metadata"]["uid"] != bridge["metadata"]["uid"], "another")
    (still,) = lab.copies(key)
    assert still["metadata"]["uid"] == copy["metadata"]["uid"]
    assert still["spec"]["suspend"] is False
    assert lab.running_pod(still), "the copy should not have been disturbed"

    lab.open_gate(copy)
    fleet.ready(key)
    (done,) = lab.copies(key)
    assert done["metadata"]["uid"] == copy["metadata"]["uid"]
    assert is_complete(done)
    assert len(lab.pods_of_copy(done)) == 1
    fleet.eventually(key, lambda: [phase(run) for run in lab.runs(key)] == ["Succeeded"], "the run to be Succeeded")
