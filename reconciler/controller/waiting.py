"""Who waits for what somebody else does: for a free place in a region, for others that are taken away or come back, or
for the first word of a region.

Only what saves looking at everybody: forgotten at a restart, when everybody is looked at anyway.
"""

import heapq
import threading
from collections.abc import Iterable

from reconciler.core.action import Hold, HoldReason
from reconciler.core.names import Key

# Held because of other environments: what becomes of those may end it.
BY_OTHERS = {HoldReason.DESTRUCTIVE_BUDGET, HoldReason.LOOKS_RENAMED, HoldReason.RECORDS_LOST}
FIRST_OF_ALL = (-1, 0, 0)  # before every order of an action

Order = tuple[int, int, int, Key]


class Waiting:
    """Remembers those that wait. Safe to call from several threads."""

    def __init__(self) -> None:
        self._places: dict[str, dict[Key, Order]] = {}
        self._others: set[Key] = set()
        self._unheard: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def note(self, key: Key, holds: Iterable[Hold], place: str = "") -> None:
        """Remember what a pass was held by. `place`: the region in which an admin process waits for a place."""
        with self._lock:
            if place:  # somebody is waiting for it in person
                self._places.setdefault(place, {})[key] = (*FIRST_OF_ALL, key)
            for hold in holds:
                if hold.reason is HoldReason.IN_FLIGHT_LIMIT and hold.action:
                    self._places.setdefault(hold.action.where, {})[key] = hold.action.order
                elif hold.reason in BY_OTHERS:
                    self._others.add(key)

    def forget(self, key: Key) -> None:
        """It is looked at now: whether it waits on, this will tell."""
        with self._lock:
            self._others.discard(key)
            for waiting in self._places.values():
                waiting.pop(key, None)

    def regions(self) -> list[str]:
        """Those in which anybody waits for a place."""
        with self._lock:
            return [name for name, waiting in self._places.items() if waiting]

    def first(self, region: str, count: int) -> list[Key]:
        """The first in order of those that wait for a place in a region."""
        with self._lock:
            waiting = self._places.get(region, {})
            return heapq.nsmallest(count, waiting, key=lambda key: waiting[key])

    def by_others(self) -> set[Key]:
        """Those that are held because of other environments."""
        with self._lock:
            return set(self._others)

    def note_unheard(self, region: str, key: Key) -> None:
        """It is looked at when the region was heard of, well or ill."""
        with self._lock:
            self._unheard.setdefault(region, set()).add(key)

    def heard(self, region: str) -> set[Key]:
        """Those that waited for the region's first word; they do no more."""
        with self._lock:
            return self._unheard.pop(region, set())
