"""One pass over one environment: observe, finish what was claimed or decide and launch, then write the status once.

Level-based: it gets a key and looks at everything again; any pass may be the first, or be repeated.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from reconciler.controller import launch
from reconciler.controller.ports import RecordStore
from reconciler.controller.settings import Settings
from reconciler.controller.world import RegionWatch, World
from reconciler.core.action import Action, Hold, HoldReason
from reconciler.core.conclude import conclude, is_over
from reconciler.core.decide import Decision, basis_of, decide, wanted_steps
from reconciler.core.desired import Desired
from reconciler.core.errors import Conflict, Damaged, NotAllowed, TenantctlError, Unavailable, Unprocessable
from reconciler.core.job_copy import Copy, genuine
from reconciler.core.names import Key
from reconciler.core.observed import Observed, Run, read_run
from reconciler.core.placement import Placement, ended_patch, read_placement
from reconciler.core.record import Record, read_record
from reconciler.core.status import with_failure, with_status
from reconciler.core.times import rfc3339, seconds_between


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did, for logs and metrics. `again_after`: when to look again in any case, in seconds."""

    key: Key
    event: str = "unchanged"
    run: str = ""
    decision: Decision | None = None
    again_after: float | None = None


class Reconciler:
    """Reconciles single environments; safe to call from several threads for different keys."""

    def __init__(
        self,
        world: World,
        records: RecordStore,
        settings: Settings,
        clock: Callable[[], float],
        fresh: Callable[[Record], str] = lambda record: record.reconcile,
    ) -> None:
        """`fresh`: the last request of a record that what is declared was read for."""
        self._world = world
        self._fresh = fresh
        self._records = records
        self._settings = settings
        self._clock = clock
        self._launching: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def reconcile(self, key: Key, desired: Desired) -> Pass:
        """Bring one environment one step nearer. Raises TenantctlError; Conflict means: look again."""
        observed = self._world.observe(key, desired.environments.get(key))
        self._sweep(key, observed)
        record = observed.record
        if record is not None and record.claim is not None and not observed.damaged:
            return self._advance(record, desired)
        return self._decide(key, desired, observed)

    def preview(self, key: Key, desired: Desired) -> Decision:
        """What `reconcile` would decide now, without the in-flight limit; nothing is written."""
        return decide(key, desired, self._world.observe(key, desired.environments.get(key)), self._clock())

    # -- deciding and launching ------------------------------------------------------------------------------------

    def _decide(self, key: Key, desired: Desired, observed: Observed) -> Pass:
        decision = decide(key, desired, observed, self._clock())
        if decision.action is None:
            return self._settle(desired, observed, decision)
        if not decision.action.steps:
            return self._apply_without_run(desired, observed, decision)
        if self._world.fleet_watch.trouble:
            raise Unavailable(f"whether anything is suspended is not known: {self._world.fleet_watch.trouble}")
        if not self._reserve(decision.action, desired):
            return self._settle(desired, observed, _limited(decision))
        try:
            return self._launch(decision, desired, observed)
        finally:
            self._release(decision.action)

    def _reserve(self, action: Action, desired: Desired) -> bool:
        """Take one of the region's places; the claim holds it from the moment it is written."""
        with self._lock:
            launching = self._launching.setdefault(action.target, set())
            taken = self._world.in_flight(action.target) + len(launching)
            if taken >= desired.regions[action.target].in_flight_limit:
                return False
            launching.add(action.key)
            return True

    def _release(self, action: Action) -> None:
        with self._lock:
            self._launching[action.target].discard(action.key)

    def _launch(self, decision: Decision, desired: Desired, observed: Observed) -> Pass:
        action = decision.action
        assert action is not None
        declaration, region = desired.environments[action.key], self._world.regions[action.target]
        record = self._placed(desired, observed, action)
        wanted = wanted_steps(declaration, observed.upserts or {})
        claim = launch.claim_of(record, action, desired.revision, basis_of(declaration, wanted, record), self._clock())
        record = launch.claimed(replace(record, policy=declaration.policy), claim)
        record = self._save(self._with_status(record, desired, decision))
        self._post(record, region)
        self._tell(record, "Launched", f"run {claim.run}: {'; '.join(map(str, action.reasons))}")
        return Pass(action.key, "launched", claim.run, decision)

    def _placed(self, desired: Desired, observed: Observed, action: Action) -> Record:
        """The record, made if there is none, after the region's placement says what is declared.

        The record names the region before anything is placed there: a placement that only its region knows of would
        read as one that has to be moved. Raises Conflict when outcomes came that the decision did not know.
        """
        declaration, region = desired.environments[action.key], self._world.regions[action.target]
        record = observed.record or launch.new_record(declaration, observed.placement)
        if not record.resource_version or record.region != action.target:
            record = self._save(replace(record, region=action.target))
        raw = launch.place(region.state, record, declaration, desired.revision)
        region.placements.put(raw)
        if read_placement(raw).outcomes != (observed.placement.outcomes if observed.placement else {}):
            raise Conflict(f"placement {action.key.dotted} has other outcomes than were known: look again")
        return record

    def _apply_without_run(self, desired: Desired, observed: Observed, decision: Decision) -> Pass:
        """All that is wanted is done already, or nothing is wanted: only the state has to say so."""
        action = decision.action
        assert action is not None
        record = self._placed(desired, observed, action)
        settled = replace(decision, action=None)
        self._write(record, self._with_status(record, desired, settled))
        return Pass(action.key, "applied", "", decision)

    def _post(self, record: Record, region: RegionWatch) -> None:
        raw, refused = launch.post(region.state, record, self._fresh_placement(region, record.key))
        if raw:
            region.runs.put(raw)
        if refused:
            raise TenantctlError(refused)
        self._save(launch.noted(record))

    # -- following a claim -----------------------------------------------------------------------------------------

    def _advance(self, record: Record, desired: Desired) -> Pass:
        claim = record.claim
        assert claim is not None
        region = self._world.regions.get(claim.region)
        if region is None or region.trouble:
            return self._wait_for_region(record, desired, region)
        if not claim.noted:
            self._post(self._reread(record), region)
            return Pass(record.key, "launched", claim.run)
        cached = region.runs.get(region.state.namespace, claim.run)
        if cached is not None and not cached.completed:
            return self._in_progress(record, desired)
        return self._finish(record, region, desired)

    def _reread(self, record: Record) -> Record:
        """The record as it is now, with the same claim: what we remember may be older than the end of its run."""
        raw = self._records.find(record.key)
        if raw:
            self._world.records.put(raw)
        fresh = read_record(raw) if raw else None
        if fresh is None or fresh.claim != record.claim:
            raise Conflict(f"the claim of record {record.key.dotted} was changed by somebody else: look again")
        return fresh

    def _wait_for_region(self, record: Record, desired: Desired, region: RegionWatch | None) -> Pass:
        claim = record.claim
        assert claim is not None
        if region:
            reason, why = HoldReason.REGION_NOT_ANSWERING, f"region {claim.region} does not answer: {region.trouble}"
        else:
            reason, why = HoldReason.UNKNOWN_REGION, f"region {claim.region} is not listed (providers/regions.yaml)"
        decision = Decision(record.key, None, (Hold(record.key, reason, f"{why}; run {claim.run} is there"),))
        self._write(record, self._with_status(record, desired, decision))
        return Pass(record.key, "held", claim.run, decision)

    def _in_progress(self, record: Record, desired: Desired, again_after: float | None = None) -> Pass:
        """The run goes on; policy, levers and what was wrong before are brought up to date meanwhile."""
        claim = record.claim
        assert claim is not None
        hold = Hold(record.key, HoldReason.RUN_IN_PROGRESS, f"run {claim.run} is in progress")
        self._write(record, self._with_status(record, desired, Decision(record.key, None, (hold,))))
        return Pass(record.key, "in progress", claim.run, again_after=again_after)

    def _finish(self, record: Record, region: RegionWatch, desired: Desired) -> Pass:
        """Close the claim if its run is over, by live reads: a watch may lag behind what it is judged by."""
        claim = record.claim
        assert claim is not None
        run = self._fresh_run(region, claim.run)
        if run is not None and not run.completed:
            return self._in_progress(record, desired)
        copies = [copy for copy in region.state.copies_of(claim.run) if genuine(copy, claim.steps)]
        self._stop_orphans(region, run, copies)
        if not is_over(run, copies):
            return self._in_progress(record, desired, again_after=5)
        placement = self._ended(region, record.key, claim.run, run)
        concluded = conclude(record, claim, placement, run, region.upserts, self._clock(), self._settings.backoff)
        observed = replace(self._world.observe(record.key, desired.environments.get(record.key)), record=concluded)
        observed = replace(observed, placement=placement, active=())
        decision = _done_with(decide(record.key, desired, observed, self._clock()), placement)
        saved = self._save(self._with_status(concluded, desired, decision))
        last = concluded.history[-1]
        self._tell(saved, last.event, f"run {claim.run}: {last.message}", warning=last.event != "Succeeded")
        return Pass(record.key, last.event, claim.run, decision)

    def _ended(self, region: RegionWatch, key: Key, name: str, run: Run | None) -> Placement | None:
        """The placement as it is now; outcomes that a run left Running are ended, since nobody else will."""
        raw = region.state.find_placement(key)
        if raw is None:
            return None
        why = "deleted" if run is None else "stopped" if run.shutdown else "over"
        patch = ended_patch(raw, name, f"run {name} was {why} before the step ended", rfc3339(self._clock()))
        try:
            raw = region.state.patch_placement(key, patch) if patch else raw
        except Unprocessable as error:
            raise Conflict(f"placement {key.dotted} was changed meanwhile: look again") from error
        region.placements.put(raw)
        return read_placement(raw)

    def _fresh_run(self, region: RegionWatch, name: str) -> Run | None:
        raw = region.state.find_run(name)
        if raw is None:
            return None
        region.runs.put(raw)
        return read_run(raw)

    def _fresh_placement(self, region: RegionWatch, key: Key) -> Placement | None:
        raw = region.state.find_placement(key)
        if raw is None:
            return None
        region.placements.put(raw)
        return read_placement(raw)

    # -- the sweep -------------------------------------------------------------------------------------------------

    def _sweep(self, key: Key, observed: Observed) -> None:
        """Suspend the copies of runs that were stopped or are gone, and delete stopped ones after a day."""
        for region in self._world.regions.values():
            if region.trouble:
                continue
            with contextlib.suppress(NotAllowed):  # a right that is missing there keeps nothing else from being done
                self._sweep_region(region, region.copies(key, observed.record))

    def _sweep_region(self, region: RegionWatch, copies: list[Copy]) -> None:
        for name in {copy.run for copy in copies if not copy.finished and not copy.stopped}:
            self._sweep_run(region, name, [copy for copy in copies if copy.run == name])
        self._delete_old(region, copies)

    def _sweep_run(self, region: RegionWatch, name: str, copies: Iterable[Copy]) -> None:
        cached = region.runs.get(region.state.namespace, name)
        if cached is None or (cached.completed and cached.shutdown):
            self._stop_orphans(region, self._fresh_run(region, name), copies)

    def _stop_orphans(self, region: RegionWatch, run: Run | None, copies: Iterable[Copy]) -> None:
        if run is not None and not (run.completed and run.shutdown):
            return
        for copy in copies:
            if not copy.finished and not copy.stopped:
                region.state.stop_copy(copy, rfc3339(self._clock()))

    def _delete_old(self, region: RegionWatch, copies: Iterable[Copy]) -> None:
        for copy in copies:
            age = seconds_between(copy.stopped_at, self._clock())
            if copy.stopped and age > self._settings.keep_stopped_copies:
                region.state.delete_copy(copy)

    # -- writing ---------------------------------------------------------------------------------------------------

    def _settle(self, desired: Desired, observed: Observed, decision: Decision) -> Pass:
        """Nothing to launch: write the status if it differs."""
        record, declaration = observed.record, desired.environments.get(decision.key)
        again = _until(decision, self._clock())
        event = "held" if decision.holds else "unchanged"
        if record is None and (declaration is None or observed.damaged):
            return Pass(decision.key, event, "", decision, again)
        if record is None:
            assert declaration is not None
            record = launch.new_record(declaration, observed.placement)
        self._write(record, self._with_status(record, desired, decision))
        return Pass(decision.key, event, "", decision, again)

    def _with_status(self, record: Record, desired: Desired, decision: Decision) -> Record:
        declaration = desired.environments.get(record.key)
        asked = replace(record, handled=self._fresh(record))
        return with_status(asked, declaration, desired.revision, decision, self._clock())

    def _write(self, before: Record, after: Record) -> None:
        if after != before or not before.resource_version:
            self._save(after)

    def _save(self, record: Record) -> Record:
        saved, raw = launch.save(self._records, record)
        self._world.records.put(raw)
        return saved

    def _tell(self, record: Record, reason: str, message: str, *, warning: bool = False) -> None:
        """Leave a Kubernetes Event; one that cannot be left is no reason to stop."""
        with contextlib.suppress(TenantctlError):
            self._records.event(record, reason, message, warning=warning)

    def note_failure(self, key: Key, error: TenantctlError) -> None:
        """Say on the record why a pass failed, where trying again alone does not help."""
        record = self._world.record(key)
        if isinstance(record, Record):
            known = {NotAllowed: "NotAllowed", Damaged: HoldReason.STATE_DAMAGED.value}
            reason = known.get(type(error), "Refused")
            self._write(record, with_failure(record, reason, str(error), self._clock()))


def _done_with(decision: Decision, placement: Placement | None) -> Decision:
    """Where no step is left and the placement says what is declared, only the applied revision has to follow."""
    action = decision.action
    if action is None or action.steps or placement is None or placement.digest != action.digest:
        return decision
    return replace(decision, action=None)


def _limited(decision: Decision) -> Decision:
    action = decision.action
    assert action is not None
    message = f"region {action.target} has as many runs in progress as its limit allows"
    return Decision(decision.key, None, (Hold(action.key, HoldReason.IN_FLIGHT_LIMIT, message, action),))


def _until(decision: Decision, now: float) -> float | None:
    times = [hold.until - now for hold in decision.holds if hold.until is not None]
    return max(0.1, min(times)) if times else None
