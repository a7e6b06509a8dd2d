"""The work queue: keys to look at, each at most once at a time and never lost (after client-go's `util/workqueue`)."""

import heapq
import threading
import time
from collections.abc import Callable, Iterable

from reconciler.core.names import Key


class WorkQueue:
    """A set of keys with delays. A key that is added while it is worked on comes again afterwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready: dict[Key, None] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._later: list[tuple[float, Key]] = []
        self._due: dict[Key, float] = {}
        self._changed = threading.Condition()
        self._closed = False

    def add(self, keys: Iterable[Key]) -> None:
        """Look at these keys soon."""
        with self._changed:
            for key in keys:
                self._add(key)
            self._changed.notify_all()

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this key after a while; an earlier due time stays."""
        due = self._clock() + seconds
        with self._changed:
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._later, (due, key))
                self._changed.notify_all()

    def get(self) -> Key | None:
        """Take the next key, waiting for one; None when the queue is closed."""
        with self._changed:
            while not self._closed:
                wait = self._promote()
                if self._ready:
                    key = next(iter(self._ready))
                    del self._ready[key]
                    self._working.add(key)
                    return key
                self._changed.wait(wait)
            return None

    def done(self, key: Key) -> None:
        """The work on this key is finished."""
        with self._changed:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._add(key)
            self._changed.notify_all()

    def close(self) -> None:
        """Let every `get` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def idle(self) -> bool:
        """Whether nothing is ready and nothing is worked on; delayed keys do not count."""
        with self._changed:
            self._promote()
            return not self._ready and not self._working

    def __len__(self) -> int:
        return len(self._ready)

    def _add(self, key: Key) -> None:
        if key in self._working:
            self._again.add(key)
        else:
            self._ready[key] = None

    def _promote(self) -> float | None:
        """Move what is due to the ready ones; returns the seconds until the next is due."""
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            due, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self._add(key)
        return self._later[0][0] - now if self._later else None
