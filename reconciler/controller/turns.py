"""Who waits for a turn in which rollout, and whom to look at again when one goes on, is halted, or goes on after all.

Only what saves looking at everybody: forgotten at a restart, when everybody is looked at anyway.
"""

import heapq
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.controller.fleet_rollouts import FleetRollouts
from reconciler.controller.waiting import Order
from reconciler.core.action import Hold, HoldReason
from reconciler.core.names import Key
from reconciler.core.rollout import Rollout, Turn
from reconciler.core.step import Step

HELD = {HoldReason.ROLLOUT_WAITING, HoldReason.ROLLOUT_HALTED}


@dataclass(frozen=True)
class Call:
    """Whom to look at `now`, and whom `later`: what they say of a halt is old by then, unless it was short."""

    now: frozenset[Key] = frozenset()
    later: frozenset[Key] = frozenset()


@dataclass
class Waiters:
    """Those that wait in one rollout, and how far it was when it was last looked at."""

    keys: dict[Key, Order] = field(default_factory=dict)
    seen: Rollout | None = None


class Turns:
    """Remembers those that rollouts hold. Safe to call from several threads."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, Step], Waiters] = {}
        self._lock = threading.Lock()

    def note(self, key: Key, holds: Iterable[Hold], rollouts: FleetRollouts) -> Call:
        """Remember whom a rollout holds; it is called at once if its turn came while that was decided."""
        places = [
            ((hold.action.where, step), hold.action.order)
            for hold in holds
            if hold.reason in HELD and hold.action
            for step in hold.action.steps or ()
        ]
        with self._lock:
            for place, order in places:
                self._waiting.setdefault(place, Waiters()).keys[key] = order
        came = any(rollouts.turn_now(region, step, key) is Turn.GO for (region, step), _ in places)
        return Call(frozenset({key} if came else ()))

    def forget(self, key: Key) -> None:
        """It is looked at now: whether it waits on, this will tell."""
        with self._lock:
            for waiting in self._waiting.values():
                waiting.keys.pop(key, None)

    def called(self, region: str, rollouts: FleetRollouts) -> Call:
        """Whom to look at again after something changed in a region: nobody, unless a rollout is elsewhere now."""
        now: set[Key] = set()
        later: set[Key] = set()
        with self._lock:
            places = [place for place, waiting in self._waiting.items() if place[0] == region and waiting.keys]
        for place in places:
            call = self._called(place, rollouts.rollout(*place), rollouts)
            now |= call.now
            later |= call.later
        return Call(frozenset(now), frozenset(later - now))

    def _called(self, place: tuple[str, Step], rollout: Rollout | None, rollouts: FleetRollouts) -> Call:
        with self._lock:
            waiting = self._waiting[place]
            before, waiting.seen = waiting.seen, rollout
            keys = dict(waiting.keys) if rollout != before else {}
        now = {key for key in keys if rollouts.turn_now(*place, key) is Turn.GO}
        turned = rollout is not None and rollout.halted != bool(before and before.halted)
        rest = keys.keys() - now if turned else ()
        return Call(frozenset(now | set(heapq.nsmallest(1, rest, key=lambda key: keys[key]))), frozenset(rest))
