"""The sweep: which copies are suspended for good, which are deleted, and which are nobody's business."""

from typing import Any

import pytest

from tests.controller.life import KEYS, Life
from tests.controller.memory import Cluster
from tests.controller.process import SETTINGS, Process

KEY = KEYS[0]


@pytest.fixture
def life() -> Life:
    """An environment whose first copy runs."""
    life = Life()
    life.settle_in()
    Process(life).settle()
    life.bridges_start(0, only_first=False)
    return life


def home(life: Life) -> Cluster:
    return life.regions["eu-west"]


def copy(life: Life) -> Any:
    found = home(life).copies()
    return found[0] if found else None


def test_the_copy_of_a_run_that_goes_on_is_left_alone(life: Life) -> None:
    Process(life).settle()
    assert not copy(life).stopped


def test_the_copy_of_a_run_that_is_gone_is_suspended_in_every_region(life: Life) -> None:
    life.delete_run(0, completed=False)
    Process(life).settle()
    assert (copy(life).stopped, copy(life).suspended) == (True, True)


def test_the_copy_of_a_run_that_was_stopped_is_suspended_once_the_run_is_over(life: Life) -> None:
    life.stop_run(0, "Stop", bridges_lost=True)
    Process(life).settle()
    assert copy(life).stopped


def test_the_copy_of_a_run_that_ended_by_itself_goes_on(life: Life) -> None:
    """Its bridge was lost; the Job is not over, and may well succeed."""
    life.workflow_ends(0, bridges_lost=True)
    Process(life).settle()
    assert not copy(life).stopped


def test_a_run_that_only_the_watch_does_not_know_is_read_before_anything_is_stopped(life: Life) -> None:
    process = Process(life)
    process.up_to_date()
    store = process.world.regions["eu-west"].runs
    for raw in home(life).all("run"):
        store.drop(raw)
    process.look(KEY)
    assert not copy(life).stopped


@pytest.mark.parametrize(("age", "there"), [(-1.0, True), (1.0, False)])
def test_a_stopped_copy_is_kept_for_a_day(life: Life, age: float, there: bool) -> None:
    life.now = 1_800_000_000.0
    life.delete_run(0, completed=False)
    Process(life).settle()
    life.pods_end(0)
    life.now += SETTINGS.keep_stopped_copies + age
    process = Process(life)
    process.settle()
    process.look(KEY)
    assert bool(copy(life)) is there


def test_a_silent_region_is_not_swept(life: Life) -> None:
    life.delete_run(0, completed=False)
    home(life).silent = True
    Process(life).settle()
    assert not copy(life).stopped
