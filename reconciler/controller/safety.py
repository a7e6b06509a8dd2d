"""What the fleet as a whole, and git, say about taking one environment away: for the guards before that (design §7).

The budget is counted from records and declarations, never remembered: each key that changed is judged again, the next
time that somebody asks.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from reconciler.controller.ports import History
from reconciler.controller.world import World
from reconciler.core.action import Action
from reconciler.core.approval import HINT
from reconciler.core.decide import takes_away, whole_gap
from reconciler.core.desired import Desired, changed_keys
from reconciler.core.gap import never_launched
from reconciler.core.guard import begun
from reconciler.core.move import Phase
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.record import Record
from reconciler.core.times import parse_rfc3339, seconds_between

WINDOW = 3600.0
BUDGET_LEAST, BUDGET_SHARE = 3, 0.05


class Safety:
    """Fills in what `Observed` says of the fleet as a whole. Safe to call from several threads."""

    def __init__(self, world: World, history: History, clock: Callable[[], float]) -> None:
        self._world = world
        self._history = history
        self._clock = clock
        self._lock = threading.Lock()
        self._desired: Desired | None = None
        self._changed: set[Key] = set()
        self._planned: set[Key] = set()
        self._live: set[Key] = set()
        self._removed: dict[Key, Record] = {}
        self._claimed: dict[Key, str] = {}

    def changed(self, keys: Iterable[Key]) -> None:
        """Judge these again: their record, their placement or their declaration is another one."""
        with self._lock:
            self._changed.update(keys)

    def informed(self, key: Key, desired: Desired, observed: Observed) -> Observed:
        """The observation with what only the whole fleet and git can say; costs next to nothing where nothing goes."""
        if desired.problems(key):
            return observed
        move = observed.record.move if observed.record else None
        if move is not None and move.phase is Phase.EXPORTING:  # whether its source may be given up
            self._judge(desired)
            return replace(observed, untrusted=self._untrusted(desired))
        lost = self._lost(observed) if observed.record is None else ""
        action = whole_gap(key, desired, observed, self._clock())
        if action is None:
            return replace(observed, lost=lost)
        if action.kind.destructive or action.removals:
            return self._destructive(action, desired, observed)
        return replace(observed, lost=lost, twin=self._twin(action, desired, observed))

    def _destructive(self, action: Action, desired: Desired, observed: Observed) -> Observed:
        record = observed.record
        if record is None or begun(action, observed):
            return observed
        self._judge(desired)
        return replace(
            observed,
            untrusted=self._untrusted(desired),
            unreviewed=self._history.unreviewed(action, record, desired),
            **self._over_budget(),
            twin=self._history.twin(action.key, desired, list(self._removed.values())),
        )

    def _untrusted(self, desired: Desired) -> str:
        return self._history.trust(desired, self._world.fleet, len(self._live))

    def _twin(self, action: Action, desired: Desired, observed: Observed) -> Key | None:
        """Of a new environment: the one that was removed and looks like it."""
        if observed.record is not None and not never_launched(observed.record):
            return None
        self._judge(desired)
        return self._history.twin(action.key, desired, list(self._removed.values())) if self._removed else None

    def _lost(self, observed: Observed) -> str:
        counted, there = self._world.fleet.records, len(self._world.records)
        if not observed.silent or (counted is not None and counted <= there):
            return ""
        many = "the fleet's ConfigMap is missing" if counted is None else f"there are {there} records, not {counted}"
        silent = ", ".join(sorted(observed.silent))
        return f"{many}: whether this is a new environment shows when {silent} answers"

    # -- the budget ------------------------------------------------------------------------------------------------

    def _over_budget(self) -> dict[str, Any]:
        """What `Observed` says of it: why, and when that passes by itself, as what was claimed counts no more."""
        now = self._clock()
        with self._lock:
            claimed = [at for at in self._claimed.values() if seconds_between(at, now) < WINDOW]
            planned, most = len(self._planned), max(BUDGET_LEAST, int(BUDGET_SHARE * len(self._live)))
        if len(claimed) + planned <= most:
            return {"over_budget": ""}
        why = (
            f"destructive actions within an hour: {len(claimed)} begun and {planned} planned, more than {most}"
            f" of {len(self._live)} environments; wait, or approve what is meant: {HINT}"
        )
        too_many = len(claimed) + planned - most  # of what was claimed, so many have to count no more
        until = parse_rfc3339(sorted(claimed)[too_many - 1]) + WINDOW if planned <= most else None
        return {"over_budget": why, "over_budget_until": until}

    def _judge(self, desired: Desired) -> None:
        """Bring the counts up to date: what changed in git, and what changed in the clusters."""
        with self._lock:
            keys, self._changed = self._changed | self._declared_anew(desired), set()
            self._desired = desired
            for key in keys:
                self._judge_one(key, desired)

    def _declared_anew(self, desired: Desired) -> set[Key]:
        if desired is self._desired:
            return set()
        if self._desired is None:
            return self._world.keys() | set(desired.environments)
        return set(changed_keys(self._desired, desired))

    def _judge_one(self, key: Key, desired: Desired) -> None:
        observed = self._world.observe(key, desired.environments.get(key))
        record = observed.record
        live = record is not None and not record.gone
        _put(self._live, key, present=live)
        _put(self._planned, key, present=live and takes_away(key, desired, observed, self._clock()))
        self._removed.pop(key, None)
        self._claimed.pop(key, None)
        if record is not None and live and key not in desired.environments and not desired.problems(key):
            self._removed[key] = record
        if record is not None and record.destructive:
            self._claimed[key] = record.destructive


def _put(keys: set[Key], key: Key, *, present: bool) -> None:
    keys.add(key) if present else keys.discard(key)
