"""Applications in the plan: wanted, done by their own entry alone, and taken away behind the guards of services."""

from dataclasses import replace

import pytest

from reconciler.core.action import HoldReason
from reconciler.core.application import Applications, application_steps, entry_digest
from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim
from reconciler.core.conclude import Backoff, conclude
from reconciler.core.decide import Decision, decide
from reconciler.core.move import Phase
from reconciler.core.observed import Run
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placing import placing, without_removed
from reconciler.core.saga import stage
from reconciler.core.step import Step
from reconciler.core.wanted import expected_steps
from tests.core.fleet import BILLING, KEY, NOW, SEARCH, declaration, desired, observed, outcome, placed, record
from tests.core.moving import EAST, HOME, archives, done, home, move, site
from tests.core.moving import seen as moving

PORTAL = {
    "name": "portal",
    "source": {"repoURL": "https://git.example.com/portal.git", "path": "portal"},
    "namespace": "acme-production",
}
UPSERT, DECOMMISSION = "application/upsert/portal", "application/decommission/portal"
UP, DOWN = Step.parse(UPSERT), Step.parse(DECOMMISSION)


def brought(of, entry=PORTAL, **fields) -> Outcome:
    return outcome(UP, of, entry_digest(entry), **({"verbs": (), "entry": entry} | fields))


def gone(of, **fields) -> Outcome:
    return outcome(DOWN, of, "", **({"verbs": ()} | fields))


def seen(before, *outcomes, **fields):
    jobs = (outcome(BILLING, before, "b1"), outcome(SEARCH, before, "s1"))
    return observed(before, placement=replace(placed(before, *jobs, *outcomes), **fields))


def decided(of, *more) -> Decision:
    return decide(KEY, desired(of), *more, NOW)


def test_a_declared_application_is_a_step() -> None:
    of = declaration(applications=[PORTAL])
    action = decided(of, seen(of)).action
    assert action.steps == (UP,)
    assert [str(reason) for reason in action.reasons] == ["portal: not run here yet"]
    assert decided(of, seen(of, brought(of))).action is None


def test_what_argo_cd_says_is_told_once_all_is_done_and_plans_nothing() -> None:
    of = declaration(applications=[PORTAL])
    degraded = Applications("portal: Synced, Degraded")
    ill = replace(seen(of, brought(of)), applications=degraded)
    assert decided(of, ill) == Decision(KEY, unwell="portal: Synced, Degraded")
    assert decided(of, replace(seen(of), applications=degraded)).action.steps == (UP,)


def test_one_that_is_not_in_argo_cd_any_more_is_brought_again() -> None:
    of = declaration(applications=[PORTAL, PORTAL | {"name": "shop"}])
    shop = replace(brought(of, PORTAL | {"name": "shop"}), step=Step.parse("application/upsert/shop"))
    found = replace(seen(of, brought(of), shop), applications=Applications("portal: not in Argo CD", frozenset({UP})))
    action = decided(of, found).action
    assert action.steps == (UP,)
    assert [str(reason) for reason in action.reasons] == ["portal: not in Argo CD any more"]
    assert UP not in decided(declaration(deletionProtection=False), found).action.steps, "wanted no more"


def test_it_is_done_by_its_own_entry_alone() -> None:
    """A change of parameters runs the Jobs again, and leaves the application where it is."""
    before = declaration(applications=[PORTAL])
    after = declaration(applications=[PORTAL], parameters={"seats": 6})
    assert decided(after, seen(before, brought(before))).action.steps == (BILLING, SEARCH)
    moved = declaration(applications=[PORTAL | {"namespace": "acme-production-web"}])
    assert UP in decided(moved, seen(before, brought(before))).action.steps


@pytest.mark.parametrize(
    "fields", [{"result": Result.FAILED}, {"result": Result.RUNNING}, {"epoch": 0}, {"hash": "another"}]
)
def test_what_does_not_prove_it_done(fields) -> None:
    of = declaration(applications=[PORTAL])
    assert decided(of, seen(of, brought(of, **fields))).action.steps == (UP,)


def test_an_application_that_is_wanted_no_more_is_a_removal_behind_the_guards() -> None:
    before = declaration(applications=[PORTAL])
    (hold,) = decided(declaration(), seen(before, brought(before))).holds
    assert (hold.reason, hold.action.removals) == (HoldReason.PROTECTED, (DOWN,))
    assert "removal of application/portal" in hold.message
    action = decided(declaration(deletionProtection=False), seen(before, brought(before))).action
    assert action.removals == (DOWN,)


