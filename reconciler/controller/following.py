"""Following a claim: POST its run if nobody has, wait for its end, and write down what it came to."""

from collections.abc import Callable
from dataclasses import replace

from reconciler.controller.passes import Pass
from reconciler.controller.safety import Safety
from reconciler.controller.settings import Settings
from reconciler.controller.sweep import Sweep, fresh_run
from reconciler.controller.world import RegionWatch, World
from reconciler.controller.writer import Writer
from reconciler.core.action import ActionKind, Hold, HoldReason
from reconciler.core.admin import conclude_admin, is_admin
from reconciler.core.application import waiting
from reconciler.core.claim import Claim
from reconciler.core.conclude import conclude, is_over
from reconciler.core.decide import Decision, decide
from reconciler.core.desired import Desired
from reconciler.core.job_copy import genuine
from reconciler.core.names import Key
from reconciler.core.observed import Run
from reconciler.core.placement import Placement
from reconciler.core.record import Record

Preview = Callable[[Key, Desired], Decision]


class Following:
    """Follows the open claims of single environments."""

    def __init__(
        self, world: World, writer: Writer, sweep: Sweep, safety: Safety, settings: Settings,
        clock: Callable[[], float], preview: Preview,
    ) -> None:  # fmt: skip
        self._world = world
        self._writer = writer
        self._sweep = sweep
        self._safety = safety
        self._settings = settings
        self._clock = clock
        self._preview = preview

    def advance(self, record: Record, desired: Desired) -> Pass:
        """One step on with the claim of a record. Raises TenantctlError; Conflict means: look again."""
        claim = record.claim
        assert claim is not None
        region = self._world.regions.get(claim.region)
        if region is None or region.trouble:
            return self._wait_for_region(record, desired, region)
        if not claim.noted:
            self._writer.post(self._writer.reread(record), region)
            return Pass(record.key, "launched", claim.run)
        cached = region.runs.get(region.state.namespace, claim.run)
        if cached is not None and not cached.completed:
            return self._in_progress(record, desired)
        return self._finish(record, region, desired)

    def _wait_for_region(self, record: Record, desired: Desired, region: RegionWatch | None) -> Pass:
        claim = record.claim
        assert claim is not None
        if region:
            reason, why = HoldReason.REGION_NOT_ANSWERING, f"region {claim.region} does not answer: {region.trouble}"
        else:
            reason, why = HoldReason.UNKNOWN_REGION, f"region {claim.region} is not listed (providers/regions.yaml)"
        decision = Decision(record.key, None, (Hold(record.key, reason, f"{why}; run {claim.run} is there"),))
        self._writer.write(record, self._writer.with_status(record, desired, decision))
        return Pass(record.key, "held", claim.run, decision)

    def _in_progress(self, record: Record, desired: Desired, again_after: float | None = None) -> Pass:
        """The run goes on; policy, levers and what was wrong before are brought up to date meanwhile."""
        claim = record.claim
        assert claim is not None
        hold = Hold(record.key, HoldReason.RUN_IN_PROGRESS, f"run {claim.run} is in progress")
        running = Decision(record.key, None, (hold,), self._waits_for(record.key, claim))
        decision = self._preview(record.key, desired) if is_admin(claim.verb) else running
        self._writer.write(record, self._writer.with_status(record, desired, decision))
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
        placement = self._writer.ended(region, record.key, claim.run, run)
        concluded = self._concluded(record, placement, run, region)
        decision = self._decision_after(concluded, region, placement, desired)
        saved = self._writer.save(self._writer.with_status(concluded, desired, decision))
        self._writer.tidy(region, record.key, placement)
        last = concluded.history[-1]
        self._writer.tell(saved, last.event, f"run {claim.run}: {last.message}", warning=last.event != "Succeeded")
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
        informed = self._safety.informed(record.key, desired, observed)
        return _done_with(decide(record.key, desired, informed, self._clock()), placement)


def _done_with(decision: Decision, placement: Placement | None) -> Decision:
    """Where no step is left and the placement says what is declared, only the applied revision has to follow."""
    action = decision.action
    if action is None or action.kind is not ActionKind.UPSERT or action.steps or action.removals:
        return decision
    if placement is None or placement.digest != action.digest:
        return decision
    return replace(decision, action=None)
