"""What a run that is over means for its record: applied, tried again, or stalled.

A run proves nothing by its phase; only outcomes do. So the verdict reads the claim, the placement's outcomes and
whether somebody ended the run, and gives the next attempt's time or the reason why there is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim
from reconciler.core.guard import ATTEMPTS_MAX
from reconciler.core.job_copy import Copy
from reconciler.core.lever import with_levers
from reconciler.core.observed import Run
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement
from reconciler.core.record import Entry, Record
from reconciler.core.saga import SAGA
from reconciler.core.step import Step, Verb
from reconciler.core.times import rfc3339, seconds_between
from reconciler.core.wanted import MISSING, ONCE

MESSAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits between attempts in seconds: `first`, then three times as long each time, at most `most`."""

    first: float = 10
    most: float = 600

    def wait(self, attempt: int) -> float:
        """How long to wait after the given attempt (1 is the first)."""
        return float(min(self.most, self.first * 3 ** (attempt - 1)))


def is_over(run: Run | None, copies: Iterable[Copy]) -> bool:
    """Whether a run is over: its Workflow is completed or gone (None), its copies are finished (design §5, *Over*)."""
    return (run is None or run.completed) and all(copy.finished for copy in copies)


def conclude(
    record: Record,
    claim: Claim,
    placement: Placement | None,
    run: Run | None,
    hashes: Mapping[Step, str],
    now: float,
    backoff: Backoff,
) -> Record:
    """The record after the run of its claim is over, the claim cleared and a line of history written.

    `hashes`: of the Jobs as they are now. A success of another run counts only for the same Job: else an older one
    would speak for a run that did nothing.
    """
    outcomes = _outcomes(claim, placement)
    missing = [step for step in claim.steps if not _succeeded(outcomes.get(step), claim, hashes)]
    attempts = (
        _attempts(claim, run, [outcomes[step] for step in missing if step in outcomes], now, backoff)
        if missing
        else Attempts()
    )
    done = attempts.message or f"{len(claim.steps)} of {len(claim.steps)} steps done"
    message = done if claim.verb == Verb.UPSERT else f"{claim.verb}: {done}"
    event = "Succeeded" if not missing else attempts.stalled or "Failed"
    entry = Entry(
        at=rfc3339(now),
        event=event,
        message=message,
        run=claim.run,
        region=claim.region,
        revision=claim.revision,
        attempt=claim.attempt,
        seconds=seconds_between(claim.at, now),
    )
    return _tried(replace(with_levers(record, now), claim=None), claim, attempts).with_entry(entry)


def _tried(record: Record, claim: Claim, attempts: Attempts) -> Record:
    """The attempts where they belong: a move counts its own."""
    if record.move is not None and claim.verb in SAGA:
        return replace(record, move=replace(record.move, attempts=attempts))
    return replace(record, attempts=attempts)


def _outcomes(claim: Claim, placement: Placement | None) -> dict[Step, Outcome]:
    if placement is None:
        return {}
    return {step: outcome for step, outcome in placement.outcomes.items() if step in claim.steps}


def _succeeded(outcome: Outcome | None, claim: Claim, hashes: Mapping[Step, str]) -> bool:
    if outcome is None or outcome.result is not Result.SUCCEEDED:
        return False
    if outcome.step.verb in ONCE:
        return outcome.epoch == claim.epoch
    same = (outcome.digest, outcome.epoch) == (claim.digest, claim.epoch)
    return same and (outcome.run == claim.run or outcome.hash == hashes.get(outcome.step))


def _attempts(claim: Claim, run: Run | None, left: Sequence[Outcome], now: float, backoff: Backoff) -> Attempts:
    failed = [outcome for outcome in left if outcome.failed and outcome.run == claim.run]
    message = _message(claim, run, failed)
    base = Attempts(basis=claim.basis, count=claim.attempt, message=message)
    if run is None:
        return replace(base, stalled="RunDeleted")
    if run.shutdown:
        return replace(base, stalled="RunStopped")
    if any(outcome.reason == "NotAllowed" for outcome in failed):
        return replace(base, stalled="NotAllowed")
    if any(outcome.reason == MISSING and outcome.step.verb in ONCE for outcome in failed):
        return replace(base, stalled=MISSING)
    if any(outcome.failure and outcome.failure.stalls for outcome in failed):
        return replace(base, stalled="LifecycleJobFailed")
    if claim.attempt >= ATTEMPTS_MAX:
        return replace(base, stalled="AttemptsUsedUp")
    asked = max((outcome.retry_after for outcome in failed), default=0)
    return replace(base, next_at=now + max(backoff.wait(claim.attempt), asked))


def _message(claim: Claim, run: Run | None, failed: Sequence[Outcome]) -> str:
    if run is None:
        return f"run {claim.run} was deleted; 'tenantctl retry' tries again"
    if run.shutdown:
        return f"run {claim.run} was stopped; 'tenantctl retry' tries again"
    if failed:
        return "; ".join(outcome.complaint for outcome in failed)[:MESSAGE_MAX]
    return f"run {claim.run} ended without an outcome of every step: {run.message or run.phase}"[:MESSAGE_MAX]
