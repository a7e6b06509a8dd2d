"""The rollouts of a region, kept up to date environment by environment: what a pass asks costs the same in any fleet.

What changed is only noted; when somebody asks, what was noted is looked at again and the waves are counted once more.
So an answer never depends on the order in which threads told of changes (`core.rollout` says what a rollout is).
"""

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reconciler.core.names import Key
from reconciler.core.placement import Placement
from reconciler.core.rollout import Rollout, Turn, rollout_of
from reconciler.core.standing import Place, Standing, place_of, standing_of, uses_step
from reconciler.core.step import Step


@dataclass(frozen=True)
class Facts:
    """What has to be known of environments (`core.standing`); `keys` are those that anything is placed of."""

    keys: Callable[[], Iterable[Key]]
    placement: Callable[[Key], Placement | None]
    settled: Callable[[Placement], bool]
    held: Callable[[Placement], bool]


@dataclass
class Order:
    """Everybody who takes part in one rollout, in order; `held` are those that something else keeps from beginning.

    `rollout` None: to be counted again.
    """

    job_hash: str
    places: list[Place] = field(default_factory=list)
    standings: bytearray = field(default_factory=bytearray)
    where: dict[Key, Place] = field(default_factory=dict)
    held: set[Key] = field(default_factory=set)
    rollout: Rollout | None = None

    def put(self, key: Key, place: Place | None, standing: Standing) -> None:
        """Note where an environment now is, and how far; no place: it does not take part."""
        before = self.where.get(key)
        if before is not None and before != place:
            self._remove(key, before)
        if place is not None:
            if before != place:
                self._insert(key, place)
            self.standings[bisect_left(self.places, place)] = standing
        (self.held.add if standing is Standing.HELD else self.held.discard)(key)
        self.rollout = None

    def _insert(self, key: Key, place: Place) -> None:
        insort(self.places, place)
        self.standings.insert(bisect_left(self.places, place), Standing.PENDING)
        self.where[key] = place

    def _remove(self, key: Key, place: Place) -> None:
        at = bisect_left(self.places, place)
        del self.places[at], self.standings[at], self.where[key]

    def counted(self) -> Rollout:
        """How far the rollout may go."""
        if self.rollout is None:
            self.rollout = rollout_of(self.places, self.standings)
        return self.rollout


class RegionRollouts:
    """The rollouts of one region that anybody asked for. `touch` may be called from any thread, and is O(1)."""

    def __init__(self) -> None:
        self._touched: set[Key] = set()
        self._orders: dict[Step, Order] = {}
        self._lock = threading.RLock()

    def touch(self, key: Key) -> None:
        """Something about an environment changed: its placement or its record."""
        with self._lock:
            self._touched.add(key)

    def touch_held(self) -> None:
        """A Job changed: what was tried with the one before holds nobody any more."""
        with self._lock:
            for order in self._orders.values():
                self._touched |= order.held

    def touch_all(self) -> None:
        """Something was suspended or resumed: begin anew."""
        with self._lock:
            self._orders.clear()

    def turn(self, step: Step, job_hash: str, key: Key, facts: Facts) -> Turn:
        """Whether an environment may begin with this hash of a Job now."""
        with self._lock:
            order = self._order(step, job_hash, facts)
            placement = facts.placement(key)
            if placement is None:
                return Turn.GO  # nothing was placed there: whatever it is, it is no backfill
            if key in order.held:
                self._not_held(order, step, key, facts)
            standing = standing_of(placement.outcomes.get(step), job_hash)
            return order.counted().turn(order.where.get(key) or place_of(placement), standing)

    def rollout(self, step: Step, job_hash: str, facts: Facts) -> Rollout:
        """How far the rollout of a Job may go now."""
        with self._lock:
            return self._order(step, job_hash, facts).counted()

    def _not_held(self, order: Order, step: Step, key: Key, facts: Facts) -> None:
        """Who asks is not held, or no longer: then others may not be, either, and come before it."""
        self._look(order, step, key, facts)
        if key not in order.held:
            self._look_at(order, step, list(order.held), facts)

    def _order(self, step: Step, job_hash: str, facts: Facts) -> Order:
        self._catch_up(facts)
        order = self._orders.get(step)
        if order is None or order.job_hash != job_hash:
            order = self._orders[step] = Order(job_hash)
            self._look_at(order, step, facts.keys(), facts)
        return order

    def _catch_up(self, facts: Facts) -> None:
        touched, self._touched = self._touched, set()
        for step, order in self._orders.items():
            self._look_at(order, step, touched, facts)

    def _look_at(self, order: Order, step: Step, keys: Iterable[Key], facts: Facts) -> None:
        for key in keys:
            self._look(order, step, key, facts)

    def _look(self, order: Order, step: Step, key: Key, facts: Facts) -> None:
        placement = facts.placement(key)
        if placement is None or not facts.settled(placement) or not uses_step(placement, step):
            order.put(key, None, Standing.PENDING)
            return
        standing = standing_of(placement.outcomes.get(step), order.job_hash)
        if standing is Standing.PENDING and facts.held(placement):
            standing = Standing.HELD
        order.put(key, place_of(placement), standing)
