"""Where things lie, all outside the repository: caches that outlive clusters, and each cluster's state."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = Path(__file__).resolve().parent / "pins"


def cache() -> Path:
    """Downloads and builds, keyed by what they are made from; may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenantctl"


def clusters() -> Path:
    """One folder per cluster that was started."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "tenantctl" / "clusters"


def state(name: str) -> Path:
    """Everything of the cluster `name`: keys, data, logs, mounts. It goes when the cluster goes."""
    return clusters() / name


def lock(name: str) -> Path:
    """The lock of the cluster `name`; it stays when the cluster goes, or two starts could hold two of them."""
    return cache() / "locks" / name


def names() -> list[str]:
    """The clusters that have a state folder, running or not."""
    return sorted(folder.name for folder in clusters().glob("*") if folder.is_dir())


@contextlib.contextmanager
def locked(file: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Lets one process at a time into the block; the others call `waiting`, then wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
