"""The node: what all pods on it share, and its object in the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.client import MERGE_PATCH
from reconciler.adapters.kube.resources import Resource
from reconciler.core.errors import AlreadyExists

from .forging import Forging
from .images import Images
from .logserver import PORT
from .output import Pump
from .podstatus import now

Json = dict[str, Any]
NODES = Resource("/api/v1", "nodes")
MAX_PODS = 200


@dataclass
class Node:
    """`kubelet` and `scheduler` are the API server as these two may use it; `folder` is for pods' files."""

    name: str
    address: str
    folder: Path
    kubelet: Kube
    scheduler: Kube
    forging: Forging
    pump: Pump
    images: Images
    environment: Mapping[str, str]
    newest: Callable[[str], Json | None] = field(default=lambda uid: None)


def register(node: Node) -> None:
    """Make the Node's object, ready for pods. There is no heartbeat: no controller here looks for one."""
    metadata = {"name": node.name, "labels": {"kubernetes.io/hostname": node.name}}
    body = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": _status(node)}
    try:
        node.kubelet.create(NODES, None, body)
    except AlreadyExists:
        path = NODES.path(None, node.name, "status")
        node.kubelet.request("PATCH", path, {}, {"status": _status(node)}, MERGE_PATCH)


def _status(node: Node) -> Json:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the stand-in takes pods"}
    room = {"cpu": "8", "memory": "16Gi", "pods": str(MAX_PODS)}
    return {
        "addresses": [{"type": "InternalIP", "address": node.address}, {"type": "Hostname", "address": node.name}],
        "conditions": [ready | {"lastHeartbeatTime": now(), "lastTransitionTime": now()}],
        "capacity": room,
        "allocatable": room,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
        "nodeInfo": {"kubeletVersion": "v0.0.0-standin"},
    }
