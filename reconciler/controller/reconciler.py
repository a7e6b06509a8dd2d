"""One pass over one environment: observe, finish what was claimed or decide and act, then write the status once.

Level-based: it gets a key and looks at everything again; any pass may be the first, or be repeated.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from reconciler.controller import launch
from reconciler.controller.accounts import Accounts
from reconciler.controller.admin import answer_to
from reconciler.controller.ports import FleetStore, History, Json, RecordStore
from reconciler.controller.safety import Safety
from reconciler.controller.settings import Settings
from reconciler.controller.sweep import Sweep, fresh_run
from reconciler.controller.world import RegionWatch, World
from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.admin import Answer, conclude_admin, is_admin
from reconciler.core.application import waiting
from reconciler.core.claim import Claim
from reconciler.core.conclude import conclude, is_over
from reconciler.core.decide import Decision, decide
from reconciler.core.desired import Desired
from reconciler.core.errors import Conflict, Damaged, NotAllowed, TenantctlError, Unavailable, Unprocessable
from reconciler.core.guard import begun
from reconciler.core.job_copy import genuine
from reconciler.core.move import Phase
from reconciler.core.names import Key
from reconciler.core.observed import Observed, Run
from reconciler.core.placement import Placement, State, ended_patch, read_placement, replace_patch
from reconciler.core.placing import without_removed
from reconciler.core.rebuild import rebuilt
from reconciler.core.record import Entry, Record, read_record
from reconciler.core.saga import arrived
from reconciler.core.status import with_failure, with_status
from reconciler.core.step import Verb
from reconciler.core.times import parse_rfc3339, rfc3339, seconds_between
from reconciler.core.tombstone import tombstone


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did, for logs and metrics. `again_after`: when to look again in any case, in seconds.

    `place`: the region in which an admin process waits for a place; an action says that by its hold.
    """

    key: Key
    event: str = "unchanged"
    run: str = ""
    decision: Decision | None = None
    again_after: float | None = None
    place: str = ""


