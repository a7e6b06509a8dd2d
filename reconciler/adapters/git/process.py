"""git as a process with limits: on time, memory, the size of what it writes to disk, and how much it says.

What a repository holds decides how much git works for it: a few hundred bytes can name a thousand million files.
The limits are the kernel's (setrlimit(2)), set by the shell in between, and hold for every helper that git starts.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping

MIB = 1024 * 1024
MEMORY = 512 * MIB  # of one process: its own data, without mapped files
FILE = 2048 * MIB
STDERR = 8 * 1024
CHUNK = 64 * 1024
SOON = 0.05
LIMITED = f'ulimit -c 0; ulimit -d {MEMORY // 1024} || :; ulimit -f {FILE // 512} || :; exec git "$@"'
# git-rev-parse(1), --local-env-vars: they tie git to a repository, and the caller's is not the one that we mean.
LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
)  # fmt: skip


class GitFailed(Exception):
    """git did not do what it was asked to; `said` is the end of what it wrote to stderr, or what cut it off."""

    def __init__(self, said: str, status: int = -1) -> None:
        super().__init__(said)
        self.said = said
        self.status = status


def run(words: list[str], environment: Mapping[str, str | None], *, seconds: float, output: int = MIB) -> bytes:
    """What git prints, at most `output` bytes of it. Raises GitFailed. However it ends, no helper of it goes on."""
    with subprocess.Popen(  # noqa: S603
        ["sh", "-c", LIMITED, "git", *words],  # noqa: S607
        env=_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            printed, said = _listen(process, time.monotonic() + seconds, output)
        except (TimeoutError, subprocess.TimeoutExpired):
            raise GitFailed(f"git did not complete in {seconds:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise GitFailed(said or _signal(process.returncode), process.returncode)
    return printed


def _signal(status: int) -> str:
    return f"git was ended by signal {-status}" if status < 0 else ""


def _environment(ours: Mapping[str, str | None]) -> dict[str, str]:
    """The caller's variables and ours over them; None leaves the caller's."""
    callers = {name: value for name, value in os.environ.items() if name not in LOCAL}
    return callers | {name: value for name, value in ours.items() if value is not None}


def _listen(process: "subprocess.Popen[bytes]", end: float, most: int) -> tuple[bytes, str]:
    """All of stdout and the end of stderr, until git is over."""
    assert process.stdout
    assert process.stderr
    said: dict[int, bytearray] = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr)}
    out, err = said
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = selector.select(left if out in selector.get_map() else min(left, SOON))
            if not ready and process.poll() is not None:
                break  # somebody whom git started keeps stderr open: ssh that is shared, for one
            for key, _ in ready:
                chunk = os.read(key.fd, CHUNK)
                said[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
            del said[err][:-STDERR]
            if len(said[out]) > most:
                raise GitFailed(f"git said more than {most / MIB:g} MiB")
    process.wait(max(0.0, end - time.monotonic()))
    return bytes(said[out]), said[err].decode(errors="backslashreplace")
