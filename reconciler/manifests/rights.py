"""Who must be allowed what, read from the manifests themselves, and what the API server says about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import ACCESS_REVIEWS, Resource

Json = dict[str, Any]

REVIEWS = Resource("/apis/authorization.k8s.io/v1", "subjectaccessreviews")


@dataclass(frozen=True, order=True, slots=True)
class Right:
    """One verb on one resource, for one user; an empty namespace is the whole cluster, an empty name every object."""

    user: str
    namespace: str
    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def rights(items: Iterable[Json]) -> list[Right]:
    """Every right that the bindings among the manifests give to service accounts, by the roles among them."""
    manifests = list(items)
    roles = {_role(item): item["rules"] for item in manifests if item["kind"] in ("Role", "ClusterRole")}
    bindings = (item for item in manifests if item["kind"] in ("RoleBinding", "ClusterRoleBinding"))
    return sorted({right for binding in bindings for right in _given(binding, roles)})


def _role(item: Json) -> tuple[str, str, str]:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _given(binding: Json, roles: dict[tuple[str, str, str], list[Json]]) -> Iterator[Right]:
    namespace, reference = binding["metadata"].get("namespace", ""), binding["roleRef"]
    scope = namespace if reference["kind"] == "Role" else ""
    for rule, subject in product(roles[reference["kind"], scope, reference["name"]], binding["subjects"]):
        user = f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
        names = rule.get("resourceNames", [""])
        for group, resource, verb, name in product(rule["apiGroups"], rule["resources"], rule["verbs"], names):
            yield Right(user, namespace, group, resource, verb, name)


def missing(kube: Kube, wanted: Iterable[Right]) -> list[Right]:
    """Those that the API server would refuse. Raises NotAllowed when the caller may not ask about others."""
    return [right for right in wanted if not _allowed(kube, right)]


def _allowed(kube: Kube, right: Right) -> bool:
    resource, _, sub = right.resource.partition("/")
    attributes = {
        "group": right.group,
        "resource": resource,
        "subresource": sub,
        "verb": right.verb,
        "name": right.name,
    }
    namespace = right.user.split(":")[2]
    spec = {
        "user": right.user,
        "groups": ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}"],
        "resourceAttributes": attributes | {"namespace": right.namespace},
    }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    return bool(kube.request("POST", REVIEWS.path(), {}, body)["status"]["allowed"])


def may(kube: Kube, group: str, resource: str, verb: str, namespace: str = "") -> bool:
    """Whether the caller has a right; an empty namespace is the whole cluster."""
    attributes = {"group": group, "resource": resource, "verb": verb, "namespace": namespace}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(kube.request("POST", ACCESS_REVIEWS.path(), {}, body)["status"]["allowed"])
