"""Background: a process that outlives the demo, known by a lock that it holds as long as it lives.

A pid alone may be another's by now. Here the process inherits a locked file, so while the lock is held the pid in that
file is the process that we started, whatever happened in between; and nobody has to clean up after one that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 5.0


def start(mark: Path, words: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str]) -> None:
    """Start a process in the background, with a new log. The one of the same mark must have ended."""
    with mark.open("a+") as lock, log.open("wb") as output:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(
            list(words),
            cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, pass_fds=[lock.fileno()],
        )  # fmt: skip
        process.returncode = 0  # it outlives us on purpose: no warning that it still runs
        lock.truncate(0)
        lock.write(str(process.pid))


def running(mark: Path) -> int | None:
    """The pid of the process that was started with this mark, if it still runs."""
    if not mark.exists():
        return None
    with mark.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0) or None
    return None


def stop(mark: Path) -> bool:
    """End the process that was started with this mark, if it still runs; returns whether it did."""
    pid = running(mark)
    if pid is None:
        return False
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while running(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    if running(mark):
        _signal(pid, signal.SIGKILL)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
