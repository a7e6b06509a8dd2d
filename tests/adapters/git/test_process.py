"""git within limits: whatever it is made to do, it ends, and so does everything that it started."""

import os
import time
from pathlib import Path

import pytest

from reconciler.adapters.git import process
from reconciler.adapters.git.process import MIB, STDERR, GitFailed, run
from tests.e2e.waiting import eventually

NOTHING: dict[str, str | None] = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def shell(command: str, seconds: float = 60, output: int = MIB) -> bytes:
    """A command as a helper of git: an alias that begins with `!` is run by a shell (git-config(1))."""
    return run(["-c", f"alias.helper=!{command}", "helper"], NOTHING, seconds=seconds, output=output)


def test_what_git_prints() -> None:
    assert run(["version"], NOTHING, seconds=60).startswith(b"git version")


def test_what_git_says_of_a_failure() -> None:
    with pytest.raises(GitFailed, match="is not a git command") as caught:
        run(["nonsense"], NOTHING, seconds=60)
    assert caught.value.status == 1


def test_git_and_its_helpers_end_when_time_is_over(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(GitFailed, match="did not complete in 3 s"):
        shell(f"sleep 600 & echo $! >{tmp_path}/helper; wait", seconds=3)
    assert time.monotonic() - begin < 20
    helper = (tmp_path / "helper").read_text().strip()
    eventually(lambda: gone(helper), "the helper to end", 20)


def test_a_helper_that_stays_keeps_nobody_waiting(tmp_path: Path) -> None:
    """As a shared connection of ssh does: in a session of its own, with our stderr."""
    begin = time.monotonic()
    assert shell(f"setsid sleep 60 >{os.devnull} & echo $! >{tmp_path}/helper; echo done", seconds=50) == b"done\n"
    assert time.monotonic() - begin < 20
    os.kill(int((tmp_path / "helper").read_text()), 9)


def test_more_output_than_can_be_meant_ends_it() -> None:
    with pytest.raises(GitFailed, match="said more than 1 MiB"):
        shell("yes")


def test_of_endless_complaints_the_end_is_kept() -> None:
    with pytest.raises(GitFailed) as caught:
        shell("head -c 5000000 /dev/zero | tr '\\0' x >&2; echo the reason >&2; exit 1")
    assert len(caught.value.said) <= STDERR
    assert "the reason" in caught.value.said


def test_memory_and_files_have_limits() -> None:
    limits = shell("ulimit -d; ulimit -f; ulimit -c").split()
    assert limits == [b"%d" % (process.MEMORY // 1024), b"%d" % (process.FILE // 512), b"0"]


def test_who_takes_too_much_memory_is_refused_it() -> None:
    with pytest.raises(GitFailed, match="MemoryError"):
        shell("python3 -c 'bytearray(2 * 10**9)'")


def test_the_callers_repository_is_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in process.LOCAL:
        monkeypatch.setenv(name, str(tmp_path))
    assert set(shell("env | grep -oE '^[A-Z_]+'").decode().split()).isdisjoint({*process.LOCAL} - {"GIT_PREFIX"})


def gone(pid: int | str) -> bool:
    """Whether a process has ended, be it waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True
