"""Which steps of a backfill may go: those whose turn it is; and what an approval lifts."""

from dataclasses import dataclass, replace

import pytest

from reconciler.core.action import Action, ActionKind, HoldReason
from reconciler.core.approval import Approval
from reconciler.core.gap import basis
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.rollout import Turn
from reconciler.core.rollout_guard import Allowed, rollout_hold
from reconciler.core.step import Step
from reconciler.core.times import rfc3339
from tests.core.fleet import BILLING, KEY, NOW, SEARCH, UPSERTS, declaration, observed, record

OF = declaration()
BACKFILL = Action(KEY, ActionKind.UPSERT, "eu-west", "eu-west", OF.digest, steps=(BILLING, SEARCH), asked=False)


@dataclass(frozen=True)
class Said:
    """Rollouts in which the turns are as somebody says."""

    turns: dict[Step, Turn]

    def turn(self, region: str, step: Step, job_hash: str, key: Key) -> Turn:
        assert (region, job_hash, key) == ("eu-west", UPSERTS[step], KEY)
        return self.turns[step]


def seen(billing: Turn, search: Turn, approval: str = "") -> Observed:
    return observed(OF, record=record(OF, approval=approval), rollouts=Said({BILLING: billing, SEARCH: search}))


def approved(at: float = NOW, **change: str) -> str:
    given = Approval(
        "UPSERT", OF.digest, "eu-west", by="ada", at=rfc3339(at), jobs=basis((), {BILLING: UPSERTS[BILLING]})
    )
    return replace(given, **change).dump()  # type: ignore[arg-type]


def test_where_it_is_everybodys_turn_nothing_is_held() -> None:
    assert rollout_hold(BACKFILL, seen(Turn.GO, Turn.GO), NOW) == Allowed((BILLING, SEARCH))


def test_steps_whose_turn_it_is_go_without_the_others() -> None:
    allowed = rollout_hold(BACKFILL, seen(Turn.GO, Turn.WAIT), NOW)
    assert allowed.steps == (BILLING,)
    assert allowed.hold is not None
    assert (allowed.hold.reason, allowed.hold.until) == (HoldReason.ROLLOUT_WAITING, None)
    assert allowed.hold.action == replace(BACKFILL, steps=(SEARCH,))
    assert "rollout of search/search-lifecycle" in allowed.hold.message
    assert "billing" not in allowed.hold.message


def test_what_is_halted_comes_first_since_it_waits_for_a_person() -> None:
    allowed = rollout_hold(BACKFILL, seen(Turn.WAIT, Turn.HALTED), NOW)
    assert allowed.steps == ()
    assert allowed.hold is not None
    assert allowed.hold.reason is HoldReason.ROLLOUT_HALTED
    assert allowed.hold.jobs == basis((), {SEARCH: UPSERTS[SEARCH]})
    first, second = allowed.hold.message.split("; its turn")
    assert "search/search-lifecycle is halted" in first
    assert "billing/billing-lifecycle" in second


@pytest.mark.parametrize(
    ("approval", "lifted"),
    [
        (approved(), True),
        (approved(NOW - 23 * 3600), True),
        (approved(NOW - 25 * 3600), False),
        (approved(digest="another"), False),
        (approved(region="us-east"), False),
        (approved(action="MIGRATE"), False),
        (approved(jobs="another version"), False),
        (approved(jobs=""), False),
        ("yes", False),
        ("", False),
    ],
)
def test_an_approval_of_the_action_lifts_a_halt(approval: str, lifted: bool) -> None:
    allowed = rollout_hold(BACKFILL, seen(Turn.HALTED, Turn.GO, approval), NOW)
    assert allowed.steps == ((BILLING, SEARCH) if lifted else (SEARCH,))
    assert (allowed.hold is None) is lifted


def test_an_approval_does_not_make_it_anybodys_turn() -> None:
    allowed = rollout_hold(BACKFILL, seen(Turn.HALTED, Turn.WAIT, approved()), NOW)
    assert allowed.steps == (BILLING,)
    assert allowed.hold is not None
    assert allowed.hold.reason is HoldReason.ROLLOUT_WAITING


@pytest.mark.parametrize(
    "change",
    [{"asked": True}, {"kind": ActionKind.MIGRATE}, {"steps": None}, {"steps": ()}],
    ids=str,
)
def test_only_backfills_wait(change: dict[str, object]) -> None:
    action = replace(BACKFILL, **change)  # type: ignore[arg-type]
    assert rollout_hold(action, seen(Turn.HALTED, Turn.HALTED), NOW) == Allowed(action.steps)


def test_where_nobody_counts_rollouts_nothing_waits() -> None:
    assert rollout_hold(BACKFILL, observed(OF), NOW) == Allowed(BACKFILL.steps)


def test_a_step_whose_job_is_gone_does_not_wait_for_its_rollout() -> None:
    found = replace(seen(Turn.WAIT, Turn.WAIT), upserts={SEARCH: UPSERTS[SEARCH]})
    assert rollout_hold(BACKFILL, found, NOW).steps == (BILLING,)