class Reconciler:
    """Reconciles single environments; safe to call from several threads for different keys."""

    def __init__(
        self,
        world: World,
        records: RecordStore,
        settings: Settings,
        clock: Callable[[], float],
        history: History,
        fleets: FleetStore,
        fresh: Callable[[Record], str] = lambda record: record.reconcile,
    ) -> None:
        """`fresh`: the last request of a record that what is declared was read for."""
        self._world = world
        self._fresh = fresh
        self._records = records
        self._settings = settings
        self._clock = clock
        self._sweep = Sweep(settings.keep_stopped_copies, clock)
        self._launching: dict[str, set[Key]] = {}
        self._lock = threading.Lock()
        self.safety = Safety(world, history, clock)
        self.accounts = Accounts(world, fleets, history)

    def reconcile(self, key: Key, desired: Desired) -> Pass:
        """Bring one environment one step nearer. Raises TenantctlError; Conflict means: look again."""
        observed = self._recorded(key, desired, self._save)
        self._sweep.sweep(self._world.regions.values(), key, observed.record)
        record = observed.record
        if record is None or record.claim is None or observed.damaged:
            return self._decide(key, desired, observed)
        return self._turned(record, desired, observed) or self._advance(record, desired)

    def preview(self, key: Key, desired: Desired) -> Decision:
        """What `reconcile` would decide now, without the in-flight limit; nothing is written."""
        observed = self._recorded(key, desired, lambda record: record)
        return decide(key, desired, self.safety.informed(key, desired, observed), self._clock())

    def _recorded(self, key: Key, desired: Desired, keep: Callable[[Record], Record]) -> Observed:
        """What is observed, with the record made again (and kept) if regions hold the environment and there is none."""
        declaration = desired.environments.get(key)
        observed = self._world.observe(key, declaration)
        if observed.record is not None or observed.damaged or not _must(observed):
            return observed
        record = rebuilt(observed.sites, self._clock())
        return self._world.observe(key, declaration, keep(record)) if record else observed

    # -- deciding and acting ---------------------------------------------------------------------------------------

    def _decide(self, key: Key, desired: Desired, observed: Observed) -> Pass:
        record = observed.record
        if record is not None and self._is_over(record, desired, observed):
            return self._forget(record)
        observed = self.safety.informed(key, desired, observed)
        decision = decide(key, desired, observed, self._clock())
        if decision.action is None:
            return self._administer(desired, observed, decision)
        if not decision.action.steps and not decision.action.removals:
            return self._act_without_run(desired, observed, decision)
        self._know_pauses()
        with self._place(decision.action.where, key, desired) as free:
            if not free:
                return self._settle(desired, observed, _limited(decision))
            return self._launch(decision, desired, observed)

    def _know_pauses(self) -> None:
        """Nothing is launched while it is not known what is suspended. Raises Unavailable."""
        if self._world.fleet_watch.trouble:
            raise Unavailable(f"whether anything is suspended is not known: {self._world.fleet_watch.trouble}")

    @contextlib.contextmanager
    def _place(self, region: str, key: Key, desired: Desired) -> Iterator[bool]:
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

    def _launch(self, decision: Decision, desired: Desired, observed: Observed) -> Pass:
        action = decision.action
        assert action is not None
        record, placement = self._placed(desired, observed, action)
        claim = launch.claim_of(record, action, placement, desired.revision, self._clock())
        record = launch.claimed(record, action, claim)
        record = self._save(self._with_status(record, desired, decision))
        self._post(record, self._world.regions[claim.region])
        self._tell(record, "Launched", f"run {claim.run}: {'; '.join(map(str, action.reasons))}")
        return Pass(action.key, "launched", claim.run, decision)

    def _administer(self, desired: Desired, observed: Observed, decision: Decision) -> Pass:
        """Nothing that is declared is launched now, so what a person asked for may have its turn."""
        asked = answer_to(observed, self._clock())
        if decision.settled and observed.region in self._world.regions:
            self._tidy(self._world.regions[observed.region], decision.key, observed.placement)
        if asked is None or asked.record.claim is None:
            return self._settle(desired, observed, decision, asked)
        self._know_pauses()
        region = self._world.regions[asked.record.claim.region]
        with self._place(region.name, decision.key, desired) as free:
            if not free:
                return replace(self._settle(desired, observed, decision), place=region.name)
            record = self._save(self._with_status(asked.record, desired, decision))
            self._post(record, region)
        self._tell_news(observed.record, record)
        return Pass(decision.key, "launched", asked.record.claim.run, decision)

    def _placed(self, desired: Desired, observed: Observed, action: Action) -> tuple[Record, Placement | None]:
        """The record, made if there is none, after the site's placement says what the action needs."""
        record = observed.record
        if record is None:
            assert action.declaration is not None
            record = launch.new_record(action.declaration, observed.placement)
        before, record = record, launch.prepared(record, action, self._clock())
        if record != before or not record.resource_version:
            record = self._save(record)
        if not action.verb:
            return record, None
        region = self._world.regions[action.where]
        raw, placement = launch.place(region.state, action, observed.site(action.where), desired.revision)
        if raw:
            region.placements.put(raw)
        return record, placement

    def _act_without_run(self, desired: Desired, observed: Observed, decision: Decision) -> Pass:
        """Everything that had to run is done already, or nothing has to: only the state has to say so."""
        action = decision.action
        assert action is not None
        if action.kind is ActionKind.DECOMMISSION and action.where not in self._world.regions:
            record, placement = observed.record, None  # nothing was launched, ever: there is nothing to place
        else:
            record, placement = self._placed(desired, observed, action)
        assert record is not None
        after = self._after(record, action, placement, desired.revision, taken=begun(action, observed))
        if action.move and action.move.phase is Phase.THAWING and _phase(observed.record) is not Phase.THAWING:
            after = record  # just turned around: what is to be thawed is decided by the next pass
        self._write(record, self._with_status(after, desired, _left(decision, after)))
        self._tell_news(observed.record, after)
        return Pass(action.key, "applied", "", decision)

    def _after(
        self, record: Record, action: Action, placement: Placement | None, revision: str, *, taken: bool
    ) -> Record:
        """The record once nothing is left to run for the action. `taken`: taking away had begun before this pass."""
        if action.kind is ActionKind.DECOMMISSION:
            return tombstone(record, self._clock(), counts=placement is not None and not taken)
        if action.move is not None:
            return arrived(record, action.move, placement, self._clock())
        # Of an environment that stays, the status says so together with what else is declared.
        return replace(record, applied_digest=action.digest, applied_revision=revision) if record.move else record

    def _is_over(self, record: Record, desired: Desired, observed: Observed) -> bool:
        """Whether it is a tombstone whose time is over: nothing declares it, and nothing of it lives anywhere."""
        if seconds_between(record.gone, self._clock()) <= self._settings.keep_tombstones:
            return False
        declared = record.key in desired.environments or desired.problems(record.key)
        placed = (site.placement for site in observed.sites.values())
        lives = any(each.state is not State.RELEASED for each in placed if each)
        return not (declared or lives or observed.silent or observed.damaged)

    def _forget(self, record: Record) -> Pass:
        """A tombstone whose time is over goes, with what was left of its placements."""
        for region in self._world.regions.values():
            if region.placement(record.key):
                region.state.delete_placement(record.key)
        self.accounts.lower()
        self._records.delete(record)
        return Pass(record.key, "forgotten")

    def _post(self, record: Record, region: RegionWatch) -> None:
        raw, refused = launch.post(region.state, record, self._fresh_placement(region, record.key))
        if raw:
            region.runs.put(raw)
        if refused:
            raise TenantctlError(refused)
        self._save(launch.noted(record))

    # -- following a claim -----------------------------------------------------------------------------------------

    def _turned(self, record: Record, desired: Desired, observed: Observed) -> Pass | None:
        """A move that goes on without its open run: turned around while importing, or its source given up.

        Neither run can do harm: the target is not the commit point yet, and the source is fenced when it comes back.
        """
        claim, move = record.claim, record.move
        if claim is None or move is None or claim.verb not in (Verb.MIGRATE_IN, Verb.MIGRATE_OUT):
            return None
        free = replace(record, claim=None)
        decision = decide(record.key, desired, replace(observed, record=free), self._clock())
        after = decision.action.move if decision.action else None
        back = claim.verb == Verb.MIGRATE_IN and after is not None and after.phase is Phase.THAWING
        given_up = claim.verb == Verb.MIGRATE_OUT and after is not None and after.without_source
        if after is None or not (back or given_up):
            return None
        message = f"run {claim.run} in {claim.region} counts no more"
        entry = Entry(at=rfc3339(self._clock()), event="Abandoned", message=message, run=claim.run, region=claim.region)
        record = self._save(replace(record.with_entry(entry), claim=None, move=move if back else after))
        return self._decide(record.key, desired, replace(observed, record=record))

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
        running = Decision(record.key, None, (hold,), self._waits_for(record.key, claim))
        decision = self.preview(record.key, desired) if is_admin(claim.verb) else running
        self._write(record, self._with_status(record, desired, decision))
        return Pass(record.key, "in progress", claim.run, again_after=again_after)

    def _waits_for(self, key: Key, claim: Claim) -> str:
        """What Argo CD says of applications that are on their way."""
        region = self._world.regions.get(claim.region)
        placement = region.placement(key) if region else None
        return waiting(placement.outcomes.values(), claim.run) if isinstance(placement, Placement) else ""

    def _finish(self, record: Record, region: RegionWatch, desired: Desired) -> Pass:
        """Close the claim if its run is over, by live reads: a watch may lag behind what it is judged by."""
        claim = record.claim
        assert claim is not None
        run = fresh_run(region, claim.run)
        if run is not None and not run.completed:
            return self._in_progress(record, desired)
        copies = [copy for copy in region.state.copies_of(claim.run) if genuine(copy, claim.steps)]
        self._sweep.stop_orphans(region, run, copies)
        if not is_over(run, copies):
            return self._in_progress(record, desired, again_after=5)
        placement = self._ended(region, record.key, claim.run, run)
        concluded = self._concluded(record, placement, run, region)
        decision = self._decision_after(concluded, region, placement, desired)
        saved = self._save(self._with_status(concluded, desired, decision))
        self._tidy(region, record.key, placement)
        last = concluded.history[-1]
        self._tell(saved, last.event, f"run {claim.run}: {last.message}", warning=last.event != "Succeeded")
        return Pass(record.key, last.event, claim.run, decision)

    def _concluded(self, record: Record, placement: Placement | None, run: Run | None, region: RegionWatch) -> Record:
        claim = record.claim
        assert claim is not None
        if is_admin(claim.verb):
            return conclude_admin(record, claim, placement, run, self._clock())
        return conclude(record, claim, placement, run, region.offers, self._clock(), self._settings.backoff)

    def _decision_after(
        self, record: Record, region: RegionWatch, placement: Placement | None, desired: Desired
    ) -> Decision:
        """What is to do once the run is over, for the status; the next pass decides again."""
        observed = self._world.observe(record.key, desired.environments.get(record.key))
        site = observed.site(region.name)
        sites = {region.name: replace(site, placement=placement, active=())} if site else {}
        observed = replace(observed, record=record, sites={**observed.sites, **sites}, active=())
        if observed.region == region.name:
            observed = replace(observed, placement=placement)
        informed = self.safety.informed(record.key, desired, observed)
        return _done_with(decide(record.key, desired, informed, self._clock()), placement)

    def _ended(self, region: RegionWatch, key: Key, name: str, run: Run | None) -> Placement | None:
        """The placement as it is now; outcomes that a run left Running are ended, since nobody else will."""
        raw = region.state.find_placement(key)
        if raw is None:
            return None
        why = "deleted" if run is None else "stopped" if run.shutdown else "over"
        patch = ended_patch(raw, name, f"run {name} was {why} before the step ended", rfc3339(self._clock()))
        return self._patched(region, key, raw, patch)

    def _tidy(self, region: RegionWatch, key: Key, placement: Placement | None) -> None:
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

    # -- writing ---------------------------------------------------------------------------------------------------

    def _settle(self, desired: Desired, observed: Observed, decision: Decision, asked: Answer | None = None) -> Pass:
        """Nothing to launch: write the status, and why a request was refused or waits, if anything differs."""
        record, declaration = observed.record, desired.environments.get(decision.key)
        again = self._again(decision, record, asked)
        event = "held" if decision.holds else "unchanged"
        if record is None and (declaration is None or observed.damaged or observed.lost):
            return Pass(decision.key, event, "", decision, again)
        if record is None:
            assert declaration is not None
            record = launch.new_record(declaration, observed.placement)
        self._write(record, self._with_status(asked.record if asked else record, desired, decision))
        if asked:
            self._tell_news(record, asked.record)
        return Pass(decision.key, event, "", decision, again)

    def _again(self, decision: Decision, record: Record | None, asked: Answer | None) -> float | None:
        """When time alone changes something: a wait ends, it expires, or a tombstone's time is over."""
        now = self._clock()
        times = [hold.until - now for hold in decision.holds if hold.until is not None]
        times += [asked.until - now] if asked and asked.until is not None else []
        if record is not None and record.gone:
            left = self._settings.keep_tombstones - seconds_between(record.gone, now) + 1
            times += [left] if left > 0 else []  # else it waits for a region, or for somebody
        elif record is not None and record.policy.expires_at:
            times += [left for left in [parse_rfc3339(record.policy.expires_at) - now] if left > 0]
        return max(0.1, min(times)) if times else None

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

    def _tell_news(self, before: Record | None, after: Record) -> None:
        """An Event for each new line of the history."""
        known = before.history if before else ()
        for entry in after.history:
            if entry not in known:
                self._tell(after, entry.event, entry.message)

    def note_failure(self, key: Key, error: TenantctlError) -> None:
        """Say on the record why a pass failed, where trying again alone does not help."""
        record = self._world.record(key)
        if isinstance(record, Record):
            known = {NotAllowed: "NotAllowed", Damaged: HoldReason.STATE_DAMAGED.value}
            reason = known.get(type(error), "Refused")
            self._write(record, with_failure(record, reason, str(error), self._clock()))


def _phase(record: Record | None) -> Phase | None:
    return record.move.phase if record and record.move else None


def _must(observed: Observed) -> bool:
    """Whether a record has to be made again from placements, and every region that might have one has been heard."""
    placed = any(site.placement for site in observed.sites.values())
    return placed and not observed.silent


def _done_with(decision: Decision, placement: Placement | None) -> Decision:
    """Where no step is left and the placement says what is declared, only the applied revision has to follow."""
    action = decision.action
    if action is None or action.kind is not ActionKind.UPSERT or action.steps or action.removals:
        return decision
    if placement is None or placement.digest != action.digest:
        return decision
    return replace(decision, action=None)


def _left(decision: Decision, after: Record) -> Decision:
    """What is left of the decision once the state says it: of a move, always something."""
    assert decision.action is not None
    moving = decision.action.kind is ActionKind.MIGRATE or _phase(after) is Phase.THAWING
    return decision if moving else replace(decision, action=None)


def _limited(decision: Decision) -> Decision:
    action = decision.action
    assert action is not None
    message = f"region {action.where} has as many runs in progress as its limit allows"
    hold = Hold(action.key, HoldReason.IN_FLIGHT_LIMIT, message, action)
    return Decision(decision.key, None, (hold, *decision.holds))
