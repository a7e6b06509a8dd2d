"""Addresses: everything that tells two clusters apart follows from the cluster's name alone.

Private ranges that neither Kubernetes nor container tools use by default: 10.213.N.0/24 joins the machine
(.1) and the cluster's node (.2), 10.214.N.0/24 are its pods, N from the name.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

NAME = re.compile(r"[a-z]([-a-z0-9]{0,28}[a-z0-9])?")
SLOTS = 254
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
API_PORT = 6443
ARGO_PORT = 2746


@dataclass(frozen=True)
class Addresses:
    """The network identity of one cluster."""

    name: str
    slot: int

    @property
    def netns(self) -> str:
        return f"tenantctl-{self.name}"

    @property
    def link(self) -> str:
        """The machine's end of the veth pair; names of links have at most 15 characters."""
        return f"tenantctl{self.slot}"

    @property
    def host(self) -> str:
        """The machine as the cluster's pods see it."""
        return f"10.213.{self.slot}.1"

    @property
    def node(self) -> str:
        return f"10.213.{self.slot}.2"

    @property
    def pods(self) -> str:
        return f"10.214.{self.slot}.0/24"

    @property
    def api(self) -> str:
        return f"https://{self.node}:{API_PORT}"

    @property
    def argo_server(self) -> str:
        return f"http://{self.node}:{ARGO_PORT}"


def of(name: str) -> Addresses:
    """The addresses of the cluster `name`. Raises ValueError for a name that Kubernetes would not take."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a cluster: use a-z, 0-9 and hyphens, at most 30 characters")
    return Addresses(name, int.from_bytes(hashlib.sha256(name.encode()).digest()) % SLOTS + 1)
