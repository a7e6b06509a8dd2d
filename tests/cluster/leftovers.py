"""Leftovers: what a cluster, or the object store, has left on the machine once it is down."""

import subprocess

from . import cgroups, network
from .addresses import Addresses


def leftovers(own: Addresses) -> list[str]:
    """Its processes, network namespace and link, as far as they are still there."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    found = [f"process {pid}" for pid in cgroups.members(own.netns)]
    found += [f"namespace {own.netns}"] if (network.NAMESPACES / own.netns).exists() else []
    return found + ([f"link {own.link}"] if own.link in links else [])
