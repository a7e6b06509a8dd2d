"""What the demo prints, where it is no terminal; and what it says when a step fails."""

import os
from pathlib import Path

import pytest

from tests.demo.failure import DemoError
from tests.demo.screen import Screen

REMEDY = {"cwd": Path(), "environment": os.environ, "remedy": "mend it"}


def test_a_command_is_shown_before_what_it_says(capfd: pytest.CaptureFixture[str]) -> None:
    screen = Screen(3)
    screen.step("A beginning")
    assert screen.run("sh", "-c", "echo one; echo two >&2", **REMEDY) == "one\ntwo"
    lines = [line.strip() for line in capfd.readouterr().out.splitlines()]
    assert lines == ["", "[0:00] 1/3  A beginning", "$ sh -c 'echo one; echo two >&2'", "one", "two"]


def test_a_failure_names_step_command_words_and_remedy(capfd: pytest.CaptureFixture[str]) -> None:
    screen = Screen(3)
    screen.step("A beginning")
    with pytest.raises(DemoError) as failure:
        screen.run("sh", "-c", "echo broken; exit 7", **REMEDY)
    screen.bad(failure.value)
    said = capfd.readouterr().out
    for words in ("step 1 of 3, A beginning", "exit code 7", "| broken", "What to do: mend it"):
        assert words in said


def test_no_colour_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    Screen(1).good("fine")
    assert "\033" not in capfd.readouterr().out
