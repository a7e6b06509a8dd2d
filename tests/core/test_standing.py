"""Who takes part in a rollout, how far it is, and whom nobody waits for."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import HoldReason
from reconciler.core.attempts import Attempts
from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import State
from reconciler.core.standing import Place, Standing, is_held, place_of, standing_of, takes_part
from tests.core.fleet import BILLING, all_done, declaration, outcome, record

OF = declaration()


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
    ("change", "applied", "part"),
    [
        ({}, OF.digest, True),
        ({}, "another", False),
        ({}, "", False),
        ({"state": State.FROZEN}, OF.digest, False),
        ({"state": State.RELEASED}, OF.digest, False),
    ],
    ids=str,
)
def test_who_takes_part(change: dict[str, State], applied: str, part: bool) -> None:
    assert takes_part(replace(all_done(OF), **change), applied, BILLING) is part  # type: ignore[arg-type]


def test_who_does_not_use_the_service_takes_no_part() -> None:
    of = declaration(services=["search"])
    assert not takes_part(all_done(of), of.digest, BILLING)


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
    assert takes_part(edited, OF.digest, BILLING) is part


@pytest.mark.parametrize(
    ("reason", "stalled", "basis", "held"),
    [
        ("", "", "", False),
        (HoldReason.ROLLOUT_HALTED, "", "", False),
        (HoldReason.PAUSED, "", "", False),
        (HoldReason.INVALID_DECLARATION, "", "", True),
        ("Refused", "", "", True),
        ("LifecycleJobFailed", "LifecycleJobFailed", "now", True),
        ("LifecycleJobFailed", "LifecycleJobFailed", "before", False),
        ("", "AttemptsUsedUp", "now", True),
        (HoldReason.ROLLOUT_HALTED, "AttemptsUsedUp", "now", True),
        (HoldReason.INVALID_DECLARATION, "AttemptsUsedUp", "before", True),
    ],
)
def test_whom_something_else_holds(reason: str, stalled: str, basis: str, held: bool) -> None:
    conditions = (Condition(READY, False, reason, ""), Condition(STALLED, bool(reason), reason, ""))
    found = record(OF, conditions=conditions, attempts=Attempts(basis, 5, 0, stalled))
    assert is_held(found, False, lambda: "now") is held
    assert is_held(found, True, lambda: "now")
