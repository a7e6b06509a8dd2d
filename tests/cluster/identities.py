"""Identities: who talks to the API server, as which user, in which groups. Names are the field's own.

Argo's two processes run outside the cluster but are the service accounts of Argo's manifests, so that
rules about them hold here as in production. Nobody that is handed out is in `system:masters`, since that
group is exempt from throttling.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import kubeconfig
from .addresses import API_SERVICE, Addresses
from .certificates import Authority, Pair

ADMINS = "tenantctl:admins"
ARGO_NAMESPACE = "argo"
NODE_NAMES = ("localhost", "127.0.0.1")
SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True)
class Identities:
    """Files: certificates to serve with, keys to sign with, kubeconfigs to connect with."""

    folder: Path
    authority: Path
    service_accounts: Path
    superuser: Pair
    api_server: Pair
    api_server_to_kubelet: Pair
    kubelet: Pair

    def kubeconfig(self, name: str) -> Path:
        return self.folder / f"{name}.kubeconfig"


def create(own: Addresses, folder: Path) -> Identities:
    """Issues everything into the new folder `folder`."""
    authority = Authority(folder)
    node = f"system:node:{own.name}"
    identities = Identities(
        folder=folder,
        authority=authority.certificate,
        service_accounts=authority.service_account_key(),
        superuser=authority.issue("superuser", "superuser", ["system:masters"]),
        api_server=authority.issue(
            "kube-apiserver", "kube-apiserver", hosts=[own.node, API_SERVICE, *NODE_NAMES, *SERVICE_NAMES]
        ),
        api_server_to_kubelet=authority.issue("kube-apiserver-kubelet", "kube-apiserver-kubelet-client"),
        kubelet=authority.issue("kubelet", node, ["system:nodes"], hosts=[own.node, own.name]),
    )
    users = {
        "admin": authority.issue("admin", "admin", [ADMINS]),
        "kubelet": identities.kubelet,
        "kube-controller-manager": authority.issue("controller-manager", "system:kube-controller-manager"),
        "kube-scheduler": authority.issue("scheduler", "system:kube-scheduler"),
        "kube-proxy": authority.issue("proxy", "system:kube-proxy"),
        "workflow-controller": _service_account(authority, "argo"),
        "argo-server": _service_account(authority, "argo-server"),
    }
    for name, pair in users.items():
        _connect(own, identities, name, pair)
    return identities


def _connect(own: Addresses, identities: Identities, name: str, pair: Pair) -> None:
    kubeconfig.write(
        identities.kubeconfig(name),
        context=f"tenantctl-{own.name}",
        server=own.api,
        authority=identities.authority,
        user=pair,
        namespace=ARGO_NAMESPACE if "argo" in name or "workflow" in name else "default",
    )


def _service_account(authority: Authority, name: str) -> Pair:
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{ARGO_NAMESPACE}"]
    return authority.issue(name, f"system:serviceaccount:{ARGO_NAMESPACE}:{name}", groups)


def manifests() -> list[dict]:
    """What those users may do, as far as Kubernetes doesn't bind it by itself."""
    group = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": ADMINS}
    client = {"kind": "User", "apiGroup": group["apiGroup"], "name": "kube-apiserver-kubelet-client"}
    accounts = [
        {"kind": "ServiceAccount", "name": name, "namespace": ARGO_NAMESPACE} for name in ("argo", "argo-server")
    ]
    return [
        _binding("tenantctl-admins", "cluster-admin", group),
        _binding("kube-apiserver-kubelet", "system:kubelet-api-admin", client),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGO_NAMESPACE}},
        *({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(account)} for account in accounts),
        _binding("argo", "cluster-admin", *accounts),
    ]


def _metadata(account: dict) -> dict:
    return {"name": account["name"], "namespace": account["namespace"]}


def _binding(name: str, role: str, *subjects: dict) -> dict:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }
