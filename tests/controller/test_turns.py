"""Who is called when a rollout goes on: those whose turn it is, and of a halt the next at once and the others later."""

from dataclasses import dataclass, field

import pytest

from reconciler.controller.turns import Call, Turns
from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.names import Key
from reconciler.core.rollout import Rollout, Turn
from reconciler.core.standing import Place, Standing
from reconciler.core.step import Step
from tests.core.fleet import BILLING, SEARCH

HOME = "eu-west"
KEYS = [Key("acme", f"e{number}") for number in range(5)]


@dataclass
class Rollouts:
    """One rollout per step, as far as somebody says; counts what is asked."""

    steps: dict[Step, Rollout | None] = field(default_factory=dict)
    asked: int = 0

    def reach(self, last: int | None, halted: bool = False, step: Step = BILLING) -> None:
        self.steps[step] = Rollout(Place(0, "acme", f"e{last}") if last is not None else None, halted, 1)

    def rollout(self, region: str, step: Step) -> Rollout | None:
        return self.steps.get(step)

    def turn_now(self, region: str, step: Step, key: Key) -> Turn:
        self.asked += 1
        rollout = self.steps.get(step)
        return rollout.turn(Place(0, key.tenant, key.environment), Standing.PENDING) if rollout else Turn.GO


def hold(key: Key, *steps: Step, reason: HoldReason = HoldReason.ROLLOUT_WAITING) -> Hold:
    action = Action(key, ActionKind.UPSERT, HOME, HOME, "d", steps=steps or (BILLING,), asked=False)
    return Hold(key, reason, "", action)


@pytest.fixture
def rollouts() -> Rollouts:
    made = Rollouts()
    made.reach(0)
    return made


@pytest.fixture
def turns(rollouts: Rollouts) -> Turns:
    """All but the first wait, and it was seen how far the rollout is."""
    made = Turns()
    for key in KEYS[1:]:
        assert made.note(key, [hold(key)], rollouts) == Call()  # type: ignore[arg-type]
    assert made.called(HOME, rollouts) == Call()  # type: ignore[arg-type]
    return made


def called(turns: Turns, rollouts: Rollouts, region: str = HOME) -> tuple[set[Key], set[Key]]:
    call = turns.called(region, rollouts)  # type: ignore[arg-type]
    return set(call.now), set(call.later)


def test_those_are_called_whose_turn_came(turns: Turns, rollouts: Rollouts) -> None:
    rollouts.reach(2)
    assert called(turns, rollouts) == (set(KEYS[1:3]), set())


def test_nobody_is_asked_for_while_the_rollout_is_where_it_was(turns: Turns, rollouts: Rollouts) -> None:
    rollouts.asked = 0
    assert called(turns, rollouts) == (set(), set())
    assert rollouts.asked == 0


def test_another_region_calls_nobody(turns: Turns, rollouts: Rollouts) -> None:
    rollouts.reach(None)
    assert called(turns, rollouts, "us-east") == (set(), set())


def test_a_halt_and_its_end_are_told_to_the_next_at_once_and_to_the_others_later(
    turns: Turns, rollouts: Rollouts
) -> None:
    rollouts.reach(0, halted=True)
    assert called(turns, rollouts) == ({KEYS[1]}, set(KEYS[2:]))
    assert called(turns, rollouts) == (set(), set())
    rollouts.reach(0)
    assert called(turns, rollouts) == ({KEYS[1]}, set(KEYS[2:]))


def test_a_job_that_is_gone_makes_nobody_wait(turns: Turns, rollouts: Rollouts) -> None:
    rollouts.steps.clear()
    assert called(turns, rollouts) == (set(KEYS[1:]), set())


def test_who_is_looked_at_waits_no_more(turns: Turns, rollouts: Rollouts) -> None:
    turns.forget(KEYS[1])
    rollouts.reach(2)
    assert called(turns, rollouts) == ({KEYS[2]}, set())


def test_a_turn_that_came_while_it_was_decided_is_not_missed(turns: Turns, rollouts: Rollouts) -> None:
    rollouts.reach(1)
    assert turns.note(KEYS[1], [hold(KEYS[1])], rollouts) == Call(frozenset({KEYS[1]}))  # type: ignore[arg-type]


def test_it_is_called_for_each_rollout_that_it_waits_in(rollouts: Rollouts) -> None:
    turns = Turns()
    rollouts.reach(0, step=SEARCH)
    turns.note(KEYS[1], [hold(KEYS[1], BILLING, SEARCH)], rollouts)  # type: ignore[arg-type]
    turns.called(HOME, rollouts)  # type: ignore[arg-type]
    rollouts.reach(1, step=SEARCH)
    assert called(turns, rollouts) == ({KEYS[1]}, set())


@pytest.mark.parametrize("reason", [HoldReason.IN_FLIGHT_LIMIT, HoldReason.PAUSED])
def test_other_holds_are_not_waited_for_here(rollouts: Rollouts, reason: HoldReason) -> None:
    turns = Turns()
    turns.note(KEYS[1], [hold(KEYS[1], reason=reason)], rollouts)  # type: ignore[arg-type]
    rollouts.reach(None)
    assert called(turns, rollouts) == (set(), set())
