"""One pass over one environment: observe, finish what was claimed or decide and act, then write the status once.

Level-based: it gets a key and looks at everything again; any pass may be the first, or be repeated.
"""

from collections.abc import Callable
from dataclasses import replace

from reconciler.controller import launch
from reconciler.controller.accounts import Accounts
from reconciler.controller.admin import answer_to
from reconciler.controller.following import Following
from reconciler.controller.passes import Pass
from reconciler.controller.places import Places
from reconciler.controller.ports import FleetStore, History, RecordStore
from reconciler.controller.safety import Safety
from reconciler.controller.settings import Settings
from reconciler.controller.sweep import Sweep
from reconciler.controller.world import World
from reconciler.controller.writer import Writer
from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.admin import Answer
from reconciler.core.decide import Decision, decide
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError, Unavailable
from reconciler.core.guard import begun
from reconciler.core.move import Phase
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.placement import Placement, State
from reconciler.core.rebuild import rebuilt
from reconciler.core.record import Entry, Record
from reconciler.core.saga import arrived
from reconciler.core.step import Verb
from reconciler.core.times import parse_rfc3339, rfc3339, seconds_between
from reconciler.core.tombstone import tombstone


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
        self._records = records
        self._settings = settings
        self._clock = clock
        self._sweep = Sweep(settings.keep_stopped_copies, clock)
        self._places = Places(world)
        self._writer = Writer(world, records, clock, fresh)
        self.safety = Safety(world, history, clock)
        self.accounts = Accounts(world, fleets, history)
        self._following = Following(world, self._writer, self._sweep, self.safety, settings, clock, self.preview)

    def reconcile(self, key: Key, desired: Desired) -> Pass:
        """Bring one environment one step nearer. Raises TenantctlError; Conflict means: look again."""
        observed = self._recorded(key, desired, self._writer.save)
        self._sweep.sweep(self._world.regions.values(), key, observed.record)
        record = observed.record
        if record is None or record.claim is None or observed.damaged:
            return self._decide(key, desired, observed)
        return self._turned(record, desired, observed) or self._following.advance(record, desired)

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

    def note_failure(self, key: Key, error: TenantctlError) -> None:
        """Say on the record why a pass failed, where trying again alone does not help."""
        self._writer.note_failure(key, error)

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
        with self._places.take(decision.action.where, key, desired) as free:
            if not free:
                return self._settle(desired, observed, _limited(decision))
            return self._launch(decision, desired, observed)

    def _know_pauses(self) -> None:
        """Nothing is launched while it is not known what is suspended. Raises Unavailable."""
        if self._world.fleet_watch.trouble:
            raise Unavailable(f"whether anything is suspended is not known: {self._world.fleet_watch.trouble}")

    def _launch(self, decision: Decision, desired: Desired, observed: Observed) -> Pass:
        action = decision.action
        assert action is not None
        record, placement = self._placed(desired, observed, action)
        claim = launch.claim_of(record, action, placement, desired.revision, self._clock())
        record = launch.claimed(record, action, claim)
        record = self._writer.save(self._writer.with_status(record, desired, decision))
        self._writer.post(record, self._world.regions[claim.region])
        self._writer.tell(record, "Launched", f"run {claim.run}: {'; '.join(map(str, action.reasons))}")
        return Pass(action.key, "launched", claim.run, decision)

    def _administer(self, desired: Desired, observed: Observed, decision: Decision) -> Pass:
        """Nothing that is declared is launched now, so what a person asked for may have its turn."""
        asked = answer_to(observed, self._clock())
        if decision.settled and observed.region in self._world.regions:
            self._writer.tidy(self._world.regions[observed.region], decision.key, observed.placement)
        if asked is None or asked.record.claim is None:
            return self._settle(desired, observed, decision, asked)
        self._know_pauses()
        region = self._world.regions[asked.record.claim.region]
        with self._places.take(region.name, decision.key, desired) as free:
            if not free:
                return replace(self._settle(desired, observed, decision), place=region.name)
            record = self._writer.save(self._writer.with_status(asked.record, desired, decision))
            self._writer.post(record, region)
        self._writer.tell_news(observed.record, record)
        return Pass(decision.key, "launched", asked.record.claim.run, decision)

    def _placed(self, desired: Desired, observed: Observed, action: Action) -> tuple[Record, Placement | None]:
        """The record, made if there is none, after the site's placement says what the action needs."""
        record = observed.record
        if record is None:
            assert action.declaration is not None
            record = launch.new_record(action.declaration, observed.placement)
        before, record = record, launch.prepared(record, action, self._clock())
        if record != before or not record.resource_version:
            record = self._writer.save(record)
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
        self._writer.write(record, self._writer.with_status(after, desired, _left(decision, after)))
        self._writer.tell_news(observed.record, after)
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
        record = self._writer.save(replace(record.with_entry(entry), claim=None, move=move if back else after))
        return self._decide(record.key, desired, replace(observed, record=record))

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
        self._writer.write(record, self._writer.with_status(asked.record if asked else record, desired, decision))
        if asked:
            self._writer.tell_news(record, asked.record)
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


def _phase(record: Record | None) -> Phase | None:
    return record.move.phase if record and record.move else None


def _must(observed: Observed) -> bool:
    """Whether a record has to be made again from placements, and every region that might have one has been heard."""
    placed = any(site.placement for site in observed.sites.values())
    return placed and not observed.silent


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
