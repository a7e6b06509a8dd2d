"""Outages: what two clusters and the object store cannot be made to do otherwise, undone when the block ends.

A route that leads nowhere answers at once that there is no way, as a network does when a link is down.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from . import addresses
from .cluster import Cluster
from .command import run
from .network import NAMESPACES, REMEDY


@contextlib.contextmanager
def without(cluster: Cluster, address: str) -> Iterator[None]:
    """Nothing in the local cluster reaches `address`, its pods included."""
    with _no_route(["nsenter", f"--net={NAMESPACES / cluster.netns}"], address):
        yield


@contextlib.contextmanager
def silent(cluster: Cluster) -> Iterator[None]:
    """The local cluster's API server is reached neither by this machine nor by other clusters; inside, all goes on."""
    with _no_route([], addresses.of(cluster.name).node):
        yield


@contextlib.contextmanager
def _no_route(inside: list[str], address: str) -> Iterator[None]:
    words = [f"{address}/32", "metric", "0"]
    run([*inside, "ip", "route", "add", "unreachable", *words], remedy=REMEDY)
    try:
        yield
    finally:
        run([*inside, "ip", "route", "delete", "unreachable", *words], remedy=REMEDY)
