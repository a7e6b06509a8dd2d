"""The books: the fleet's ConfigMap says how many records there are, which commit was accepted last, and where regions
are (design §5).

The count is raised after records are made and lowered before they are deleted, so a count that is too high means that
records were lost. Each key has one writer and is patched alone.
"""

import threading

from reconciler.controller.ports import FleetStore, History
from reconciler.controller.world import World
from reconciler.core.desired import Desired
from reconciler.core.errors import AlreadyExists
from reconciler.core.fleet import RECORDS, REGIONS, Fleet, regions_text


class Accounts:
    """Keeps the books; safe to call from several threads."""

    def __init__(self, world: World, fleets: FleetStore, history: History) -> None:
        self._world = world
        self._fleets = fleets
        self._history = history
        self._lock = threading.Lock()

    def settle(self, desired: Desired) -> None:
        """Write what is not written yet; nothing in most cases. Raises TenantctlError."""
        with self._lock:
            if self._world.fleet_watch.trouble or self._world.control.trouble:
                return
            there, fleet = len(self._world.records), self._world.written_fleet
            if fleet is None:
                self._make_again(there)
            elif fleet.records is None or there > fleet.records or (there < fleet.records and self._complete()):
                self._world.fleets.put(self._fleets.patch({RECORDS: str(there)}))
            if fleet is not None:
                self._accept(desired, fleet, there)
                self._list_regions(fleet)

    def lower(self) -> None:
        """Before a record is deleted. Raises TenantctlError."""
        with self._lock:
            self._world.fleets.put(self._fleets.patch({RECORDS: str(max(0, len(self._world.records) - 1))}))

    def _make_again(self, there: int) -> None:
        """`install` makes it; one that is missing later was lost, and is made when nothing is missing any more."""
        if there and self._complete():
            try:
                self._world.fleets.put(self._fleets.create({RECORDS: str(there)}))
            except AlreadyExists:
                return

    def _complete(self) -> bool:
        """Whether every region answers and no placement lacks its record: then none is missing that could be told."""
        if any(region.trouble for region in self._world.regions.values()):
            return False
        return all(self._world.record(key) is not None for key in self._world.placed_keys())

    def _accept(self, desired: Desired, fleet: Fleet, there: int) -> None:
        values = self._history.accepted(desired, fleet, there)
        if values:
            self._world.fleets.put(self._fleets.patch(values))

    def _list_regions(self, fleet: Fleet) -> None:
        """For the commands, which know the control plane and have no repository at hand."""
        places = regions_text(self._world.places())
        if self._world.regions and places != regions_text(fleet.regions.values()):
            self._world.fleets.put(self._fleets.patch({REGIONS: places}))
