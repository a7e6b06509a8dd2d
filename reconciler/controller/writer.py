"""What a pass writes: the record, the placement, the Workflow it POSTs, and Events.

What was written is in the projections of the watches at once, so that the next pass sees it, however late they are.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from reconciler.controller import launch
from reconciler.controller.ports import Json, RecordStore
from reconciler.controller.world import RegionWatch, World
from reconciler.core.action import HoldReason
from reconciler.core.decide import Decision
from reconciler.core.desired import Desired
from reconciler.core.errors import Conflict, Damaged, NotAllowed, TenantctlError, Unprocessable
from reconciler.core.names import Key
from reconciler.core.observed import Run
from reconciler.core.placement import Placement, ended_patch, read_placement, replace_patch
from reconciler.core.placing import without_removed
from reconciler.core.record import Record, read_record
from reconciler.core.status import with_failure, with_status
from reconciler.core.times import rfc3339


class Writer:
    """Writes for single environments; safe to call from several threads for different keys."""

    def __init__(
        self, world: World, records: RecordStore, clock: Callable[[], float], fresh: Callable[[Record], str]
    ) -> None:
        """`fresh`: the last request of a record that what is declared was read for."""
        self._world = world
        self._records = records
        self._clock = clock
        self._fresh = fresh

    # -- records -------------------------------------------------------------------------------------------------------

    def save(self, record: Record) -> Record:
        """Write a record; returns it as stored. Raises Conflict."""
        saved, raw = launch.save(self._records, record)
        self._world.records.put(raw)
        return saved

    def write(self, before: Record, after: Record) -> None:
        """Write a record that differs from what it was."""
        if after != before or not before.resource_version:
            self.save(after)

    def with_status(self, record: Record, desired: Desired, decision: Decision) -> Record:
        """The record with what the decision says of it, as of now."""
        declaration = desired.environments.get(record.key)
        asked = replace(record, handled=self._fresh(record))
        return with_status(asked, declaration, desired.revision, decision, self._clock())

    def reread(self, record: Record) -> Record:
        """The record as it is now, with the same claim: what we remember may be older than the end of its run."""
        raw = self._records.find(record.key)
        if raw:
            self._world.records.put(raw)
        fresh = read_record(raw) if raw else None
        if fresh is None or fresh.claim != record.claim:
            raise Conflict(f"the claim of record {record.key.dotted} was changed by somebody else: look again")
        return fresh

    def note_failure(self, key: Key, error: TenantctlError) -> None:
        """Say on the record why a pass failed, where trying again alone does not help."""
        record = self._world.record(key)
        if isinstance(record, Record):
            known = {NotAllowed: "NotAllowed", Damaged: HoldReason.STATE_DAMAGED.value}
            reason = known.get(type(error), "Refused")
            self.write(record, with_failure(record, reason, str(error), self._clock()))

    # -- runs and placements -------------------------------------------------------------------------------------------

    def post(self, record: Record, region: RegionWatch) -> None:
        """See that the run of a claim exists, and note it. Raises TenantctlError if it never can."""
        raw, refused = launch.post(region.state, record, self._fresh_placement(region, record.key))
        if raw:
            region.runs.put(raw)
        if refused:
            raise TenantctlError(refused)
        self.save(launch.noted(record))

    def ended(self, region: RegionWatch, key: Key, name: str, run: Run | None) -> Placement | None:
        """The placement as it is now; outcomes that a run left Running are ended, since nobody else will."""
        raw = region.state.find_placement(key)
        if raw is None:
            return None
        why = "deleted" if run is None else "stopped" if run.shutdown else "over"
        patch = ended_patch(raw, name, f"run {name} was {why} before the step ended", rfc3339(self._clock()))
        return self._patched(region, key, raw, patch)

    def tidy(self, region: RegionWatch, key: Key, placement: Placement | None) -> None:
        """Take away what the placement says of services that are gone now; nothing in most cases."""
        patch = replace_patch(placement, without_removed(placement, region.offers)) if placement else []
        if patch:
            self._patched(region, key, {}, patch)

    def _patched(self, region: RegionWatch, key: Key, raw: Json, patch: list[Json]) -> Placement:
        try:
            raw = region.state.patch_placement(key, patch) if patch else raw
        except Unprocessable as error:
            raise Conflict(f"placement {key.dotted} was changed meanwhile: look again") from error
        region.placements.put(raw)
        return read_placement(raw)

    def _fresh_placement(self, region: RegionWatch, key: Key) -> Placement | None:
        raw = region.state.find_placement(key)
        if raw is None:
            return None
        region.placements.put(raw)
        return read_placement(raw)

    # -- events --------------------------------------------------------------------------------------------------------

    def tell(self, record: Record, reason: str, message: str, *, warning: bool = False) -> None:
        """Leave a Kubernetes Event; one that cannot be left is no reason to stop."""
        with contextlib.suppress(TenantctlError):
            self._records.event(record, reason, message, warning=warning)

    def tell_news(self, before: Record | None, after: Record) -> None:
        """An Event for each new line of the history."""
        known = before.history if before else ()
        for entry in after.history:
            if entry not in known:
                self.tell(after, entry.event, entry.message)
