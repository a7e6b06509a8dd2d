"""Place: where the demo of one cluster keeps its things, and the environment that its commands have."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import Cluster, find
from tests.gitenv import git_environment

from .fleet import ROOT, Fleet

SECOND = "us-east"
FOREIGN = ("KUBECONFIG", "TENANTCTL_", "ARGO_")


def second_name(name: str) -> str:
    """What the second cluster of a demo is called."""
    return SECOND if name == "eu-west" else f"{name}-2"


@dataclass(frozen=True)
class Place:
    """The folder `.demo/<cluster>`."""

    name: str

    @property
    def folder(self) -> Path:
        """Everything of the demo; git ignores it."""
        return ROOT / ".demo" / self.name

    @property
    def shown(self) -> str:
        """The folder as people type it, from the repository's root."""
        return str(self.folder.relative_to(ROOT))

    @property
    def command(self) -> str:
        """What people type to start this demo: its clusters and the object store know it by that."""
        return "make demo" if self.name == "eu-west" else f"make demo NAME={self.name}"

    @property
    def fleet(self) -> Fleet:
        """The demo's git repository."""
        return Fleet(self.folder / "remotes" / "fleet.git", self.folder / "fleet")

    @property
    def server(self) -> Path:
        """The mark of the git server, or of the reconciler where that runs on this machine."""
        return self.folder / "server"

    @property
    def log(self) -> Path:
        """The log of what goes on in the background."""
        return self.folder / "server.log"

    def variables(self, cluster: Cluster) -> dict[str, str]:
        """What a user's shell needs for this cluster."""
        other = find(second_name(self.name)) if cluster.local and cluster.name == self.name else None
        return {
            "KUBECONFIG": ":".join(str(each.kubeconfig) for each in (cluster, other) if each),
            "TENANTCTL_CONTEXT": cluster.context,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def environment(self, cluster: Cluster) -> dict[str, str]:
        """The environment of the demo's commands: nothing in it names another cluster."""
        kept = {name: value for name, value in git_environment().items() if not name.startswith(FOREIGN)}
        return kept | self.variables(cluster) | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def write_env(self, cluster: Cluster) -> str:
        """Write `env`, to be sourced by a shell; returns it as people type it."""
        folders = [Path(sys.executable).parent, *([cluster.argo.parent] if cluster.argo else [])]
        variables = self.variables(cluster) | {"PATH": ":".join([*map(str, folders), "$PATH"])}
        quoted = {name: f'"{value}"' if "$" in value else shlex.quote(value) for name, value in variables.items()}
        text = "".join(f"export {name}={value}\n" for name, value in quoted.items())
        (self.folder / "env").write_text(text)
        return f"{self.shown}/env"
