"""What a finished run means: a table over claims, outcomes and the ends of runs."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.claim import Claim
from reconciler.core.conclude import Backoff, conclude, is_over
from reconciler.core.job_copy import Copy
from reconciler.core.observed import Run
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.record import HISTORY_MAX, Record
from tests.core.fleet import BILLING, KEY, NOW, SEARCH, declaration, outcome, placed, record

OF = declaration()
CLAIM = Claim(
    3, "upsert", "eu-west", 1, OF.digest, "c0ffee", (BILLING, SEARCH), 2, "run-3", "2027-01-15T07:59:30Z", basis="b"
)
RUN = Run("run-3", KEY, "u1/3", completed=True, phase="Failed", shutdown="", message="")
BACKOFF = Backoff(first=10, most=600)
FAILED = {"result": Result.FAILED, "run": "run-3", "message": "boom"}


def concluded(*outcomes: Any, run: Run | None = RUN, claim: Claim = CLAIM) -> Record:
    return conclude(
        record(OF, claim=claim), claim, placed(OF, *outcomes), run, {BILLING: "h", SEARCH: "h"}, NOW, BACKOFF
    )


def done(step: Any) -> Any:
    return outcome(step, OF, "h", run="run-3")


def test_every_step_done_clears_claim_and_attempts() -> None:
    after = concluded(done(BILLING), done(SEARCH))
    assert after.claim is None
    assert after.attempts.count == 0
    assert (after.history[-1].event, after.history[-1].run, after.history[-1].seconds) == ("Succeeded", "run-3", 30.0)


def test_a_run_proves_nothing_by_its_phase() -> None:
    after = concluded(run=replace(RUN, phase="Succeeded"))
    assert after.attempts.count == 2
    assert "without an outcome" in after.attempts.message


@pytest.mark.parametrize(
    ("fields", "run", "attempt", "stalled"),
    [
        (FAILED, RUN, 2, ""),
        (FAILED | {"failure": FailureClass.TRANSIENT}, RUN, 2, ""),
        (FAILED | {"failure": FailureClass.USER}, RUN, 1, "LifecycleJobFailed"),
        (FAILED | {"failure": FailureClass.NEEDS_HUMAN}, RUN, 1, "LifecycleJobFailed"),
        (FAILED, RUN, 5, "AttemptsUsedUp"),
        (FAILED, replace(RUN, shutdown="Stop"), 1, "RunStopped"),
        (FAILED, None, 1, "RunDeleted"),
    ],
    ids=["plain", "transient", "user", "needs-human", "fifth", "stopped", "deleted"],
)
def test_why_there_is_another_attempt_or_none(fields: Any, run: Run | None, attempt: int, stalled: str) -> None:
    claim = replace(CLAIM, attempt=attempt)
    after = concluded(done(BILLING), outcome(SEARCH, OF, "h", **fields), run=run, claim=claim)
    assert after.attempts.stalled == stalled
    assert (after.attempts.next_at > NOW) is (not stalled)
    assert after.attempts.basis == "b"


def test_the_message_is_the_jobs_own_with_its_owner() -> None:
    after = concluded(done(BILLING), outcome(SEARCH, OF, "h", owner="team@example.com", **FAILED))
    assert after.attempts.message == "search/search-lifecycle: boom (owner: team@example.com)"


def test_retry_after_is_waited_for_when_it_is_longer() -> None:
    after = concluded(done(BILLING), outcome(SEARCH, OF, "h", retry_after=300, **FAILED))
    assert after.attempts.next_at == NOW + 300


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 10), (2, 30), (3, 90), (4, 270), (9, 600)])
def test_waits_grow_and_end(attempt: int, seconds: float) -> None:
    assert BACKOFF.wait(attempt) == seconds


def test_an_outcome_of_an_earlier_declaration_is_no_success() -> None:
    after = concluded(done(BILLING), outcome(SEARCH, OF, "h", digest="other"))
    assert after.history[-1].event == "Failed"


@pytest.mark.parametrize(("job_hash", "event"), [("older", "RunDeleted"), ("h", "Succeeded")])
def test_a_success_of_another_run_counts_only_for_the_same_job(job_hash: str, event: str) -> None:
    """Else a run that was deleted before it did anything would be called a success, and be launched again."""
    after = concluded(done(BILLING), outcome(SEARCH, OF, job_hash, run="run-2"), run=None)
    assert after.history[-1].event == event


def test_a_missing_right_has_its_own_reason() -> None:
    refused = outcome(SEARCH, OF, "", **FAILED, reason="NotAllowed", failure=FailureClass.NEEDS_HUMAN)
    assert concluded(done(BILLING), refused).attempts.stalled == "NotAllowed"


def test_the_history_is_bounded() -> None:
    full = record(OF, claim=CLAIM)
    for _ in range(HISTORY_MAX + 3):
        full = conclude(replace(full, claim=CLAIM), CLAIM, None, RUN, {}, NOW, BACKOFF)
    assert len(full.history) == HISTORY_MAX


COPY = Copy(
    namespace="n", name="c", uid="u", key=KEY, run="run-3", step=BILLING, suspended=False, active=1,
    complete=False, failed=False, stopped=False, stopped_at="",
)  # fmt: skip


@pytest.mark.parametrize(
    ("run", "copies", "over"),
    [
        (replace(RUN, completed=False), [], False),
        (RUN, [], True),
        (None, [], True),
        (RUN, [COPY], False),
        (None, [COPY], False),
        (RUN, [replace(COPY, complete=True)], True),
        (RUN, [replace(COPY, stopped=True)], False),
        (RUN, [replace(COPY, stopped=True, active=0)], True),
    ],
)
def test_over_is_the_workflow_and_all_its_copies(run: Run | None, copies: list[Copy], over: bool) -> None:
    assert is_over(run, copies) is over
