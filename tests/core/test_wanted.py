"""What should be done in a region, what is left of it, and what is taken away."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.outcome import Result
from reconciler.core.step import Step, Verb
from reconciler.core.wanted import (
    MISSING,
    asymmetries,
    expected_steps,
    importers,
    leaving_steps,
    missing,
    not_imported,
    pending_steps,
    removed_services,
    surviving,
    unwanted_steps,
)
from tests.core.fleet import declaration
from tests.core.moving import STAYS, done, home, offered, site, step

OUT, IN, DEC, UP = Verb.MIGRATE_OUT, Verb.MIGRATE_IN, Verb.DECOMMISSION, Verb.UPSERT
BOTH = offered("billing", "search")
ONLY_BILLING = declaration(services=["billing"])
HAD_BOTH = home(done(UP), done(UP, service="search"))


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, False),
        ({"digest": "later", "hash": "later"}, False),
        ({"epoch": 7}, True),
        ({"result": Result.FAILED}, True),
        ({"result": Result.RUNNING}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("verb", [OUT, IN, DEC])
def test_what_is_done_once_in_an_epoch_is_not_repeated(verb: str, fields: dict[str, Any], left: bool) -> None:
    placement = home(done(verb, **fields))
    assert bool(pending_steps({step(verb): "new-hash"}, placement, "any")) is left


def test_an_upsert_is_repeated_once_its_service_began_to_be_taken_away() -> None:
    wanted = {step(UP): "billing-hash"}
    assert pending_steps(wanted, home(), STAYS.digest) == ()
    begun = home(done(UP), done(DEC, result=Result.FAILED))
    assert pending_steps(wanted, begun, STAYS.digest) == (step(UP),)


class TestExpected:
    def test_discovered_jobs_are_expected(self) -> None:
        assert expected_steps(OUT, home(), offered("billing")) == {step(OUT): "billing-hash"}

    def test_a_job_that_is_gone_is_expected_without_a_hash(self) -> None:
        assert expected_steps(DEC, home(), {}) == {step(DEC): ""}

    def test_nothing_is_expected_where_nothing_is(self) -> None:
        assert expected_steps(DEC, None, offered("billing")) == {}

    def test_what_is_used_no_more_is_taken_away_and_not_moved(self) -> None:
        unused = replace(HAD_BOTH, declaration=ONLY_BILLING.effective)
        assert set(expected_steps(OUT, unused, BOTH)) == {step(OUT)}
        assert set(expected_steps(DEC, unused, BOTH)) == {step(DEC), step(DEC, "search")}


class TestRemovals:
    def test_a_service_that_is_wanted_no_more_is_taken_away(self) -> None:
        assert unwanted_steps(ONLY_BILLING, HAD_BOTH, BOTH) == (step(DEC, "search"),)

    def test_a_job_that_merely_disappeared_takes_nothing_away(self) -> None:
        assert unwanted_steps(STAYS, HAD_BOTH, {}) == ()

    def test_one_that_could_never_be_taken_away_stays(self) -> None:
        only_upsert = home(done(UP), done(UP, service="search", verbs=("upsert",)))
        assert unwanted_steps(ONLY_BILLING, only_upsert, offered("search", verbs=(UP,))) == ()

    def test_what_is_done_is_left_and_still_counts_as_leaving(self) -> None:
        over = home(done(UP, service="search"), done(DEC, service="search"))
        assert unwanted_steps(ONLY_BILLING, over, BOTH) == ()
        assert set(leaving_steps(ONLY_BILLING, over, BOTH)) == {step(DEC, "search")}
        assert removed_services(ONLY_BILLING.spec, over, BOTH) == {"search"}

    @pytest.mark.parametrize("fields", [{"result": Result.FAILED}, {"epoch": 9}], ids=str)
    def test_what_is_not_done_is_remembered(self, fields: dict[str, Any]) -> None:
        left = home(done(UP, service="search"), done(DEC, service="search", **fields))
        assert removed_services(ONLY_BILLING.spec, left, BOTH) == frozenset()


def test_a_job_is_missing_when_a_bridge_has_waited_for_it_in_vain() -> None:
    waited = home(done(DEC, result=Result.FAILED, reason=MISSING))
    assert missing({step(DEC): ""}, waited) == (step(DEC),)
    assert missing({step(DEC): "back"}, waited) == ()
    assert missing({step(DEC): ""}, home(done(DEC, result=Result.FAILED, reason="JobFailed"))) == ()
    assert missing({step(DEC): ""}, home()) == ()


def test_what_was_taken_away_does_not_survive_into_a_new_epoch() -> None:
    placement = home(done(UP), done(UP, service="search"), done(DEC, service="search"), done(OUT))
    assert set(surviving(placement)) == {step(UP)}


def named(verb: str, name: str) -> dict[Step, str]:
    return {Step(step(verb).kind, verb, ("billing", name)): "h"}


class TestSymmetry:
    def clauses(self, here: Any, there: dict[Step, str], of: Any = STAYS) -> list[str]:
        return list(asymmetries(here, site(None, there), of.spec))

    def test_both_verbs_or_none(self) -> None:
        assert self.clauses(site(home()), offered("billing")) == []
        neither = home(done(UP, verbs=("upsert",)))
        assert self.clauses(site(neither, offered("billing", verbs=(UP,))), offered("billing", verbs=(UP,))) == []

    def test_data_needs_somebody_who_imports_it(self) -> None:
        assert "no migrate-in at the target" in self.clauses(site(home()), offered("billing", verbs=(UP,)))[0]

    def test_data_that_nobody_exports_would_be_lost(self) -> None:
        here = site(home(done(UP, verbs=("upsert",))), offered("billing", verbs=(UP,)))
        assert "no migrate-out here" in self.clauses(here, offered("billing"))[0]

    def test_a_service_that_is_only_declared_from_now_on_begins_at_the_target(self) -> None:
        here = site(replace(home(), declaration=ONLY_BILLING.effective))
        assert self.clauses(here, BOTH) == []

    def test_a_service_that_is_declared_no_more_is_not_taken_away_by_a_move(self) -> None:
        assert self.clauses(site(HAD_BOTH, BOTH), BOTH, ONLY_BILLING) == [
            "service search is here and not declared any more: remove it in a commit before or after the move"
        ]

    @pytest.mark.parametrize("there", [BOTH, offered("billing"), {}], ids=["both", "no import", "nothing"])
    def test_a_service_that_was_to_go_is_declared_before_the_move(self, there: dict[Step, str]) -> None:
        leaving = site(replace(HAD_BOTH, declaration=ONLY_BILLING.effective), BOTH)
        assert (
            "service search is here and was to go: declare it in a commit before the move, or let it go first"
            in self.clauses(leaving, there)
        )

    def test_each_verb_has_one_job(self) -> None:
        two = offered("billing") | named(IN, "other")
        assert "2 Jobs with migrate-in" in self.clauses(site(home()), two)[0]


class TestImporters:
    def test_what_was_exported_is_imported(self) -> None:
        assert set(importers(STAYS.spec, ["billing"], BOTH)) == {step(IN)}
        assert not_imported(STAYS.spec, ["billing"], BOTH) == ()

    @pytest.mark.parametrize("jobs", [{}, offered("billing", verbs=(UP,)), offered("billing") | named(IN, "other")])
    def test_exactly_one_job_must_be_there(self, jobs: dict[Step, str]) -> None:
        assert not_imported(STAYS.spec, ["billing"], jobs) == ("billing",)

    def test_what_is_used_no_more_is_not_imported(self) -> None:
        assert importers(ONLY_BILLING.spec, ["search"], BOTH) == {}
        assert not_imported(ONLY_BILLING.spec, ["search"], {}) == ()
