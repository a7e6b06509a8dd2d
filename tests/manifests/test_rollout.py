"""Why the reconciler is not available: what passes, what does not, and where a log is."""

import pytest

from reconciler.cli.install import _unavailable
from reconciler.core.errors import TenantctlError
from reconciler.manifests import Settings, render
from reconciler.manifests.checks import Verdict, reconciler
from reconciler.manifests.kinds import id_of
from reconciler.manifests.rollout import gap
from tests.manifests.memory import MemoryKube

SETTINGS = Settings(image="own/tenantctl:1", repository="https://example.com/fleet.git")


@pytest.fixture
def kube():
    made = MemoryKube()
    for item in render(SETTINGS):
        made.apply(id_of(item).path, item)
    return made


@pytest.fixture
def waiting(kube):
    del kube.deployment()["status"]
    return kube


def test_available(kube):
    assert gap(kube) is None
    (finding,) = reconciler(kube, SETTINGS)
    assert finding.verdict is Verdict.OK


def test_scaled_to_zero_is_not_available(kube):
    kube.deployment()["spec"]["replicas"] = 0
    kube.deployment()["status"] = {"observedGeneration": 1}
    (finding,) = reconciler(kube, SETTINGS)
    assert finding.verdict is Verdict.FAILED
    assert "scaled to 0" in finding.message
    assert finding.remedy == "kubectl scale --namespace tenantctl deployment/tenantctl-reconciler --replicas 1"


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"]
)
def test_an_image_that_cannot_be_used_ends_the_wait_at_once(waiting, reason):
    waiting.pod("new", "own/tenantctl:1", state={"waiting": {"reason": reason, "message": "no\nsuch thing"}})
    with pytest.raises(TenantctlError) as caught:
        _unavailable(waiting)
    assert f"pod new cannot use image own/tenantctl:1: {reason}: no such thing" in str(caught.value)
    assert "name one with --image" in str(caught.value)
    assert "kubectl logs" not in str(caught.value)


def test_a_pod_of_the_image_before_does_not_end_the_wait(waiting):
    waiting.pod("old", "own/tenantctl:0", state={"waiting": {"reason": "ErrImagePull"}})
    assert "pod old: ErrImagePull" in _unavailable(waiting)


@pytest.mark.parametrize(
    ("status", "said", "verb"),
    [
        ({}, "pod x: Pending", "describe pods"),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, "pod x: ContainerCreating", "describe pods"),
        ({"state": {"running": {}}}, "pod x", "logs"),
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 3}}},
            "pod x: CrashLoopBackOff, last exit code 3",
            "logs",
        ),
    ],
    ids=["pending", "creating", "running", "crashing"],
)
def test_a_log_is_named_where_there_is_one(waiting, status, said, verb):
    waiting.pod("x", "own/tenantctl:1", **status)
    assert said in _unavailable(waiting)
    assert f"; kubectl {verb} --namespace tenantctl" in _unavailable(waiting)


def test_no_pod_yet(waiting):
    assert "it has no pod yet" in _unavailable(waiting)
