"""System calls that Python 3.11 has no name for: namespaces, mounts, and dying with one's parent."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

NEW_MOUNTS, NEW_PIDS = 0x00020000, 0x20000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 4096, 16384, 1 << 18
SET_DEATH_SIGNAL = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def unshare(flags: int) -> None:
    """A new namespace of these kinds; of pids for the next child only."""
    _check(_libc.unshare(flags), "unshare")


def rejoin_pids(own: int) -> None:
    """Children are in our own namespace of pids again; `own` is a file of it."""
    _check(_libc.setns(own, NEW_PIDS), "setns")


def private_mounts() -> None:
    """Mounts of ours that nobody else sees, and that are gone with the last process here."""
    unshare(NEW_MOUNTS)
    mount("none", Path("/"), flags=RECURSIVE | PRIVATE)


def mount(source: str | Path, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    words = (str(source).encode(), str(target).encode(), kind.encode() or None, flags, data.encode() or None)
    _check(_libc.mount(*words), f"mount {source} on {target}")


def bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Shows `source`, a file or a folder, at `target` too."""
    mount(source, target, flags=BIND | RECURSIVE)
    if read_only:
        mount("none", target, flags=BIND | REMOUNT | READ_ONLY)


def die_with_parent() -> None:
    """This process is killed when its parent ends. To be called after the last change of user."""
    _libc.prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
