"""Those that wait for a place go in their order; those that others hold are remembered until they are looked at."""

from reconciler.controller.waiting import Waiting
from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.names import Key

HOME = "eu-west"
A, B, C = (Key("acme", name) for name in "abc")


def hold(key: Key, reason: HoldReason = HoldReason.IN_FLIGHT_LIMIT) -> Hold:
    return Hold(key, reason, "", Action(key, ActionKind.UPSERT, HOME, HOME, "d"))


def test_the_first_in_order_come_first_and_admin_processes_before_all() -> None:
    waiting = Waiting()
    for key in (B, A):
        waiting.note(key, [hold(key)])
    waiting.note(C, [], HOME)
    assert waiting.regions() == [HOME]
    assert waiting.first(HOME, 2) == [C, A]
    assert waiting.first("us-east", 2) == []


def test_who_is_looked_at_waits_no_more() -> None:
    waiting = Waiting()
    waiting.note(A, [hold(A), hold(A, HoldReason.DESTRUCTIVE_BUDGET)])
    waiting.note(B, [hold(B, HoldReason.PAUSED)])
    assert waiting.by_others() == {A}
    waiting.forget(A)
    assert (waiting.regions(), waiting.by_others()) == ([], set())
