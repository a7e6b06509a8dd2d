"""An API server in memory, behind the methods of `adapters.kube.Kube` that installing and looking need.

It serves Argo's kinds, allows everything, and refuses what the admission policies refuse, as if they were in effect.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

from reconciler.adapters.kube.resources import DEPLOYMENTS, NAMESPACES, PODS, Resource
from reconciler.core.errors import NotFound, Unprocessable

Json = dict[str, Any]
SERVED = {
    "/apis/argoproj.io/v1alpha1": ("workflows", "clusterworkflowtemplates", "workflowtaskresults"),
    "/apis/admissionregistration.k8s.io/v1": (
        "validatingadmissionpolicies", "validatingadmissionpolicybindings",
    ),
}  # fmt: skip


class MemoryKube:
    """Objects by path. `available` is what a Deployment comes to; `terminating` keeps namespaces that are deleted."""

    where = "memory"

    def __init__(self, *, available: bool = True) -> None:
        self.objects: dict[str, Json] = {}
        self.available = available
        self.terminating: set[str] = set()
        self.refusal: Exception | None = None  # of what is asked of a Service

    def find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        return copy.deepcopy(self.objects.get(resource.path(namespace, name)))

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        found = self.find(resource, namespace, name)
        if found is None:
            raise NotFound(name)
        return found

    def list(self, resource: Resource, namespace: str | None = None, **query: str) -> Iterator[Json]:
        wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if "!" not in pair and pair)
        for path, item in list(self.objects.items()):
            metadata = item["metadata"]
            place = resource.path(metadata.get("namespace"), metadata["name"])
            if place != path or namespace not in (None, metadata.get("namespace")) or "fieldSelector" in query:
                continue
            if wanted.items() <= metadata.get("labels", {}).items():
                yield copy.deepcopy(item)

    def apply(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        made = copy.deepcopy(body)
        made["metadata"]["generation"] = 1
        if body["kind"] == "Deployment" and self.available:
            numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), made["spec"]["replicas"])
            made["status"] = {"observedGeneration": 1, **numbers}
        if not dry_run:
            self.objects[path] = made
        return made

    def create(self, resource: Resource, namespace: str | None, body: Json, **query: str) -> Json:
        if resource.plural == "workflows":
            policy = "tenantctl-workflow-status" if "status" in body else "tenantctl-workflows"
            raise Unprocessable(f"ValidatingAdmissionPolicy '{policy}' denied it")
        return self.put(resource, namespace, body)

    def put(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        """What a test, or somebody else, puts there."""
        made = copy.deepcopy(body)
        if namespace:
            made["metadata"]["namespace"] = namespace
        self.objects[resource.path(namespace, made["metadata"]["name"])] = made
        return made

    def delete(self, resource: Resource, namespace: str | None, name: str) -> bool:
        path = resource.path(namespace, name)
        if resource == NAMESPACES and name in self.terminating:
            self.objects[path].setdefault("status", {})["phase"] = "Terminating"
            return True
        return self.objects.pop(path, None) is not None

    def request(self, method: str, path: str, query: Json | None = None, body: Any = None) -> Json:
        if path.endswith("/proxy/webhook") and self.refusal:
            raise self.refusal
        if path in SERVED:
            return {"resources": [{"name": name} for name in SERVED[path]]}
        return {"status": {"allowed": True}, "gitVersion": "v1.34.0"}

    # what tests ask
    def settings(self) -> Json:
        """The settings that the installation remembers."""
        annotations = self.get(NAMESPACES, None, "tenantctl")["metadata"]["annotations"]
        remembered: Json = json.loads(annotations["tenantctl.io/settings"])
        return remembered

    def deployment(self) -> Json:
        """The reconciler's Deployment, to be looked at and changed."""
        return self.objects[DEPLOYMENTS.path("tenantctl", "tenantctl-reconciler")]

    def image(self) -> str:
        """The reconciler's image."""
        image: str = self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    def pod(self, name: str, image: str, **status: Any) -> None:
        """A pod of the reconciler, its container in a state."""
        marks = {"app.kubernetes.io/name": "tenantctl", "app.kubernetes.io/component": "reconciler"}
        body = {
            "metadata": {"name": name, "labels": marks},
            "spec": {"containers": [{"image": image}]},
            "status": {"containerStatuses": [status]} if status else {"phase": "Pending"},
        }
        self.put(PODS, "tenantctl", body)
