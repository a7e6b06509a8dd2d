"""Leftovers: everything on this machine that belongs to a cluster, to the object store, or to a folder of the demo.

Tests take a `snapshot()` before and after. Other clusters of the machine come and go meanwhile, so it is by name.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import cgroups, mounts, network
from .addresses import Addresses
from .cleanup import CONTAINER_LOGS, POD_NETWORK_NOTES
from .folders import state

MOUNTS = Path("/proc/self/mountinfo")


def snapshot(*owns: Addresses, folders: Iterable[Path] = ()) -> frozenset[str]:
    """One line for each process, network namespace, link, route, mount, cgroup, note and folder of theirs."""
    kept = [*(state(own.name) for own in owns), *folders]
    found = {line for own in owns for line in _of_network(own)}
    found |= {f"cgroup {path}" for own in owns for path in cgroups.present(own.netns)}
    found |= {f"note {path}" for own in owns for path in POD_NETWORK_NOTES.glob(f"{own.netns}-*")}
    found |= {f"process {_words(pid)}" for pid in {*_members(owns), *_naming(kept)}}
    return frozenset(found | {line for folder in kept for line in _of_folder(folder)})


def _of_network(own: Addresses) -> Iterator[str]:
    if (network.NAMESPACES / own.netns).exists():
        yield f"namespace {own.netns}"
    for what in ("link", "address", "route"):
        said = subprocess.run(["ip", "-o", what], capture_output=True, text=True, check=True).stdout
        name = re.compile(rf"\b(?:{re.escape(own.link)}|10\.21[34]\.{own.slot}\.\d+)\b")
        yield from (f"{what} {line}" for line in said.splitlines() if name.search(line))


def _of_folder(folder: Path) -> Iterator[str]:
    if folder.exists():
        yield f"folder {folder}"
    yield from (f"mount {point}" for point in mounts.below(folder))
    for link in CONTAINER_LOGS.glob("*"):
        if link.is_symlink() and link.readlink().is_relative_to(folder):
            yield f"log {link}"


def _members(owns: Iterable[Addresses]) -> Iterator[int]:
    """Processes in their cgroups, or in their network namespaces."""
    spaces = [network.NAMESPACES / own.netns for own in owns]
    for own in owns:
        yield from cgroups.members(own.netns)
    for pid, process in _processes():
        with contextlib.suppress(OSError):
            if any(space.exists() and space.samefile(process / "ns" / "net") for space in spaces):
                yield pid


def _naming(folders: list[Path]) -> Iterator[int]:
    """Processes that have one of the folders in their command line, or that work in it."""
    for pid, process in _processes():
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            place = (process / "cwd").readlink()
            if any(f"{folder}/" in f"{words}/" or place.is_relative_to(folder) for folder in folders):
                yield pid


def _processes() -> Iterator[tuple[int, Path]]:
    """All but this one: tests have the names of clusters in their command lines."""
    found = ((int(path.name), path) for path in Path("/proc").iterdir() if path.name.isdecimal())
    yield from ((pid, path) for pid, path in found if pid != os.getpid())


def _words(pid: int) -> str:
    with contextlib.suppress(OSError):
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}"
    return f"{pid}, which has ended since"
