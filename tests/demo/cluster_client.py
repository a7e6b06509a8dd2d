"""What the demo asks of the API server besides `tenantctl`: what people do with kubectl, which it does without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS, DEPLOYMENTS, JOBS, NAMESPACES, PODS, Resource
from reconciler.core import labels
from reconciler.core.errors import TenantctlError
from reconciler.core.names import Key
from reconciler.core.record import Record, read_record
from reconciler.manifests.kinds import RESOURCES

from .failure import DemoError

T = TypeVar("T")
KINDS = RESOURCES | {"Service": Resource("/api/v1", "services"), "Job": JOBS}
PAUSE = 0.3
BUSYBOX = "tenantctl.local/busybox:1"
LOG_LINES = "12"


def apply(kube: Kube, folder: Path, busybox: str) -> list[str]:
    """`kubectl apply --server-side -f FOLDER`; returns what it would print. Namespaces come first.

    Clusters of this machine have the examples' image; `busybox` is what takes its place elsewhere.
    """
    texts = [file.read_text().replace(BUSYBOX, busybox) for file in sorted(folder.glob("*.yaml"))]
    items = [item for text in texts for item in yaml.safe_load_all(text) if item]
    items.sort(key=lambda item: item["kind"] != "Namespace")
    return [_apply(kube, item) for item in items]


def _apply(kube: Kube, item: dict[str, Any]) -> str:
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
    kube.apply(KINDS[item["kind"]].path(namespace, name), item)
    return f"{item['kind'].lower()}/{name} serverside-applied"


def label(kube: Kube, namespace: str) -> None:
    """`kubectl label namespace NAMESPACE tenantctl.io/lifecycle=enabled`."""
    kube.merge(NAMESPACES, None, namespace, {"metadata": {"labels": {labels.LIFECYCLE: labels.ENABLED}}})


def delete_namespace(kube: Kube, namespace: str) -> None:
    """`kubectl delete namespace NAMESPACE`, without waiting for its end."""
    kube.delete(NAMESPACES, None, namespace)


def has_none(kube: Kube, namespaces: Iterable[str]) -> bool:
    """Whether none of the namespaces is left."""
    return not any(has_namespace(kube, name) for name in namespaces)


def get_raw(kube: Kube, path: str) -> str:
    """`kubectl get --raw PATH`."""
    with kube.stream(path, {}, 20) as response:
        return str(response.read().decode())


def available(kube: Kube, namespace: str, name: str) -> bool:
    """Whether a Deployment has a pod that is ready."""
    return bool(kube.get(DEPLOYMENTS, namespace, name).get("status", {}).get("availableReplicas"))


def has_namespace(kube: Kube, name: str) -> bool:
    """Whether a namespace exists, be it that it is just ending."""
    return kube.find(NAMESPACES, None, name) is not None


def record(kube: Kube, key: Key) -> Record | None:
    """The record of an environment."""
    raw = kube.find(CONFIG_MAPS, labels.CONTROL_NAMESPACE, key.dotted)
    return read_record(raw) if raw else None


def reconciler_log(kube: Kube) -> str:
    """The end of the reconciler's log, for the message of a failure."""
    try:
        pods = [item["metadata"]["name"] for item in kube.list(PODS, labels.CONTROL_NAMESPACE)]
        return "\n".join(_tail(kube, pod) for pod in pods)
    except TenantctlError as error:
        return f"  | no log: {error}"


def _tail(kube: Kube, pod: str) -> str:
    with kube.stream(PODS.path(labels.CONTROL_NAMESPACE, pod, "log"), {"tailLines": LOG_LINES}, 10) as response:
        lines = response.read().decode(errors="replace").splitlines()
    return "\n".join([f"the log of pod {labels.CONTROL_NAMESPACE}/{pod} ends with", *(f"  | {line}" for line in lines)])


def wait(probe: Callable[[], T | None], what: str, seconds: float, state: Callable[[], str], remedy: str) -> T:
    """The first true value of `probe`. Raises DemoError with `state` when it does not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise DemoError(f"after {seconds:g} s still not: {what}", said=state(), remedy=remedy)
        time.sleep(PAUSE)
