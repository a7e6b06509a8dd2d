"""kubectl, as a cluster's administrator."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .cluster import Cluster
from .failure import ClusterError


def kubectl(cluster: Cluster, *words: str, given: str = "") -> str:
    """Runs it with `given` on standard input and returns what it says. Raises ClusterError."""
    command = ["kubectl", f"--kubeconfig={cluster.kubeconfig}", *words]
    done = subprocess.run(command, input=given, text=True, capture_output=True)
    if done.returncode:
        raise ClusterError(f"kubectl {words[0]}: {done.stderr.strip()[-1000:]}", remedy="see what kubectl says")
    return done.stdout


def apply(cluster: Cluster, *manifests: dict[str, Any]) -> None:
    """Apply objects server-side, in that order. Raises ClusterError."""
    listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    kubectl(cluster, "apply", "--server-side", "--filename=-", given=json.dumps(listed))
