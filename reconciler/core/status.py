"""The status of a record, computed once, at the end of a pass, from values (design §5: kstatus meanings)."""

from dataclasses import replace

from reconciler.core.action import Hold, HoldReason
from reconciler.core.condition import READY, RECONCILING, STALLED, Condition, merge
from reconciler.core.decide import Decision
from reconciler.core.declaration import Declaration
from reconciler.core.lever import with_hold, with_levers
from reconciler.core.record import Record
from reconciler.core.times import rfc3339

DONE = "all that is declared is done"


def with_status(
    record: Record, declaration: Declaration | None, revision: str, decision: Decision, now: float
) -> Record:
    """The record with policy, revisions and conditions as they are after a pass; equal to it when nothing changed."""
    after = _with_history(record, decision, now)
    if declaration is not None:
        after = replace(after, policy=declaration.policy)
        if decision.settled or _only_removals(decision):
            after = _applied(after, declaration, revision)
    conditions = merge(record.conditions, _conditions(after, decision), rfc3339(now))
    return replace(after, conditions=conditions)


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
    if record.applied_digest == declaration.digest:
        return record
    return replace(
        record,
        attempted_revision=revision,
        applied_revision=revision,
        applied_digest=declaration.digest,
        region=declaration.region,
    )


def _conditions(record: Record, decision: Decision) -> tuple[Condition, ...]:
    if record.claim is not None and not any(hold.reason.blinds for hold in decision.holds):
        return _running(record)
    if decision.holds:
        return _holding(record, decision.holds[0], bool(decision.action))
    if decision.action is not None:
        return _triple(False, "Progressing", _pending(decision), reconciling=True)
    if decision.notice is None and record.conditions and record.conditions[0].status:
        return record.conditions  # what it says cannot be judged now
    return _triple(True, "Applied", "; ".join(filter(None, (DONE, decision.notice))))


def _running(record: Record) -> tuple[Condition, ...]:
    claim = record.claim
    assert claim is not None
    steps = "1 step" if len(claim.steps) == 1 else f"{len(claim.steps)} steps"
    message = f"run {claim.run}, attempt {claim.attempt}, {steps}"
    return _triple(False, "Progressing", message, reconciling=True)


def _pending(decision: Decision) -> str:
    action = decision.action
    return "; ".join(map(str, action.reasons[:3])) if action else ""


def _holding(record: Record, hold: Hold, going_on: bool) -> tuple[Condition, ...]:
    reason = record.attempts.stalled if hold.reason is HoldReason.STALLED else hold.reason.value
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
