"""Taking an installation away: in which order, what stands against it, and what stays behind."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS, NAMESPACES, SECRETS, WORKFLOWS
from reconciler.core import labels
from reconciler.core.errors import NotFound
from reconciler.manifests import archives
from reconciler.manifests.apply import found
from reconciler.manifests.kinds import KEPT, ROLE_BINDINGS, Id

COMPLETED = "workflows.argoproj.io/completed"
# First what acts, then the rights, then the admission that guards them; namespaces take what is in them along.
ORDER = (
    "Deployment", "Service", "ClusterWorkflowTemplate", "RoleBinding", "Role", "ClusterRoleBinding", "ClusterRole",
    "ServiceAccount", "ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy", "ConfigMap", "Namespace",
)  # fmt: skip


def removable(kube: Kube, *, purge: bool) -> list[Id]:
    """What to delete, in order. Without `purge` whatever holds state stays."""
    targets = [target for target in found(kube) if purge or target.kind not in KEPT]
    return sorted(targets, key=lambda target: (ORDER.index(target.kind), target))


def by_kind(targets: Iterable[Id]) -> str:
    """How many of each kind, in their order: `Deployment (1), RoleBinding (4)`."""
    return ", ".join(f"{kind} ({number})" for kind, number in Counter(target.kind for target in targets).items())


def remains(kube: Kube, target: Id) -> str:
    """Why an object that was deleted is still there, as the server says it; empty when it is gone."""
    item = kube.find(target.resource, target.namespace or None, target.name)
    if item is None:
        return ""
    conditions = item.get("status", {}).get("conditions", [])
    said = "; ".join(c["message"] for c in conditions if c["status"] == "True" and c.get("message"))
    return f"{target} is still being removed" + (f": {said}" if said else "")


def runs_in_progress(kube: Kube, namespace: str) -> list[str]:
    """The names of our runs that are not completed."""
    selector = f"{labels.MANAGED_BY}={labels.MANAGER},{COMPLETED}!=true"
    try:
        return sorted(item["metadata"]["name"] for item in kube.list(WORKFLOWS, namespace, labelSelector=selector))
    except NotFound:
        return []


def left(kube: Kube, workflow_namespace: str, *, purge: bool) -> Iterator[str]:
    """What an uninstallation leaves in the cluster, a line each."""
    if not purge:
        for kind, namespace in (("record", labels.CONTROL_NAMESPACE), ("placement", workflow_namespace)):
            selector = f"{labels.MANAGED_BY}={labels.MANAGER},{labels.KIND}={kind}"
            number = sum(1 for _ in kube.list(CONFIG_MAPS, namespace, labelSelector=selector))
            yield f"{number} {kind}s in namespace {namespace} (--purge removes them)"
        if kube.find(SECRETS, workflow_namespace, archives.NAME) is not None:
            yield f"Secret {workflow_namespace}/{archives.NAME} with the credentials of archives (--purge removes it)"
    for item in kube.list(ROLE_BINDINGS, fieldSelector="metadata.name=tenantctl-lifecycle"):
        yield f"RoleBinding {item['metadata']['namespace']}/tenantctl-lifecycle, which is its team's"
    for item in kube.list(NAMESPACES, labelSelector=labels.TRUSTED):
        yield f"the label {labels.LIFECYCLE} on namespace {item['metadata']['name']}, which is the platform's"
