"""What made each run: the revision that was applied before it, what a person did, and the Jobs that it ran."""

from dataclasses import replace
from typing import Any

from reconciler.core.baseline import decision
from reconciler.core.claim import Claim
from reconciler.core.record import Entry
from reconciler.core.why import causes, ran, reasons
from tests.core.fleet import BILLING, KEY, SEARCH, declaration, desired, outcome, record

OF = declaration()


def entry(run: str, revision: str, event: str = "Succeeded", **fields: Any) -> Entry:
    return Entry("2026-11-26T10:00:00Z", event, "2 of 2 steps done", run, "eu-west", revision, 1, **fields)


BY_HAND = Entry("2026-11-26T10:30:00Z", "Retried", "by ada: mended")
HISTORY = (
    entry("r1", "a"),
    entry("r2", "b", "Failed"),
    BY_HAND,
    replace(entry("r3", "b"), attempt=2),
    entry("r4", "b"),
)


def test_each_run_is_compared_with_what_was_applied_before_it_the_newest_first() -> None:
    found = causes(record(OF, history=HISTORY))
    assert [(cause.entry.run, cause.base) for cause in found] == [("r4", "b"), ("r3", "a"), ("r2", "a"), ("r1", "")]
    assert found[0].same_declaration
    assert [each.event for each in found[1].before] == ["Failed", "Retried"]


def test_a_run_in_progress_is_the_newest() -> None:
    claim = Claim(5, "upsert", "eu-west", 1, "d", "c", (BILLING,), 1, "r5", "2026-11-26T11:00:00Z")
    newest = causes(record(OF, history=HISTORY, claim=claim))[0]
    assert (newest.entry.run, newest.entry.event, newest.base) == ("r5", "InProgress", "b")


def test_reasons() -> None:
    newest, third, second, first = causes(record(OF, history=HISTORY))
    same = decision(KEY, desired(OF), desired(OF))
    more = decision(KEY, desired(OF), desired(declaration(tier="premium", parameters={"seats": 9})))
    moved = decision(KEY, desired(OF), desired(declaration(region="us-east")))
    assert reasons(first, None) == ("the first run that the record remembers",)
    assert reasons(second, more) == ("parameters.seats: 5 → 9", 'tier: set to "premium"')
    assert reasons(second, moved) == ('spec.region: "eu-west" → "us-east"',)
    assert reasons(second, None) == ("git cannot say what changed: a commit is not in this repository",)
    assert reasons(third, same)[:2] == ("after Failed: 2 of 2 steps done", "after Retried: by ada: mended")
    assert reasons(third, same)[2] == "attempt 2 of the same"
    assert reasons(newest, same) == ("no field changed: a lifecycle Job was new or changed, or was asked for by hand",)


def test_the_jobs_are_those_whose_last_outcome_is_of_the_run() -> None:
    newest = causes(record(OF, history=HISTORY))[0]
    outcomes = [outcome(BILLING, OF, "b1", run="r4"), outcome(SEARCH, OF, "s1", run="r1")]
    assert ran(newest, outcomes) == (BILLING,)


def test_what_follows_a_first_run_that_failed_is_compared_with_it() -> None:
    newest, first = causes(record(OF, history=(entry("r1", "a", "LifecycleJobFailed"), entry("r2", "b"))))
    assert (newest.base, first.base) == ("a", "")


def test_a_move_and_its_runs() -> None:
    name = "acme-production-{}-abcdefghijklm".format
    history = (
        entry(name("up"), "a"),
        Entry("2026-11-26T10:30:00Z", "Moving", "from eu-west to us-east"),
        entry(name("out"), "b"),
        replace(entry(name("in"), "b"), region="us-east"),
    )
    newest = causes(record(OF, history=history))[0]
    assert reasons(newest, decision(KEY, desired(OF), desired(OF))) == ("the move goes on: migrate-in in us-east",)


def test_an_admin_process_is_one_run_and_applies_nothing() -> None:
    name = "acme-production-adm-abcdefghijklm"
    started = replace(entry(name, "a", "AdminStarted"), message="admin.reindex by ada")
    history = (entry("r1", "a"), entry("r2", "b"), started, entry(name, "a"))
    found = causes(record(OF, history=(*history, entry("r3", "c"))))
    assert [(each.entry.event, each.base) for each in found[:2]] == [("Succeeded", "b"), ("Succeeded", "b")]
    assert reasons(found[1], decision(KEY, desired(OF), desired(OF))) == ("after AdminStarted: admin.reindex by ada",)
