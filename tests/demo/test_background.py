"""A process in the background is known by the lock that it holds, not by a number."""

import os
import sys
from pathlib import Path

import pytest

from tests.adapters.git.test_process import gone
from tests.demo import background
from tests.e2e.waiting import eventually

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def start(folder: Path) -> Path:
    background.start(folder / "mark", SLEEP, log=folder / "log", cwd=folder, environment=dict(os.environ))
    return folder / "mark"


def test_it_runs_until_it_is_stopped(tmp_path: Path) -> None:
    mark = start(tmp_path)
    pid = background.running(mark)
    assert pid is not None
    assert background.stop(mark)
    assert background.running(mark) is None
    assert not background.stop(mark)
    eventually(lambda: gone(pid), "it to end", 20)  # its lock is free a moment before


def test_a_pid_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.write_text(str(os.getpid()))  # a stale mark: the number is ours now
    assert background.running(mark) is None
    assert not background.stop(mark)


def test_it_is_not_started_twice(tmp_path: Path) -> None:
    mark = start(tmp_path)
    try:
        pid = background.running(mark)
        with pytest.raises(BlockingIOError):
            start(tmp_path)
        assert background.running(mark) == pid
    finally:
        background.stop(mark)


def test_what_was_never_started_does_not_run(tmp_path: Path) -> None:
    assert background.running(tmp_path / "mark") is None
