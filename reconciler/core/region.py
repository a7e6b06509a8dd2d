"""A region: one Kubernetes cluster with Argo Workflows, as `providers/regions.yaml` lists it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WORKFLOW_NAMESPACE = "tenantctl-workflows"
IN_FLIGHT_LIMIT = 5


@dataclass(frozen=True)
class ArgoCD:
    """Where applications of single environments go: Argo CD's API, the project, and the cluster as Argo CD knows it."""

    url: str
    project: str = "tenants"
    cluster: str = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class Region:
    """One region; `context` None means the cluster that tenantctl itself runs in."""

    name: str
    context: str | None = None
    workflow_namespace: str = WORKFLOW_NAMESPACE
    in_flight_limit: int = IN_FLIGHT_LIMIT
    argo_server: str | None = None
    argo_cd: ArgoCD | None = None

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Region":
        """Read an entry of a RegionList that keeps its schema."""
        argo_cd = entry.get("argoCD")
        return cls(
            name=entry["name"],
            context=entry.get("context"),
            workflow_namespace=entry.get("workflowNamespace", WORKFLOW_NAMESPACE),
            in_flight_limit=entry.get("inFlightLimit", IN_FLIGHT_LIMIT),
            argo_server=entry.get("argoServer"),
            argo_cd=ArgoCD(**argo_cd) if argo_cd else None,
        )
