"""Cluster: what a test or the demo needs to know of a running one, and finding it again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from . import addresses, cgroups, process
from .api import Api
from .certificates import Pair
from .folders import state


@dataclass(frozen=True)
class Cluster:
    """A cluster that was started here, or (`local` false) one that existed and was named."""

    name: str
    context: str
    kubeconfig: Path
    api: str
    argo_server: str  # URL; empty when unknown
    image: str  # our own image, by content; empty while it was never built
    busybox: str
    host: str  # this machine as pods see it; empty when unknown
    netns: str
    argo: Path | None  # the argo command-line client
    containerd: Path | None  # socket, for `ctr --address`
    logs: Path
    local: bool = True

    def save(self) -> Cluster:
        """Notes the cluster so that `find` knows it; returns it."""
        file = _note(self.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(dataclasses.asdict(self), default=str, indent=1))
        unfinished.rename(file)
        return self


def find(name: str = "eu-west") -> Cluster | None:
    """The cluster `name` if it runs: every process is there and the API server answers. Changes nothing."""
    cluster = noted(name)
    if cluster is None or (cluster.local and not healthy(name)):
        return None
    return cluster


def noted(name: str) -> Cluster | None:
    """The cluster as it was when it was started."""
    file = _note(name)
    if not file.exists():
        return None
    values = json.loads(file.read_text())
    for field in ("kubeconfig", "argo", "containerd", "logs"):
        values[field] = Path(values[field]) if values[field] else None
    try:
        return Cluster(**values)
    except TypeError:  # written by another version of this code: not ours to understand
        return None


def healthy(name: str) -> bool:
    """Whether all of a local cluster's processes run, its API server is ready and its node too."""
    marks = list((state(name) / "processes").glob("*"))
    if not marks or not all(process.running(mark) for mark in marks):
        return False
    try:
        return node_ready(name)
    except OSError:
        return False


def node_ready(name: str) -> bool:
    """Whether the node can take pods. Raises OSError while the API server doesn't answer."""
    node = access(name).get(f"api/v1/nodes/{name}", timeout=1.5)
    return any(item["type"] == "Ready" and item["status"] == "True" for item in node["status"]["conditions"])


def access(name: str) -> Api:
    """The administrator's access. Raises OSError when there are no keys."""
    keys = state(name) / "keys"
    server = addresses.of(name).api
    return Api(server, str(keys / "ca.crt"), Pair(keys / "admin.crt", keys / "admin.key"))


def superuser(name: str) -> Api:
    """Access for the first steps, before anyone was given rights."""
    keys = state(name) / "keys"
    user = Pair(keys / "superuser.crt", keys / "superuser.key")
    return Api(addresses.of(name).api, str(keys / "ca.crt"), user)


def runtime(name: str) -> process.Runtime:
    """Where the programs beside a cluster run: those of Argo CD, say."""
    own = addresses.of(name)
    return process.Runtime(state(name), own.netns, cgroups.programs(own.netns))


def _note(name: str) -> Path:
    return state(name) / "cluster.json"
