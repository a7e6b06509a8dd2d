"""The kinds that an installation has, where they live in the API, and which of them an upgrade prunes."""

from dataclasses import dataclass
from typing import Any

from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES, CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, Resource

Json = dict[str, Any]

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
SERVICE_ACCOUNTS = Resource("/api/v1", "serviceaccounts")
ROLE_BINDINGS = Resource(RBAC, "rolebindings")
SERVICES = Resource("/api/v1", "services")
POLICIES = Resource(ADMISSION, "validatingadmissionpolicies")
POLICY_BINDINGS = Resource(ADMISSION, "validatingadmissionpolicybindings")

RESOURCES = {
    "Namespace": NAMESPACES,
    "ServiceAccount": SERVICE_ACCOUNTS,
    "ConfigMap": CONFIG_MAPS,
    "ClusterRole": Resource(RBAC, "clusterroles"),
    "ClusterRoleBinding": Resource(RBAC, "clusterrolebindings"),
    "Role": Resource(RBAC, "roles"),
    "RoleBinding": ROLE_BINDINGS,
    "ValidatingAdmissionPolicy": POLICIES,
    "ValidatingAdmissionPolicyBinding": POLICY_BINDINGS,
    "ClusterWorkflowTemplate": CLUSTER_TEMPLATES,
    "Service": SERVICES,
    "Deployment": DEPLOYMENTS,
}
KEPT = ("Namespace", "ConfigMap")  # they hold records and placements: only `uninstall --purge` removes them


@dataclass(frozen=True, order=True, slots=True)
class Id:
    """Which object: its kind, namespace (empty for cluster scope) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def resource(self) -> Resource:
        """Where its kind lives."""
        return RESOURCES[self.kind]

    @property
    def path(self) -> str:
        """Where it lives."""
        return self.resource.path(self.namespace or None, self.name)


def id_of(item: Json) -> Id:
    """Which object a manifest describes."""
    return Id(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
