"""The plan of everything: what the loop would do, key by key, as one value."""

from collections.abc import Iterable

from reconciler.core.action import Action, Hold, HoldReason, Plan
from reconciler.core.decide import Decision
from reconciler.core.desired import Desired


def plan_of(desired: Desired, decisions: Iterable[Decision], in_flight: dict[str, int] | None) -> Plan:
    """Actions in the order in which they are launched, those over a region's limit held, and all holds.

    `in_flight`: how many runs each region has now; None where nobody looked (offline): then no limit holds anything.
    """
    actions: list[Action] = []
    holds: list[Hold] = []
    unchanged = 0
    for decision in decisions:
        actions += [decision.action] if decision.action else []
        holds += decision.holds
        unchanged += decision.settled and decision.key in desired.environments  # a tombstone is no environment
    actions.sort(key=lambda action: action.order)
    allowed, limited = (actions, []) if in_flight is None else _limit(actions, desired, dict(in_flight))
    holds = sorted([*holds, *limited], key=lambda hold: hold.key)
    return Plan(desired.revision, tuple(allowed), tuple(holds), unchanged, desired.findings)


def _limit(actions: list[Action], desired: Desired, taken: dict[str, int]) -> tuple[list[Action], list[Hold]]:
    allowed, limited = [], []
    for action in actions:
        region, runs = action.where, action.steps != () or bool(action.removals)
        limit = desired.regions[region].in_flight_limit if region in desired.regions else 0
        if not runs or taken.get(region, 0) < limit:
            allowed.append(action)
            taken[region] = taken.get(region, 0) + runs
        else:
            message = f"region {region} has as many runs in progress as its limit allows ({limit})"
            limited.append(Hold(action.key, HoldReason.IN_FLIGHT_LIMIT, message, action))
    return allowed, limited