def test_a_removal_that_is_done_leaves_no_outcome() -> None:
    before, after = declaration(applications=[PORTAL]), declaration(deletionProtection=False)
    placement = placed(after, brought(before), gone(before))
    assert without_removed(placement, {}).outcomes == {}
    failed = placed(after, brought(before), gone(before, result=Result.FAILED))
    assert set(without_removed(failed, {}).outcomes) == {UP, DOWN}


def test_what_is_wanted_again_is_brought_again() -> None:
    of = declaration(applications=[PORTAL])
    found = seen(of, brought(of), gone(of))
    action = decided(of, found).action
    assert action.steps == (UP,)
    after = placing(action, found.placement, "c0ffee", {}, {})
    assert {UP, DOWN}.isdisjoint(after.outcomes)


def test_a_decommission_takes_applications_away() -> None:
    """Those that were brought, and those that may have been: a bridge that died may have written nothing."""
    of = declaration(applications=[PORTAL])
    old = replace(brought(of), step=Step.parse("application/upsert/old"))
    found = expected_steps("decommission", placed(of, old), {})
    assert {str(step) for step in found} == {"application/decommission/portal", "application/decommission/old"}
    assert expected_steps("migrate-out", placed(of, old), {}) == {}


@pytest.mark.parametrize(
    ("phase", "where", "steps"),
    [
        (Phase.EXPORTING, HOME, {"job/migrate-out/billing/lifecycle"}),
        (Phase.IMPORTING, EAST, {UPSERT, "job/upsert/billing/lifecycle", "job/migrate-in/billing/lifecycle"}),
        (Phase.CLEANING, HOME, {DECOMMISSION, "job/decommission/billing/lifecycle"}),
    ],
    ids=["export", "import", "clean"],
)
def test_a_move_brings_it_to_the_target_before_it_is_taken_from_the_source(phase: Phase, where: str, steps) -> None:
    """Between the two is the commit point; within a run, the stages of its template are the order."""
    of = declaration(applications=[PORTAL])
    there = declaration(applications=[PORTAL], region=EAST)
    goes = move(phase, archives=archives(), cleans=HOME, declaration=there.effective)
    placement = home(done("upsert"), brought(of), of=of)
    action = stage(KEY, goes, moving(record(of, move=goes), site(placement)))
    assert (action.where, {str(step) for step in action.steps}) == (where, steps)


def test_what_was_brought_for_another_move_does_not_count_at_the_target() -> None:
    of = declaration(applications=[PORTAL], region=EAST)
    goes = move(Phase.IMPORTING, archives=archives(), declaration=of.effective)
    for epoch, left in ((1, True), (goes.epoch, False)):
        there = home(replace(brought(of), epoch=epoch), of=of, epoch=epoch)
        action = stage(KEY, goes, moving(record(of, move=goes), site(home()), site(there)))
        assert (UP in action.steps) is left


def test_a_move_that_is_turned_back_takes_it_from_the_target() -> None:
    of = declaration(applications=[PORTAL], region=EAST)
    goes = move(Phase.CLEANING, cleans=EAST, declaration=of.effective)
    there = home(brought(of, result=Result.RUNNING), of=of, epoch=2)
    action = stage(KEY, goes, moving(record(of, move=goes), site(home()), site(there)))
    assert (action.where, DOWN in action.steps) == (EAST, True)


def test_a_claim_is_finished_by_the_outcome_of_its_own_run() -> None:
    of = declaration(applications=[PORTAL])
    claim = Claim(
        seq=1, verb="upsert", region="eu-west", epoch=1, digest=of.digest, revision="c0ffee", steps=(UP,), attempt=1,
        run="r1", at="2027-01-01T00:00:00Z",
    )  # fmt: skip
    run = Run("r1", KEY, "", True, "Succeeded", "", "")
    after = conclude(record(of, claim=claim), claim, placed(of, brought(of)), run, {}, NOW, Backoff())
    assert after.attempts == Attempts()
    assert after.history[-1].message == "1 of 1 steps done"
    assert application_steps(of.spec) == {UP: entry_digest(PORTAL)}
