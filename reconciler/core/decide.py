"""`decide`: what to do about one environment, from what is declared and what is observed.

Pure, and O(1) in the size of the fleet. `plan`, `apply` and the loop share it, so the preview is the deed. It reads
like a list of guards: the first that applies turns the action into a hold, with its fixed reason (design §7).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.core.action import Action, ActionKind, Hold, HoldReason, Reason
from reconciler.core.declaration import Declaration
from reconciler.core.declaration import wanted as wanted_part
from reconciler.core.desired import Desired
from reconciler.core.difference import differences, text
from reconciler.core.fleet import suspensions
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement
from reconciler.core.record import Record
from reconciler.core.step import Kind, Step, Verb
from reconciler.core.times import parse_rfc3339

ATTEMPTS_MAX = 5
SOON = "later releases of tenantctl do this"


@dataclass(frozen=True, slots=True)
class Decision:
    """At most one action to make now, and what is held. Neither: everything that is wanted is done.

    `notice`: what a person should know though nothing is wrong; None where it cannot be known now.
    """

    key: Key
    action: Action | None = None
    holds: tuple[Hold, ...] = ()
    notice: str | None = ""

    @property
    def settled(self) -> bool:
        """Whether nothing at all is left to do."""
        return self.action is None and not self.holds


def decide(key: Key, desired: Desired, observed: Observed, now: float) -> Decision:
    """What to do about one environment at `now` (seconds since the epoch)."""
    problems = desired.problems(key)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return Decision(key, None, (Hold(key, HoldReason.INVALID_DECLARATION, f"{problems[0]}{more}"),))
    declaration = desired.environments.get(key)
    action = _seen(key, declaration, observed)
    notice = _notice(declaration, observed)
    if action is None:
        damaged = (Hold(key, HoldReason.STATE_DAMAGED, observed.damaged),) if observed.damaged else ()
        return Decision(key, None, damaged, notice)
    guarded = _guard(action, desired, observed, now)
    return replace(guarded if guarded else _split(action, observed), notice=notice)


def _notice(declaration: Declaration | None, observed: Observed) -> str | None:
    if declaration is None:
        return ""
    if declaration.region in observed.silent:
        return None
    return "; ".join(f"no lifecycle Job of service {name} is there" for name in _jobless(declaration, observed))


def _jobless(declaration: Declaration, observed: Observed) -> list[str]:
    """The services that it names and that offer nothing: not there yet, or misspelt. No error: Jobs come any time."""
    if observed.upserts is None:
        return []
    offered = {step.namespace for step in observed.upserts}
    return [name for name in declaration.services or () if name not in offered]


def _seen(key: Key, declaration: Declaration | None, observed: Observed) -> Action | None:
    """The action that closes the gap, whatever stands in its way."""
    record = observed.record
    if declaration is None or declaration.state == "Decommissioned":
        return _decommission(key, declaration, record) if record else None
    if record and record.region != declaration.region and _placed(record, declaration, observed):
        return _migrate(declaration, record)
    return _upsert(declaration, observed)


def _placed(record: Record, declaration: Declaration, observed: Observed) -> bool:
    """Whether anything may exist in the recorded region; before that, another region is only another plan."""
    elsewhere = observed.placement and observed.region != declaration.region
    return bool(record.applied_digest or record.claim or elsewhere)


def _decommission(key: Key, declaration: Declaration | None, record: Record) -> Action:
    reason = (
        Reason("state", "spec.state", "Decommissioned")
        if declaration
        else Reason("removed", "", "the declaration was removed")
    )
    return Action(key, ActionKind.DECOMMISSION, record.region, "", record.applied_digest, (reason,), None)


def _migrate(declaration: Declaration, record: Record) -> Action:
    reason = Reason("field", "spec.region", text(record.region, declaration.region))
    key, digest, ring = declaration.key, declaration.digest, declaration.policy.ring
    return Action(key, ActionKind.MIGRATE, record.region, declaration.region, digest, (reason,), None, ring=ring)


def _upsert(declaration: Declaration, observed: Observed) -> Action | None:
    record, placement = observed.record, observed.placement
    wanted = wanted_steps(declaration, observed.upserts or {})
    pending = pending_steps(wanted, placement, declaration.digest)
    removals = unwanted_steps(declaration, placement)
    applied = record is not None and record.applied_digest == declaration.digest
    if applied and not pending and not removals and not _lost(declaration, observed):
        return None
    source = record.region if record and record.applied_digest else ""
    return Action(
        key=declaration.key,
        kind=ActionKind.UPSERT,
        source=source,
        target=declaration.region,
        digest=declaration.digest,
        reasons=_reasons(declaration, observed, wanted, pending, removals),
        steps=None if observed.upserts is None else tuple(sorted(pending)),
        removals=removals,
        attempt=_attempt(record, basis_of(declaration, wanted, record)),
        ring=declaration.policy.ring,
        asked=not applied or bool(removals),
    )


def _lost(declaration: Declaration, observed: Observed) -> bool:
    """Whether the region, which answers, holds no placement: made again, so that a run by hand finds it."""
    return observed.placement is None and declaration.region not in observed.silent


def wanted_steps(declaration: Declaration, upserts: Mapping[Step, str]) -> dict[Step, str]:
    """Every step that the environment should have done, with the hash that it should have been done with."""
    return {step: job_hash for step, job_hash in upserts.items() if declaration.uses_service(step.namespace)}


def pending_steps(wanted: Mapping[Step, str], placement: Placement | None, digest: str) -> tuple[Step, ...]:
    """The wanted steps that no outcome proves done (design §5, *Done*)."""
    return tuple(step for step, job_hash in wanted.items() if not _done(step, job_hash, placement, digest))


def _done(step: Step, job_hash: str, placement: Placement | None, digest: str) -> bool:
    outcome = placement.outcomes.get(step) if placement else None
    return outcome is not None and placement is not None and outcome.done(digest, job_hash, placement.epoch)


def unwanted_steps(declaration: Declaration, placement: Placement | None) -> tuple[Step, ...]:
    """What the region has outcomes of and the declaration no longer wants.

    A Job that merely disappeared is not among them: its service is still wanted (design §4, *Discovery*).
    """
    if placement is None:
        return ()
    upserted = (step for step in placement.outcomes if step.kind is Kind.JOB and step.verb == Verb.UPSERT)
    gone = (step for step in upserted if not declaration.uses_service(step.namespace))
    return tuple(sorted(replace(step, verb=Verb.DECOMMISSION.value) for step in gone))


def basis_of(declaration: Declaration, wanted: Mapping[Step, str], record: Record | None) -> str:
    """What an attempt is an attempt at; a change of the declaration, a Job or a person's `retry` begins anew."""
    parts = [declaration.digest, declaration.region, record.retry if record else ""]
    parts += sorted(f"{step}={job_hash}" for step, job_hash in wanted.items())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _attempt(record: Record | None, basis: str) -> int:
    return record.attempts.count + 1 if record and record.attempts.basis == basis else 1


