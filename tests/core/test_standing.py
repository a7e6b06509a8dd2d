"""Who takes part in a rollout, how far it is, and whom nobody waits for."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.move import Move, Phase
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import State
from reconciler.core.standing import Place, Standing, is_settled, place_of, standing_of, uses_step
from tests.core.fleet import BILLING, all_done, declaration, outcome, record

OF = declaration()


def moving(phase: Phase) -> Move:
    return Move("eu-west", "us-east", phase, OF.digest, "c0ffee", 2, "2027-01-15T08:00:00Z")


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        (None, Standing.PENDING),
        (outcome(BILLING, OF, "old"), Standing.PENDING),
        (outcome(BILLING, OF, "new"), Standing.DONE),
        (outcome(BILLING, OF, "new", result=Result.RUNNING), Standing.RUNNING),
        (outcome(BILLING, OF, "new", result=Result.FAILED), Standing.FAILED),
    ],
    ids=["nothing", "another hash", "done", "running", "failed"],
)
def test_how_far_it_is(found: Outcome | None, standing: Standing) -> None:
    assert standing_of(found, "new") is standing


def test_what_was_begun() -> None:
    assert [each.begun for each in Standing] == [False, False, True, True, True]


@pytest.mark.parametrize("ring", [0, 3])
def test_the_place_is_by_ring_then_by_name(ring: int) -> None:
    assert place_of(all_done(declaration(ring=ring))) == Place(ring, "acme", "production")
    assert place_of(all_done(declaration())) < Place(0, "acme", "staging") < Place(1, "aaaa", "a")


@pytest.mark.parametrize(
    ("state", "fields", "settled"),
    [
        (State.ACTIVE, {}, True),
        (State.ACTIVE, {"applied_digest": "another"}, False),
        (State.ACTIVE, {"applied_digest": ""}, False),
        (State.ACTIVE, {"region": "us-east"}, False),
        (State.ACTIVE, {"gone": "2027-01-15T08:00:00Z"}, False),
        (State.ACTIVE, {"move": moving(Phase.IMPORTING)}, False),
        (State.ACTIVE, {"move": moving(Phase.THAWING)}, False),
        (State.ACTIVE, {"move": moving(Phase.CLEANING)}, True),
        (State.FROZEN, {}, False),
        (State.RELEASED, {}, False),
    ],
    ids=str,
)
def test_who_is_settled(state: State, fields: dict[str, Any], settled: bool) -> None:
    assert is_settled(replace(all_done(OF), state=state), record(OF, **fields), "eu-west") is settled


def test_who_is_not_recorded_is_not_settled() -> None:
    assert not is_settled(all_done(OF), None, "eu-west")


@pytest.mark.parametrize(("services", "uses"), [(["search"], False), (["billing"], True), ([], False)], ids=str)
def test_who_uses_the_service(services: list[str], uses: bool) -> None:
    assert uses_step(all_done(declaration(services=services)), BILLING) is uses
    assert uses_step(all_done(OF), BILLING)


@pytest.mark.parametrize(
    ("spec", "place", "part"),
    [
        ({"ring": "first"}, 0, True),
        ({"ring": None}, 0, True),
        ({"ring": 2, "services": 5}, 2, False),
        ({"services": "billing"}, 0, False),
        ({"services": [5]}, 0, False),
    ],
    ids=str,
)
def test_what_somebody_edited_breaks_nothing(spec: dict[str, Any], place: int, part: bool) -> None:
    edited = replace(all_done(OF), declaration={"spec": spec})
    assert place_of(edited).ring == place
    assert uses_step(edited, BILLING) is part
