"""Ledger: the example service on PostgreSQL (tests/examples/services/ledger) in a namespace of a local cluster."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import yaml

from . import postgres
from .api import wait
from .cluster import Cluster
from .failure import ClusterError
from .folders import REPOSITORY
from .kubectl import kubectl
from .progress import Say

FOLDER = REPOSITORY / "tests" / "examples" / "services" / "ledger"
SECRET = "ledger-database"
LIFECYCLE = "tenantctl.io/lifecycle=enabled"


def install(cluster: Cluster, namespace: str = "ledger", *, enabled: bool = True, progress: Say = print) -> None:
    """What team and (unless `enabled` is false) platform do: image, namespace, a password, manifests, the label.

    Returns when the database answers at its Service. Raises ClusterError.
    """
    postgres.provide(cluster.name, progress)
    first, *rest = manifests(namespace)
    kubectl(cluster, "apply", "--filename=-", given=json.dumps(first))
    kubectl(cluster, "apply", "--filename=-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": rest}))
    if not kubectl(cluster, "get", "secret", SECRET, f"--namespace={namespace}", "--ignore-not-found"):
        password = f"--from-literal=password={secrets.token_hex(16)}"
        kubectl(cluster, "create", "secret", "generic", SECRET, f"--namespace={namespace}", password)
    if enabled:
        kubectl(cluster, "label", "namespace", namespace, LIFECYCLE, "--overwrite")
    kubectl(cluster, "rollout", "status", "deployment/ledger", f"--namespace={namespace}", "--timeout=180s")
    wait(f"the Service of {namespace}", lambda: answers(cluster, namespace), seconds=120, watch=lambda: None)


def answers(cluster: Cluster, namespace: str) -> bool:
    """Whether the database answers at its Service, as lifecycle code asks it. A ready pod is not enough for that:
    kube-proxy learns of it later, much later on a loaded machine."""
    try:
        return _psql(cluster, namespace, "select 1", '--host="$LEDGER_SERVICE_HOST"') == "1"
    except ClusterError:
        return False


def manifests(namespace: str) -> list[dict[str, Any]]:
    """The team's files as they would be for another namespace, which comes first."""
    found = [item for file in files() for item in yaml.safe_load_all(file.read_text())]
    for item in found:
        metadata = item["metadata"]
        if item["kind"] == "Namespace":
            metadata["name"] = namespace
        else:
            metadata["namespace"] = namespace
    return sorted(found, key=lambda item: item["kind"] != "Namespace")


def files() -> list[Path]:
    """The team's manifests."""
    return sorted(FOLDER.glob("*.yaml"))


def sql(cluster: Cluster, namespace: str, text: str) -> str:
    """What the database answers to `text`, without headers. Raises ClusterError with its message."""
    return _psql(cluster, namespace, text, "--host=/tmp")


def _psql(cluster: Cluster, namespace: str, text: str, host: str) -> str:
    words = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
    inside = [
        "sh",
        "-c",
        f'PGCONNECT_TIMEOUT=30 PGPASSWORD=$PASSWORD exec "$@" {host}',
        "-",
        *words,
        "--username=postgres",
    ]
    target = ["exec", "--stdin", f"--namespace={namespace}", "deployment/ledger", "--"]
    return kubectl(cluster, *target, *inside, given=text).strip()
