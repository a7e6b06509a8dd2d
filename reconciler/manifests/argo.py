"""What a cluster says about its Argo Workflows: who its controller is, and which version."""

import re
from collections.abc import Iterator

from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.resources import DEPLOYMENTS

# As Argo's manifests and as its chart label it.
SELECTORS = ("app=workflow-controller", "app.kubernetes.io/component=workflow-controller")


def controllers(kube: Kube) -> tuple[str, ...]:
    """The users of the controllers that run in this cluster, as admission sees them. Empty when none runs inside."""
    return tuple(sorted({_user(item) for item in _deployments(kube)}))


def versions(kube: Kube) -> tuple[str, ...]:
    """The versions in the tags of the controllers' images; empty when they say nothing."""
    pods = (item["spec"]["template"]["spec"] for item in _deployments(kube))
    images = (container["image"] for pod in pods for container in pod["containers"])
    return tuple(sorted({match[1] for image in images if (match := re.search(r":v?(\d+\.\d+(\.\d+)?)", image))}))


def _deployments(kube: Kube) -> Iterator[Json]:
    for selector in SELECTORS:
        yield from kube.list(DEPLOYMENTS, labelSelector=selector)


def _user(deployment: Json) -> str:
    account = deployment["spec"]["template"]["spec"].get("serviceAccountName", "default")
    return f"system:serviceaccount:{deployment['metadata']['namespace']}:{account}"
