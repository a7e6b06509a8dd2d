"""The books: how many records there are, and which commit was accepted, written once and never ahead of the deed."""

from typing import Any

import pytest

from reconciler.core import labels
from reconciler.core.region import Region
from tests.controller.life import KEYS, REGIONS, Life
from tests.controller.process import Process

A, B, _ = KEYS
MONTH = 31 * 24 * 3600.0


@pytest.fixture
def life() -> Life:
    life = Life()
    life.settle_in(declared=2)
    return life


def books(life: Life) -> dict[str, Any] | None:
    raw = life.control.read("fleet", labels.FLEET)
    return raw["data"] if raw else None


def settled(life: Life) -> Process:
    process = Process(life)
    process.settle()
    return process


def test_records_are_counted_after_they_are_made_and_the_commit_is_accepted(life: Life) -> None:
    process = settled(life)
    kept = books(life)
    assert kept is not None
    assert (kept["records"], kept["accepted"]) == ("2", life.desired.revision)
    writes = life.fuse.writes
    process.reconciler.accounts.settle(life.desired)
    assert life.fuse.writes == writes


def test_what_is_not_trusted_is_not_accepted(life: Life) -> None:
    settled(life)
    before = books(life)
    life.past.untrusted = "another history"
    life.change(A, {"seats": 2, "region": "eu-west"})
    settled(life)
    assert books(life) == before


@pytest.mark.parametrize("silent", [True, False])
def test_a_count_that_is_too_high_stands_while_a_region_could_know_more(life: Life, silent: bool) -> None:
    settled(life)
    life.put_fleet(5)
    life.regions["us-east"].silent = silent
    settled(life).reconciler.accounts.settle(life.desired)
    assert books(life) is not None
    assert books(life)["records"] == ("5" if silent else "2")  # type: ignore[index]


def test_a_placement_without_its_record_keeps_the_count(life: Life) -> None:
    process = settled(life)
    life.delete_record(A)
    process.deliver_all()
    process.reconciler.accounts.settle(life.desired)
    assert books(life)["records"] == "2"  # type: ignore[index]


@pytest.mark.parametrize("silent", [True, False])
def test_a_fleet_that_was_lost_is_made_again_when_nothing_is_missing(life: Life, silent: bool) -> None:
    process = settled(life)
    life.delete_fleet()
    life.regions["us-east"].silent = silent
    process.up_to_date()
    process.reconciler.accounts.settle(life.desired)
    assert (books(life) is None) is silent


def test_without_records_none_is_made_for_install_does_that(life: Life) -> None:
    life.delete_fleet()
    life.regions["eu-west"].silent = True
    process = Process(life)
    process.up_to_date()
    process.reconciler.accounts.settle(life.desired)
    assert books(life) is None


@pytest.mark.parametrize("watch", ["control", "fleet_watch"])
def test_what_is_not_known_is_not_written(life: Life, watch: str) -> None:
    process = Process(life)
    process.up_to_date()
    life.put_fleet(7)
    process.deliver_all()
    getattr(process.world, watch).trouble = "no route"
    process.reconciler.accounts.settle(life.desired)
    assert books(life) == {"records": "7"}


def test_it_is_lowered_before_a_record_is_deleted(life: Life) -> None:
    """Whoever dies in between leaves a count that is too low, which holds nothing."""
    life.change(B, {"seats": 1, "region": "eu-west", "deletionProtection": False})
    for _ in range(2):
        settled(life)
        life.everything_succeeds()
    life.give_up(B)
    life.change(B, None)
    for _ in range(3):
        settled(life)
        life.everything_succeeds()
    process = settled(life)
    life.now += MONTH
    seen: list[str] = []
    life.control.delete = lambda record: seen.append(books(life)["records"])  # type: ignore[method-assign,index]
    process.look(B)
    assert seen == ["1"]


def test_the_regions_are_listed_as_they_are_reached(life: Life) -> None:
    process = settled(life)
    assert {name: region.context for name, region in process.world.fleet.regions.items()} == dict.fromkeys(REGIONS)
    process.world.regions["us-east"].region = Region("us-east", context="east", workflow_namespace="runs")
    process.reconciler.accounts.settle(life.desired)
    assert process.world.fleet.regions["us-east"] == Region("us-east", context="east", workflow_namespace="runs")
    assert process.world.fleet.regions["eu-west"] == Region("eu-west")


def test_the_region_of_the_control_plane_has_no_context_for_others(life: Life) -> None:
    process = settled(life)
    watch = process.world.regions["eu-west"]
    watch.region = Region("eu-west", context="only-the-reconciler-has-it")
    watch.kube = process.world.control_kube
    process.reconciler.accounts.settle(life.desired)
    assert process.world.fleet.regions["eu-west"].context is None
