"""apt: installs Debian packages. One process at a time may use apt, so `install` waits for the others.

The other process is another cluster start, an administrator, or the system's daily update.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

from . import holder
from .command import run
from .failure import ClusterError
from .folders import cache
from .progress import Progress

PATIENCE = 900.0  # an unattended upgrade of a whole system takes minutes
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)  # apt reports no release of a lock; the last pause repeats
LOCKED = re.compile(
    r"^E: Could not get lock (?P<file>/\S+?)\.?(?: It is held by process (?P<pid>\d+)(?: \((?P<name>.*)\))?)?(?:\s|$)"
    r"|^dpkg: error: dpkg \w+ lock was locked by another process with pid (?P<dpkg>\d+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Held:
    """A lock that another process holds, and that process, in words."""

    lock: str
    process: str


def install(packages: Iterable[str], progress: Progress) -> None:
    """Updates the package lists and installs `packages`. Raises ClusterError."""
    apt_get("update", "-q", progress=progress)
    apt_get("install", "-q", "-y", "--no-install-recommends", *packages, progress=progress)


def apt_get(*words: str, progress: Progress) -> None:
    """Runs apt-get, again while another process holds a lock, for at most `PATIENCE` seconds. Raises ClusterError."""
    deadline, waiting = time.monotonic() + PATIENCE, False
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        held = _attempt(words)
        if held is None:
            return
        if time.monotonic() + pause > deadline:
            raise _out_of_patience(words, held)
        if not waiting:
            progress.note(f"{held.process} holds {held.lock}; waiting up to {PATIENCE / 60:.0f} min for it")
        waiting = True
        time.sleep(pause)


def _attempt(words: tuple[str, ...]) -> Held | None:
    """Runs apt-get once; returns the lock that stopped it. Any other failure is raised."""
    log = _log()
    begin = log.stat().st_size if log.exists() else 0
    try:
        run(["apt-get", *words], log=log, env=_environment(), remedy="read the log, then try again")
    except ClusterError:
        found = LOCKED.search(log.read_bytes()[begin:].decode(errors="replace")) if log.exists() else None
        if found is None:
            raise
        return _held(found)
    return None


def _held(found: re.Match[str]) -> Held:
    """apt's message has the lock and, since apt 2, the process; the kernel knows the process in any case."""
    file, pid = found["file"], int(found["pid"] or found["dpkg"] or 0)
    if not pid and file:
        pid = holder.pid_of(Path(file)) or 0
    return Held(file or "dpkg's lock", holder.described(pid, found["name"] or ""))


def _out_of_patience(words: tuple[str, ...], held: Held) -> ClusterError:
    return ClusterError(
        f"`apt-get {words[0]}` waited {PATIENCE / 60:.0f} min for {held.lock}; {held.process} still holds it",
        log=_log(),
        remedy="wait until that process ends, or end it if it hangs; then try again",
    )


def _log() -> Path:
    return cache() / "logs" / "apt-get.log"


def _environment() -> dict[str, str]:
    """apt's messages in English, since `LOCKED` reads them."""
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
