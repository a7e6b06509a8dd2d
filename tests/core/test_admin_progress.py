"""How far a request is, as those who asked read it off the record at any moment."""

from dataclasses import replace

import pytest

from reconciler.core.admin import conclude_admin
from reconciler.core.admin_progress import Progress, Stage, progress
from reconciler.core.outcome import Result
from reconciler.core.record import HISTORY_MAX, Entry, Record
from tests.core.fleet import NOW, all_done, outcome
from tests.core.test_admin import OF, PAUSE, REINDEX, REQUEST, RUN, SECOND, answered, asked
from tests.core.test_decide import CLAIM as UPSERT

STARTED = answered(asked()).record
NAME = STARTED.claim.run if STARTED.claim else ""


def ended(result: Result) -> Record:
    assert STARTED.claim is not None
    outcomes = {step: outcome(step, OF, "h", run=NAME, result=result) for step in (REINDEX, SECOND)}
    return conclude_admin(STARTED, STARTED.claim, replace(all_done(OF), outcomes=outcomes), RUN, NOW)


def full(record: Record) -> Record:
    for _ in range(HISTORY_MAX):
        record = record.with_entry(Entry("", "Retried", "by somebody"))
    return record


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (asked(), Progress(Stage.WAITING, "", "the reconciler has not looked at it yet")),
        (asked(claim=UPSERT), Progress(Stage.WAITING, "", "run run-1 is in progress")),
        (answered(asked(), pauses=[PAUSE]).record, Progress(Stage.WAITING, "", str(PAUSE))),
        (STARTED, Progress(Stage.RUNNING, NAME, f"run {NAME}")),
        (full(STARTED), Progress(Stage.RUNNING, NAME, f"run {NAME}")),
        (ended(Result.SUCCEEDED), Progress(Stage.SUCCEEDED, NAME, "admin.reindex: 2 of 2 steps done")),
        (full(ended(Result.SUCCEEDED)), Progress(Stage.LOST, "", "the history has forgotten how it ended")),
    ],
    ids=["new", "behind a run", "suspended", "claimed", "claimed, forgotten", "done", "done, forgotten"],
)
def test_how_far_it_is(record: Record, expected: Progress) -> None:
    assert progress(record, REQUEST) == expected


def test_a_failure_says_what_failed() -> None:
    found = progress(ended(Result.FAILED), REQUEST)
    assert found.stage is Stage.FAILED
    assert "billing/billing-lifecycle: failed" in found.message


def test_a_refusal_says_why() -> None:
    wrong = replace(REQUEST, name="reindx")
    found = progress(answered(asked(wrong)).record, wrong)
    assert found.stage is Stage.REFUSED
    assert "has admin.reindx; there are" in found.message


def test_an_end_is_known_by_the_run_when_the_rest_is_forgotten() -> None:
    after = ended(Result.SUCCEEDED)
    assert progress(replace(after, history=after.history[-1:]), REQUEST, NAME).stage is Stage.SUCCEEDED
    assert progress(full(after), REQUEST, NAME).stage is Stage.LOST


def test_the_next_request_is_not_taken_for_this_one() -> None:
    other = replace(REQUEST, id="other")
    after = replace(ended(Result.SUCCEEDED), admin=other.dump())
    assert progress(after, REQUEST).stage is Stage.SUCCEEDED
    assert progress(after, other).stage is Stage.WAITING
    assert progress(answered(after).record, other).stage is Stage.RUNNING
    assert progress(answered(after).record, REQUEST).stage is Stage.SUCCEEDED


def test_one_that_somebody_overwrote() -> None:
    found = progress(asked(replace(REQUEST, id="other")), REQUEST)
    assert (found.stage, found.message) == (Stage.LOST, "another request took its place before it began")


def test_which_stages_are_the_end() -> None:
    assert [stage for stage in Stage if not stage.over] == [Stage.WAITING, Stage.RUNNING]
