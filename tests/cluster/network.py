"""Network: a namespace for the cluster, one link to the machine, routes to its pods; nothing else."""

from __future__ import annotations

from pathlib import Path

from .addresses import Addresses
from .command import quiet, run
from .failure import ClusterError

REMEDY = "look at `ip netns` and `ip address`; make cluster-down removes what a cluster made"
NAMESPACES = Path("/run/netns")


def create(own: Addresses) -> None:
    """Joins machine and cluster by a veth pair. Forwarding is allowed on this link only, so that two
    clusters reach each other through the machine."""
    _refuse_foreign(own)
    inside = ["ip", "-n", own.netns]
    for command in (
        ["ip", "netns", "add", own.netns],
        ["ip", "link", "add", own.link, "type", "veth", "peer", "name", "eth0", "netns", own.netns],
        ["ip", "address", "add", f"{own.host}/24", "dev", own.link],
        ["ip", "link", "set", own.link, "up"],
        [*inside, "address", "add", f"{own.node}/24", "dev", "eth0"],
        [*inside, "link", "set", "lo", "up"],
        [*inside, "link", "set", "eth0", "up"],
        [*inside, "route", "add", "default", "via", own.host],
        ["ip", "route", "add", own.pods, "via", own.node],
        ["nsenter", f"--net={NAMESPACES / own.netns}", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
    ):
        run(command, remedy=REMEDY)
    Path(f"/proc/sys/net/ipv4/conf/{own.link}/forwarding").write_text("1")


def remove(own: Addresses) -> None:
    """Takes all of it away again, as far as it is there."""
    quiet(["ip", "link", "delete", own.link])
    quiet(["ip", "netns", "delete", own.netns])
    if NAMESPACES.exists() and not any(NAMESPACES.iterdir()):
        quiet(["umount", NAMESPACES])  # `ip netns add` mounts the folder onto itself


def _refuse_foreign(own: Addresses) -> None:
    taken = run(["ip", "-o", "route", "show", "root", "10.213.0.0/16"], remedy=REMEDY).splitlines()
    other = [line for line in taken if f"10.213.{own.slot}." in line]
    if other:
        raise ClusterError(
            f"The addresses of the cluster {own.name} are in use: {other[0]}",
            remedy=f"make cluster-down NAME={own.name} if it is a cluster of yours, else choose another NAME",
        )
