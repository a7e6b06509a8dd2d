"""The places of a region: how many runs of it may be in progress at once, across all threads."""

import contextlib
import threading
from collections.abc import Iterator

from reconciler.controller.world import World
from reconciler.core.desired import Desired
from reconciler.core.names import Key


class Places:
    """Hands out the places of regions, up to each one's `inFlightLimit`; safe to call from several threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._launching: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def take(self, region: str, key: Key, desired: Desired) -> Iterator[bool]:
        """Take one of the region's places, if one is free; the claim holds it from the moment it is written."""
        listed = desired.regions.get(region) or self._world.regions[region].region
        with self._lock:
            launching = self._launching.setdefault(region, set())
            free = self._world.in_flight(region) + len(launching) < listed.in_flight_limit
            if free:
                launching.add(key)
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    launching.discard(key)
