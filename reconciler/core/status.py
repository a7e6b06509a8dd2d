"""The status of a record, computed once, at the end of a pass, from values (design §5: kstatus meanings)."""

from dataclasses import replace

from reconciler.core.action import Hold, HoldReason
from reconciler.core.admin import is_admin
from reconciler.core.condition import EXPIRED, READY, RECONCILING, STALLED, Condition, merge
from reconciler.core.decide import Decision
from reconciler.core.declaration import Declaration
from reconciler.core.lever import with_hold, with_levers
from reconciler.core.record import Record
from reconciler.core.step import Verb
from reconciler.core.times import parse_rfc3339, rfc3339

NOT_HEALTHY = "ApplicationNotHealthy"  # all is done, and Argo CD goes on with its own part
DONE = "all that is declared is done"


def with_status(
    record: Record, declaration: Declaration | None, revision: str, decision: Decision, now: float
) -> Record:
    """The record with policy, revisions and conditions as they are after a pass; equal to it when nothing changed."""
    after = _with_history(record, decision, now)
    if declaration is not None:
        after = replace(after, policy=declaration.policy)
        if after.move is None and decision.settled:
            after = _applied(after, declaration, revision)
        elif after.move is None and _only_removals(decision):  # what is still there was reviewed since this revision
            after = replace(_applied(after, declaration, revision), applied_revision=after.applied_revision)
    found = (*_conditions(after, decision), *_expired(after, now))
    return replace(after, conditions=merge(record.conditions, found, rfc3339(now)))


def _expired(record: Record, now: float) -> tuple[Condition, ...]:
    """Past `expiresAt` somebody is asked for the removing commit; a clock deletes nothing."""
    end = record.policy.expires_at
    if end is None or record.gone:
        return ()
    past = parse_rfc3339(end) <= now
    message = f"expiresAt {end} is past: remove the declaration in a commit, or move the time" if past else ""
    return (Condition(EXPIRED, past, EXPIRED if past else "", message),)


def with_failure(record: Record, reason: str, message: str, now: float) -> Record:
    """The record after a pass that failed for good; equal to it when it says so already."""
    return replace(
        record, conditions=merge(record.conditions, _triple(False, reason, message, stalled=True), rfc3339(now))
    )


def _with_history(record: Record, decision: Decision, now: float) -> Record:
    """What people did, and what a suspension held because of it."""
    paused = [hold.message for hold in decision.holds if hold.reason is HoldReason.PAUSED]
    record = with_levers(record, now)
    return with_hold(record, paused[0], now) if paused else record


def _only_removals(decision: Decision) -> bool:
    """Whether all that is left is to take something away; the rest is done."""
    left = [hold.action for hold in decision.holds]
    return decision.action is None and all(action and action.removals and action.steps == () for action in left)


def _applied(record: Record, declaration: Declaration, revision: str) -> Record:
    """The applied revision moves when all wanted steps are done; an unchanged digest leaves it where it is."""
    if record.gone or record.region != declaration.region or record.applied_digest == declaration.digest:
        return record
    return replace(record, attempted_revision=revision, applied_revision=revision, applied_digest=declaration.digest)


def _conditions(record: Record, decision: Decision) -> tuple[Condition, ...]:
    if _reconciles(record) and not any(hold.reason.blinds for hold in decision.holds):
        return _running(record, decision.notice)
    ahead = [hold for hold in decision.holds if not hold.beside]
    if ahead:
        return _holding(ahead[0], bool(decision.action))
    if decision.action is not None:
        return _triple(False, _word(record), _pending(decision), reconciling=True)
    if record.gone:
        return _triple(True, "Decommissioned", f"decommissioned at {record.gone}")
    if decision.unwell:
        return _triple(False, NOT_HEALTHY, decision.unwell, reconciling=True)
    if decision.unwell is None and record.conditions and record.conditions[0].reason == NOT_HEALTHY:
        return record.conditions[:3]
    if decision.notice is None and record.conditions and record.conditions[0].status:
        return record.conditions[:3]  # what it says cannot be judged now
    beside = [hold.message for hold in decision.holds]
    return _triple(True, "Applied", "; ".join(filter(None, (DONE, decision.notice, *beside))))


def _reconciles(record: Record) -> bool:
    """Whether a run is on its way to what is declared; an admin process is not."""
    return record.claim is not None and not is_admin(record.claim.verb)


def _word(record: Record) -> str:
    return record.move.phase.value if record.move else "Progressing"


def _running(record: Record, notice: str | None) -> tuple[Condition, ...]:
    claim = record.claim
    assert claim is not None
    steps = "1 step" if len(claim.steps) == 1 else f"{len(claim.steps)} steps"
    verb = "" if claim.verb == Verb.UPSERT else f"{claim.verb} in {claim.region}: "
    message = f"{verb}run {claim.run}, attempt {claim.attempt}, {steps}"
    message += f"; {notice}" if notice else ""
    return _triple(False, _word(record), message, reconciling=True)


def _pending(decision: Decision) -> str:
    action = decision.action
    return "; ".join(map(str, action.reasons[:3])) if action else ""


def _holding(hold: Hold, going_on: bool) -> tuple[Condition, ...]:
    reason = hold.word or hold.reason.value
    if hold.reason.stalls and hold.until is None and not going_on:
        return _triple(False, reason, hold.message, stalled=True)
    return _triple(False, reason, hold.message, reconciling=True)


def _triple(
    ready: bool, reason: str, message: str, *, reconciling: bool = False, stalled: bool = False
) -> tuple[Condition, ...]:
    return (
        Condition(READY, ready, reason, message),
        Condition(RECONCILING, reconciling, reason if reconciling else "", message if reconciling else ""),
        Condition(STALLED, stalled, reason if stalled else "", message if stalled else ""),
    )
