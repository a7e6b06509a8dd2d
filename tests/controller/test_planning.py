"""The plan of everything: its order and the in-flight limit."""

from reconciler.controller.planning import plan_of
from reconciler.core.action import HoldReason
from reconciler.core.decide import decide
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from tests.core.fleet import NOW, declaration, desired, observed, record

KEYS = [Key("acme", name) for name in ("a", "b", "c")]


def planned(in_flight: dict[str, int] | None, limit: int = 2, rings: tuple[int, ...] = (0, 0, 0)):  # type: ignore[no-untyped-def]
    wanted = desired(*(declaration(key, ring=ring) for key, ring in zip(KEYS, rings, strict=True)), limit=limit)
    return plan_of(wanted, [decide(key, wanted, observed(), NOW) for key in KEYS], in_flight)


def test_a_region_takes_as_many_runs_as_its_limit_allows() -> None:
    plan = planned({"eu-west": 1})
    assert [action.key.environment for action in plan.actions] == ["a"]
    assert [(hold.key.environment, hold.reason) for hold in plan.holds] == [
        ("b", HoldReason.IN_FLIGHT_LIMIT),
        ("c", HoldReason.IN_FLIGHT_LIMIT),
    ]


def test_lower_rings_come_first() -> None:
    plan = planned({}, rings=(2, 1, 0))
    assert [action.key.environment for action in plan.actions] == ["c", "b"]


def test_offline_no_limit_holds_anything_and_the_id_is_the_same() -> None:
    offline = planned(None)
    assert len(offline.actions) == len(KEYS)
    assert offline.id == planned({"eu-west": 2}).id


def test_nothing_to_do_is_counted() -> None:
    of = declaration(KEYS[0])
    wanted = desired(of)
    assert plan_of(wanted, [decide(KEYS[0], wanted, observed(of), NOW)], {}).unchanged == 1


def test_an_environment_that_is_gone_is_not_counted() -> None:
    tombstone = record(declaration(KEYS[1]), gone="2026-11-26T12:00:00Z")
    of = declaration(KEYS[0])
    wanted = desired(of)
    there, gone = observed(of), Observed(record=tombstone, region="eu-west")
    assert plan_of(wanted, [decide(KEYS[0], wanted, there, NOW), decide(KEYS[1], wanted, gone, NOW)], {}).unchanged == 1
