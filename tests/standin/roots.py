"""Roots: the file system that a container sees, put together from mounts in its process's own namespace."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import syscalls

Json = dict[str, Any]
DEVICES = ("null", "zero", "full", "random", "urandom")
STREAMS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
TOP_LINKS = ("bin", "sbin", "lib", "lib64")


def empty(root: Path) -> None:
    """An empty root with devices and /tmp, on a tmpfs. The namespace of mounts must be private."""
    root.mkdir(parents=True, exist_ok=True)
    syscalls.mount("root", root, "tmpfs", data="mode=755")
    for name in ("dev", "proc", "tmp", "run", "var/run"):  # no links: those would be followed outside
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in DEVICES:
        (root / "dev" / name).touch()
        syscalls.bind(Path("/dev") / name, root / "dev" / name)
    for name, target in STREAMS.items():
        (root / "dev" / name).symlink_to(target)


def of_machine(root: Path, paths: Iterable[Path]) -> None:
    """Add these files and folders of this machine, read only, and the links that programs expect at the top."""
    for path in paths:
        if path.exists():
            add(root, [{"source": str(path), "target": str(path), "readOnly": True}])
    for name in TOP_LINKS:
        if (link := Path("/") / name).is_symlink():
            (root / name).symlink_to(link.readlink())


def of_tree(root: Path, tree: Path) -> None:
    """Add the folders of an image's tree, read only."""
    for folder in tree.iterdir():
        add(root, [{"source": str(folder), "target": f"/{folder.name}", "readOnly": True}])


def add(root: Path, binds: list[Json]) -> None:
    """Mount volumes where they are wanted, outer ones first."""
    for item in sorted(binds, key=lambda item: str(item["target"])):
        source, target = Path(item["source"]), root / item["target"].lstrip("/")
        _provide(source, target)
        syscalls.bind(source, target, read_only=item.get("readOnly", False))


def _provide(source: Path, target: Path) -> None:
    """Something to mount on."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()


def enter(root: Path, *, own_pids: bool, read_only: bool) -> None:
    """Make `root` this process's."""
    if own_pids:
        syscalls.mount("proc", root / "proc", "proc")
    else:
        syscalls.bind(Path("/proc"), root / "proc")
    if read_only:
        syscalls.mount("none", root, flags=syscalls.BIND | syscalls.REMOUNT | syscalls.READ_ONLY)
    os.chroot(root)
    os.chdir("/")