def _guard(action: Action, desired: Desired, observed: Observed, now: float) -> Decision | None:
    """The first guard that holds the whole action."""
    for guard in (_regions, _state, _in_progress, _paused, _unsupported, _attempts):
        hold = guard(action, desired, observed, now)
        if hold:
            return Decision(action.key, None, (hold,))
    return None


def _regions(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    recorded = observed.record.region if observed.record else ""
    for region in filter(None, (action.source or recorded, action.target)):
        if region not in desired.regions:
            known = ", ".join(sorted(desired.regions))
            message = f"region {region} is not one of {known} (providers/regions.yaml)"
            return Hold(action.key, HoldReason.UNKNOWN_REGION, message, action)
        if region in observed.silent:
            message = f"region {region} does not answer: {observed.silent[region]}"
            return Hold(action.key, HoldReason.REGION_NOT_ANSWERING, message, action)
    return None


def _state(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    record, placement = observed.record, observed.placement
    if observed.damaged:
        return Hold(action.key, HoldReason.STATE_DAMAGED, observed.damaged, action)
    if record and placement and record.epoch != placement.epoch:
        message = f"the record is at epoch {record.epoch}, the placement at {placement.epoch}"
        return Hold(action.key, HoldReason.STATE_DAMAGED, message, action)
    return None


def _in_progress(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    claim = observed.record.claim if observed.record else None
    runs = [claim.run] if claim else list(observed.active)
    if not runs:
        return None
    return Hold(action.key, HoldReason.RUN_IN_PROGRESS, f"run {runs[0]} is in progress", action)


def _paused(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Only launching is held: where every step is done, the state may say so. It passes with the last one's time."""
    if action.steps == () and not action.removals:
        return None
    recorded = observed.record.region if observed.record else ""
    regions = {recorded, action.source, action.target} - {""}
    found = suspensions(action.key, observed.record, observed.fleet, regions, now)
    if not found:
        return None
    ends = [each.mark.until for each in found]
    until = max(map(parse_rfc3339, ends)) if all(ends) else None
    return Hold(action.key, HoldReason.PAUSED, "; ".join(map(str, found)), action, until)


def _unsupported(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    if action.kind is not ActionKind.UPSERT:
        return Hold(action.key, HoldReason.NOT_YET_SUPPORTED, f"{action.kind.value} is planned only; {SOON}", action)
    declaration = desired.environments[action.key]
    for what in ("resources", "applications"):
        if getattr(declaration, what):
            return Hold(action.key, HoldReason.NOT_YET_SUPPORTED, f"spec.{what} is declared; {SOON}", action)
    return None


def _attempts(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    record = observed.record
    if record is None or action.attempt == 1 or action.steps == ():  # nothing is left to try: a run by hand did it
        return None
    attempts = record.attempts
    if attempts.stalled:
        reason = HoldReason.ATTEMPTS_USED_UP if attempts.stalled == "AttemptsUsedUp" else HoldReason.STALLED
        return Hold(action.key, reason, attempts.message, action)
    if now < attempts.next_at:
        message = f"attempt {action.attempt} of {ATTEMPTS_MAX} follows: {attempts.message}"
        return Hold(action.key, HoldReason.RETRY_LATER, message, action, attempts.next_at)
    return None


def _split(action: Action, observed: Observed) -> Decision:
    """Removals are held; the rest of the upsert goes on without them."""
    if not action.removals:
        return Decision(action.key, action)
    names = ", ".join(sorted({step.namespace for step in action.removals}))
    hold = Hold(action.key, HoldReason.NOT_YET_SUPPORTED, f"removal of {names} is planned only; {SOON}", action)
    reasons = tuple(reason for reason in action.reasons if reason.code != "removal")
    rest = replace(action, removals=(), reasons=reasons)
    applied = observed.record is not None and observed.record.applied_digest == action.digest
    return Decision(action.key, None if applied and not action.steps else rest, (hold,))


def _reasons(
    declaration: Declaration,
    observed: Observed,
    wanted: Mapping[Step, str],
    pending: Iterable[Step],
    removals: tuple[Step, ...],
) -> tuple[Reason, ...]:
    found = [*_field_reasons(declaration, observed), *_job_reasons(declaration, observed, wanted, pending)]
    found += [Reason("service", name, "no lifecycle Job is there") for name in _jobless(declaration, observed)]
    found += [Reason("removal", f"{step.namespace}/{step.name}", "no longer wanted") for step in removals]
    return tuple(found)


def _field_reasons(declaration: Declaration, observed: Observed) -> list[Reason]:
    record, placement = observed.record, observed.placement
    if record is not None and record.applied_digest == declaration.digest:
        return [] if placement else [Reason("placement", "", "the region holds no placement of it")]
    if placement is None:
        return [Reason("new", "", "new environment")]
    before, after = wanted_part(placement.spec), declaration.wanted
    found = [Reason("field", path, text(old, new)) for path, old, new in differences(before, after)]
    return found or [Reason("unapplied", "", "not applied yet")]


def _job_reasons(
    declaration: Declaration, observed: Observed, wanted: Mapping[Step, str], pending: Iterable[Step]
) -> list[Reason]:
    placement = observed.placement
    if placement is None:
        return []
    found = ((step, _job_reason(placement.outcomes.get(step), wanted[step], declaration.digest)) for step in pending)
    return [Reason("job", f"{step.namespace}/{step.name}", why) for step, why in sorted(found) if why]


def _job_reason(outcome: Outcome | None, job_hash: str, digest: str) -> str:
    if outcome is None:
        return "not run here yet"
    if outcome.hash != job_hash:
        return "the Job changed"
    if outcome.digest == digest:
        return f"{outcome.result.value.lower()} in run {outcome.run}" + (
            f": {outcome.message}" if outcome.failed else ""
        )
    return ""
