"""Commands: running a program to its end, with its output in a log or as a value."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .failure import ClusterError

PR_SET_PDEATHSIG = 1


def run(
    argv: Sequence[str | Path],
    *,
    remedy: str,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Runs `argv` and returns its standard output (empty with a `log`). Raises ClusterError if it fails."""
    words = [str(word) for word in argv]
    try:
        done = _logged(words, log, cwd, env) if log else _captured(words, cwd, env)
    except FileNotFoundError as error:
        raise ClusterError(f"{words[0]} is not installed", remedy=remedy) from error
    if done.returncode:
        said = f": {done.stderr.strip()[-1000:]}" if done.stderr else ""
        raise ClusterError(f"`{' '.join(words)[:200]}` failed{said}", log=log, remedy=remedy)
    return done.stdout or ""


def quiet(argv: Sequence[str | Path]) -> bool:
    """Runs `argv` and tells whether it succeeded: for clean-up, where most things are already gone."""
    return subprocess.run([str(word) for word in argv], capture_output=True).returncode == 0


def _captured(words: list[str], cwd: Path | None, env: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _logged(
    words: list[str], log: Path, cwd: Path | None, env: Mapping[str, str] | None
) -> subprocess.CompletedProcess[str]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        output.write(f"$ {' '.join(words)}\n")
        output.flush()
        return subprocess.run(
            words,
            cwd=cwd,
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent,
        )


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """To be called in a new child: it is sent the signal when the thread that started it is gone.

    A build that goes on after its start was killed would write into the files of the next one.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
