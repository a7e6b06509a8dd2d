"""Whether the reconciler is available, and why not, with what its pods say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import DEPLOYMENTS, PODS
from reconciler.core import labels
from reconciler.core.text import cut, printable

Json = dict[str, Any]

DEPLOYMENT = f"Deployment {labels.CONTROL_NAMESPACE}/{labels.RECONCILER}"
SELECTOR = f"app.kubernetes.io/name={labels.MANAGER},app.kubernetes.io/component=reconciler"
MESSAGE_MAX = 300
# What a kubelet says of an image that cannot be had, or that cannot run as this pod; it tries again, in vain.
UNUSABLE = frozenset({
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
    "CreateContainerConfigError",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gap:
    """Why the reconciler is not available, and what to do; what is `lasting` does not pass by waiting."""

    message: str
    remedy: str
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


def gap(kube: Kube) -> Gap | None:
    """What keeps the reconciler from being available; None when it is. Raises NotFound without a Deployment."""
    deployment = kube.get(DEPLOYMENTS, labels.CONTROL_NAMESPACE, labels.RECONCILER)
    if deployment["spec"]["replicas"] == 0:
        place = f"--namespace {labels.CONTROL_NAMESPACE} deployment/{labels.RECONCILER}"
        return Gap(f"{DEPLOYMENT} is scaled to 0: nothing is reconciled", f"kubectl scale {place} --replicas 1", True)
    if _available(deployment):
        return None
    pods = list(kube.list(PODS, labels.CONTROL_NAMESPACE, labelSelector=SELECTOR))
    return next(_unusable(deployment, pods), None) or _waiting(pods)


def _available(deployment: Json) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and all(status.get(f, 0) == wanted for f in ("replicas", "updatedReplicas", "availableReplicas"))


def _unusable(deployment: Json, pods: list[Json]) -> Iterator[Gap]:
    """Pods that the image keeps from starting; those of an image before, which are being replaced, do not count."""
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    for pod in pods:
        current = pod["spec"]["containers"][0]["image"] == image and not pod["metadata"].get("deletionTimestamp")
        waiting = _state(pod).get("waiting") or {}
        if current and waiting.get("reason") in UNUSABLE:
            said = f"{DEPLOYMENT} is not available: {_name(pod)} cannot use image {image}: {_said(waiting)}"
            yield Gap(said, "name one with --image: tenantctl install --image IMAGE", True)


def _waiting(pods: list[Json]) -> Gap:
    said = "; ".join(_pod(pod) for pod in pods) or "it has no pod yet"
    verb = "logs" if any(_ran(pod) for pod in pods) else "describe pods"
    remedy = f"kubectl {verb} --namespace {labels.CONTROL_NAMESPACE} --selector app.kubernetes.io/component=reconciler"
    return Gap(f"{DEPLOYMENT} is not available: {said}", remedy)


def _pod(pod: Json) -> str:
    state = _state(pod)
    if reason := state.get("waiting") or state.get("terminated"):
        last = _container(pod).get("lastState", {}).get("terminated", {})
        return f"{_name(pod)}: {_said(reason)}" + (f", last exit code {last['exitCode']}" if last else "")
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["status"] != "True" and condition.get("message"):
            return f"{_name(pod)}: {condition['reason']}: {condition['message']}"
    return f"{_name(pod)}: {pod.get('status', {}).get('phase', 'Unknown')}"


def _name(pod: Json) -> str:
    return f"pod {pod['metadata']['name']}"


def _container(pod: Json) -> Json:
    """The status of its only container; empty before there is one."""
    return next(iter(pod.get("status", {}).get("containerStatuses", [])), {})


def _state(pod: Json) -> Json:
    state: Json = _container(pod).get("state", {})
    return state


def _ran(pod: Json) -> bool:
    """Whether its container has begun at least once, so that there is a log."""
    return bool(_state(pod).keys() - {"waiting"} or _container(pod).get("lastState"))


def _said(reason: Json) -> str:
    words = [reason.get("reason", ""), cut(printable(" ".join(reason.get("message", "").split())), MESSAGE_MAX)]
    return ": ".join(filter(None, words))
