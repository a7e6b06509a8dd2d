"""Cgroups: a folder per cluster, for pods by the kubelet and for our processes: nothing escapes `down`."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

UNIFIED = Path("/sys/fs/cgroup")


def folder(netns: str) -> str:
    """The cluster's folder as the kubelet's `cgroupRoot` names it."""
    return f"/{netns}"


def create(netns: str) -> Path:
    """Makes the folders; returns the one that the cluster's processes go into."""
    roots = _hierarchies()
    for root in roots:
        (root / netns).mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (root / setting).exists():
                (root / netns / setting).write_text((root / setting).read_text())
    if roots == [UNIFIED]:
        _delegate(UNIFIED)
        _delegate(UNIFIED / netns)
    home = programs(netns)
    for each in (home, *accounts(netns)):
        each.mkdir(exist_ok=True)
    return home


def programs(netns: str) -> Path:
    """The folder that the cluster's processes go into."""
    roots = _hierarchies()
    return next((root for root in roots if root.name == "pids"), roots[0]) / netns / "programs"


def accounts(netns: str) -> list[Path]:
    """The folder, apart from that, in which the kernel counts the processor seconds of the cluster's processes."""
    return [root / netns / "programs" for root in _hierarchies() if root.name.split(",")[0] == "cpuacct"]


def kill(netns: str, patience: float = 10.0) -> list[int]:
    """Ends every process in the cluster's folders; returns those that would not go."""
    deadline = time.monotonic() + patience
    while (left := members(netns)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return left


def remove(netns: str) -> None:
    """Removes the empty folders."""
    for own in present(netns):
        for path, _, _ in os.walk(own, topdown=False):
            _remove_when_free(Path(path))


def _remove_when_free(path: Path) -> None:
    for _ in range(40):  # a killed process leaves its cgroup a moment later
        try:
            return path.rmdir()
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(0.05)
    return None


def members(netns: str) -> list[int]:
    """The processes in the cluster's folders."""
    pids: set[int] = set()
    for own in present(netns):
        for file in own.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                pids.update(int(pid) for pid in file.read_text().split())
    return sorted(pids - {0, os.getpid()})


def present(netns: str) -> list[Path]:
    """The cluster's folders in every hierarchy, also those that the container runtime made."""
    roots = {*_mounted("cgroup"), *_mounted("cgroup2")}
    return [root / netns for root in sorted(roots) if (root / netns).exists()]


def _hierarchies() -> list[Path]:
    """Every cgroup v1 hierarchy, or the one of v2. Where both are mounted, the kubelet uses v1."""
    return _mounted("cgroup") or [UNIFIED]


def _mounted(kind: str) -> list[Path]:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] == kind]


def _delegate(root: Path) -> None:
    available = (root / "cgroup.controllers").read_text().split()
    wanted = [name for name in ("cpu", "cpuset", "memory", "pids", "io", "hugetlb") if name in available]
    (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
