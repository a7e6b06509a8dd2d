"""Each guard by itself: what it holds, with which reason, what lifts it, and that it holds nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import guard
from reconciler.core.action import Action, ActionKind, HoldReason
from reconciler.core.approval import approval_for
from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim
from reconciler.core.decide import decide, takes_away
from reconciler.core.fleet import EVERYTHING, Fleet
from reconciler.core.mark import Mark
from reconciler.core.move import Phase
from reconciler.core.outcome import Result
from reconciler.core.placement import State
from reconciler.core.step import Verb
from reconciler.core.wanted import MISSING
from tests.core.fleet import KEY, NOW, declaration, desired, record
from tests.core.moving import (
    EAST,
    GOES,
    HOME,
    STAYS,
    archives,
    done,
    home,
    move,
    offered,
    on_the_move,
    seen,
    site,
    step,
)

UP, OUT, IN, DEC = Verb.UPSERT, Verb.MIGRATE_OUT, Verb.MIGRATE_IN, Verb.DECOMMISSION
OPEN = declaration(deletionProtection=False)
MARK = Mark("ada", "2027-01-15T08:00:00Z")
CLAIM = Claim(1, "upsert", HOME, 1, "d", "r", (), 1, "run-1", "2027-01-15T08:00:00Z")

UPSERT = Action(KEY, ActionKind.UPSERT, HOME, HOME, "d", steps=(step(UP),), site=HOME)
REMOVAL = replace(UPSERT, steps=(), removals=(step(DEC, "search"),))
GOING = Action(KEY, ActionKind.DECOMMISSION, HOME, "", STAYS.digest, steps=(step(DEC),), verb=DEC, site=HOME)
MOVING = Action(KEY, ActionKind.MIGRATE, HOME, EAST, GOES.digest, steps=(step(OUT),), verb=OUT, site=HOME, move=move())
HERE = seen(record(STAYS), site(home()))


def held(by: guard.Guard, action: Action, observed: Any = HERE, *declared: Any) -> HoldReason | None:
    found = by(action, desired(*declared), observed, NOW)
    return found.reason if found else None


def with_approval(observed: Any, action: Action, **fields: Any) -> Any:
    given = approval_for(action, MARK, **fields).dump()
    return replace(observed, record=replace(observed.record, approval=given))


class TestRegions:
    @pytest.mark.parametrize("action", [UPSERT, GOING, MOVING], ids=lambda action: action.kind)
    def test_where_all_answer_nothing_is_held(self, action: Action) -> None:
        assert held(guard.regions, action) is None

    def test_an_unlisted_one(self) -> None:
        assert held(guard.regions, replace(GOING, source="mars")) is HoldReason.UNKNOWN_REGION

    @pytest.mark.parametrize(
        ("action", "silent", "reason"),
        [
            (UPSERT, HOME, HoldReason.REGION_NOT_ANSWERING),
            (GOING, HOME, HoldReason.REGION_NOT_ANSWERING),
            (GOING, EAST, None),
            (MOVING, HOME, HoldReason.SOURCE_UNREACHABLE),
            (MOVING, EAST, HoldReason.REGION_NOT_ANSWERING),
        ],
    )
    def test_a_silent_one_holds_what_needs_it(self, action: Action, silent: str, reason: Any) -> None:
        assert held(guard.regions, action, replace(HERE, silent={silent: "no route"})) is reason

    @pytest.mark.parametrize(
        ("phase", "verb", "where", "silent", "stops"),
        [
            (Phase.EXPORTING, OUT, HOME, EAST, False),
            (Phase.IMPORTING, IN, EAST, HOME, False),
            (Phase.IMPORTING, IN, EAST, EAST, True),
        ],
    )
    def test_once_it_is_on_the_way_each_phase_needs_its_own_place(
        self, phase: Phase, verb: str, where: str, silent: str, stops: bool
    ) -> None:
        action = replace(MOVING, move=move(phase), verb=verb, site=where)
        observed = replace(HERE, record=on_the_move(phase), silent={silent: "no route"})
        assert bool(held(guard.regions, action, observed)) is stops

    def test_a_source_that_was_given_up_is_not_waited_for(self) -> None:
        given_up = replace(MOVING, move=move(Phase.IMPORTING, without_source=True), verb=IN, site=EAST)
        assert held(guard.regions, given_up, replace(HERE, silent={HOME: "no route"})) is None


class TestState:
    def test_damage(self) -> None:
        assert held(guard.state, UPSERT, replace(HERE, damaged="broken")) is HoldReason.STATE_DAMAGED

    def test_a_placement_ahead_of_its_record(self) -> None:
        assert held(guard.state, UPSERT, seen(record(STAYS), site(home(epoch=2)))) is HoldReason.STATE_DAMAGED
        dead = record(STAYS, gone="2027-01-01T00:00:00Z")
        assert held(guard.state, UPSERT, seen(dead, site(home(epoch=2)))) is None


class TestInProgress:
    def test_a_claim(self) -> None:
        assert held(guard.in_progress, UPSERT, replace(HERE, record=record(STAYS, claim=CLAIM)))

    @pytest.mark.parametrize(("where", "stops"), [(HOME, True), (EAST, False)])
    def test_a_run_where_another_would_start(self, where: str, stops: bool) -> None:
        observed = seen(record(STAYS), site(home(), None, "by-hand"))
        assert bool(held(guard.in_progress, replace(UPSERT, site=where), observed)) is stops


class TestPaused:
    FLEET = Fleet({EVERYTHING: Mark("ada", reason="upgrade")})

    @pytest.mark.parametrize("action", [UPSERT, REMOVAL, GOING, MOVING], ids=["upsert", "removal", "gone", "move"])
    def test_nothing_is_launched(self, action: Action) -> None:
        assert held(guard.paused, action, replace(HERE, fleet=self.FLEET)) is HoldReason.PAUSED
        assert held(guard.paused, action) is None

    def test_what_is_done_may_be_said(self) -> None:
        assert held(guard.paused, replace(UPSERT, steps=()), replace(HERE, fleet=self.FLEET)) is None

    @pytest.mark.parametrize(
        ("phase", "lives"),
        [(Phase.EXPORTING, HOME), (Phase.IMPORTING, HOME), (Phase.CLEANING, EAST), (Phase.THAWING, HOME)],
    )
    def test_a_move_that_has_begun_waits_before_each_phase(self, phase: Phase, lives: str) -> None:
        moved = replace(on_the_move(phase, archives=archives(), cleans=HOME), region=lives)
        observed = seen(moved, site(home(state=State.FROZEN)))
        decision = decide(KEY, desired(GOES), replace(observed, fleet=self.FLEET), NOW)
        assert (decision.action, {hold.reason for hold in decision.holds}) == (None, {HoldReason.PAUSED})
        assert decide(KEY, desired(GOES), observed, NOW).action


def test_a_missing_record_is_no_new_environment_while_records_are_lost() -> None:
    nothing = seen(None, site(), lost="2 records, not 3")
    assert held(guard.lost, UPSERT, nothing) is HoldReason.RECORDS_LOST
    assert held(guard.lost, UPSERT, replace(nothing, lost="")) is None
    assert held(guard.lost, UPSERT, replace(HERE, lost="2 records, not 3")) is None


@pytest.mark.parametrize(
    ("what", "reason"), [("resources", HoldReason.NOT_YET_SUPPORTED), ("applications", None)], ids=lambda value: value
)
@pytest.mark.parametrize("kind", ["upsert", "move"])
def test_what_this_version_cannot_do(what: str, reason: HoldReason | None, kind: str) -> None:
    of = declaration(region=EAST, **{what: [{"name": "a"}]})
    action = (
        replace(UPSERT, declaration=of) if kind == "upsert" else replace(MOVING, move=move(declaration=of.effective))
    )
    assert held(guard.unsupported, action) is reason
    assert held(guard.unsupported, replace(UPSERT, declaration=STAYS)) is None
    assert held(guard.unsupported, MOVING) is None


class TestAttempts:
    def tried(self, **fields: Any) -> Any:
        return replace(HERE, record=record(STAYS, attempts=Attempts("b", 1, **fields)))

    def test_not_before_its_time(self) -> None:
        again = replace(UPSERT, attempt=2)
        assert held(guard.attempts, again, self.tried(next_at=NOW + 1)) is HoldReason.RETRY_LATER
        assert held(guard.attempts, again, self.tried(next_at=NOW)) is None

    @pytest.mark.parametrize(
        ("stalled", "reason"),
        [
            ("AttemptsUsedUp", HoldReason.ATTEMPTS_USED_UP),
            ("RunDeleted", HoldReason.STALLED),
            (MISSING, HoldReason.LIFECYCLE_JOB_MISSING),
        ],
    )
    def test_not_at_all(self, stalled: str, reason: HoldReason) -> None:
        assert held(guard.attempts, replace(UPSERT, attempt=2), self.tried(stalled=stalled)) is reason
        assert held(guard.attempts, UPSERT, self.tried(stalled=stalled)) is None

    def test_a_removal_has_attempts_like_everything_else(self) -> None:
        assert held(guard.attempts, replace(REMOVAL, attempt=2), self.tried(stalled="RunDeleted"))

    def test_where_nothing_is_left_to_try_nothing_is_held(self) -> None:
        assert held(guard.attempts, replace(UPSERT, attempt=2, steps=()), self.tried(stalled="RunDeleted")) is None

    def test_a_move_counts_its_own(self) -> None:
        stalled = Attempts("b", 1, stalled="RunDeleted")
        observed = replace(HERE, record=record(STAYS, move=move(attempts=stalled)))
        assert held(guard.attempts, replace(MOVING, attempt=2), observed) is HoldReason.STALLED
        assert held(guard.attempts, replace(UPSERT, attempt=2), observed) is None


class TestKnown:
    """A placement that somebody deleted is no proof that nothing is there."""

    @pytest.mark.parametrize("action", [GOING, MOVING], ids=["gone", "move"])
    def test_without_a_placement_nothing_is_taken_away(self, action: Action) -> None:
        assert held(guard.known, action, seen(record(STAYS), site())) is HoldReason.STATE_DAMAGED
        assert held(guard.known, action, seen(record(STAYS, applied_digest="", seq=1), site())) is not None

    @pytest.mark.parametrize("action", [GOING, MOVING], ids=["gone", "move"])
    def test_where_nothing_was_launched_nothing_is_there(self, action: Action) -> None:
        assert held(guard.known, action, seen(record(STAYS, applied_digest=""), site())) is None
        assert held(guard.known, action) is None

    def test_an_upsert_makes_it_again_and_later_phases_have_left_it(self) -> None:
        assert held(guard.known, UPSERT, seen(record(STAYS), site())) is None
        assert held(guard.known, replace(MOVING, move=move(Phase.CLEANING)), seen(record(STAYS), site())) is None


class TestImported:
    IMPORT = replace(MOVING, verb=IN, site=EAST, move=move(Phase.IMPORTING, archives=archives()))

    def test_an_archive_that_nothing_imports_holds_the_move(self) -> None:
        there = site(None, offered("billing", verbs=(UP,)))
        found = guard.imported(self.IMPORT, desired(), seen(on_the_move(), site(home()), there), NOW)
        assert found is not None
        assert found.reason is HoldReason.VERBS_NOT_SYMMETRIC
        assert not found.reason.approvable
        assert "billing" in found.message

    def test_with_its_job_it_goes_on(self) -> None:
        assert held(guard.imported, self.IMPORT) is None
        assert held(guard.imported, MOVING, seen(on_the_move(), site(home()), site(None, {}))) is None


class TestDestructive:
    BOTH = pytest.mark.parametrize("action", [GOING, MOVING, REMOVAL], ids=["gone", "move", "removal"])

    @BOTH
    def test_an_untrusted_source_takes_nothing_away_whoever_approves(self, action: Action) -> None:
        observed = with_approval(replace(HERE, untrusted="another history"), action)
        assert held(guard.trusted, action, observed) is HoldReason.SOURCE_NOT_TRUSTED
        assert held(guard.trusted, action) is None

    @BOTH
    @pytest.mark.parametrize(
        ("by", "fields", "reason"),
        [
            (guard.reviewed, {"unreviewed": "not in any merge"}, HoldReason.NOT_REVIEWED),
            (guard.budget, {"over_budget": "too many"}, HoldReason.DESTRUCTIVE_BUDGET),
            (guard.renamed, {"twin": KEY}, HoldReason.LOOKS_RENAMED),
        ],
        ids=["reviewed", "budget", "renamed"],
    )
    def test_held_until_it_is_approved(self, action: Action, by: Any, fields: Any, reason: HoldReason) -> None:
        observed = replace(HERE, **fields)
        assert held(by, action, observed) is reason
        assert held(by, action, with_approval(observed, action)) is None
        assert held(by, action, with_approval(observed, replace(action, digest="other"))) is reason
        assert held(by, action) is None

    def test_each_half_of_what_looks_renamed_names_the_other(self) -> None:
        hold = guard.renamed(GOING, desired(), replace(HERE, twin=KEY), NOW)
        assert hold is not None
        assert hold.twin == KEY

    def test_protection_by_the_declaration_is_lifted_by_a_commit_only(self) -> None:
        for action in (GOING, REMOVAL):
            approved = with_approval(HERE, action)
            assert held(guard.protected, action, approved, STAYS) is HoldReason.PROTECTED
            assert held(guard.protected, action, approved, OPEN) is None

    def test_protection_outlives_the_file_and_is_lifted_by_an_approval(self) -> None:
        assert held(guard.protected, GOING) is HoldReason.PROTECTED
        assert held(guard.protected, GOING, with_approval(HERE, GOING)) is None
        assert held(guard.protected, GOING, seen(record(OPEN), site(home()))) is None

    def test_a_move_takes_the_data_along(self) -> None:
        assert held(guard.protected, MOVING, HERE, GOES) is None

    def test_verbs_are_symmetric_before_anything_is_frozen(self) -> None:
        lacking = seen(record(STAYS), site(home()), site(None, offered("billing", verbs=(UP,))))
        assert held(guard.symmetric, MOVING, lacking, GOES) is HoldReason.VERBS_NOT_SYMMETRIC
        assert held(guard.symmetric, MOVING, HERE, GOES) is None


class TestBegun:
    """Half of it gone is worse than either: what has begun goes on, and is no more counted."""

    @pytest.mark.parametrize(("state", "begun"), [(State.ACTIVE, False), (State.RELEASED, True)])
    def test_a_decommission(self, state: State, begun: bool) -> None:
        observed = seen(record(STAYS), site(home(state=state)))
        assert guard.begun(GOING, observed) is begun
        decision = decide(KEY, desired(), replace(observed, over_budget="too many"), NOW)
        assert bool(decision.action) is begun
        open_ = replace(observed, record=record(OPEN))
        assert takes_away(KEY, desired(), open_, NOW) is not begun

    def test_a_move(self) -> None:
        assert not guard.begun(MOVING, HERE)
        assert guard.begun(MOVING, replace(HERE, record=on_the_move()))

    def test_a_removal_when_all_of_its_services_have(self) -> None:
        failed = home(done(UP, service="search"), done(DEC, service="search", result=Result.FAILED))
        assert guard.begun(REMOVAL, seen(record(STAYS), site(failed)))
        both = replace(REMOVAL, removals=(step(DEC), step(DEC, "search")))
        assert not guard.begun(both, seen(record(STAYS), site(failed)))


class TestAway:
    """Argo CD replaces a Job by deleting it: what is decided just then waits until it is back, or has not come back."""

    UNTIL = NOW + 200

    def gone(self, *verbs: str, at: Any = None) -> Any:
        there = site(home(), offered("billing", verbs=tuple(v for v in Verb if v not in verbs)))
        away = {step(verb): self.UNTIL for verb in verbs}
        return seen(at or record(OPEN), replace(there, offered={**there.offered, **dict.fromkeys(away, "")}, away=away))

    @pytest.mark.parametrize(
        ("action", "verb"),
        [(GOING, DEC), (MOVING, OUT), (replace(REMOVAL, removals=(step(DEC),)), DEC)],
        ids=["gone", "move", "removal"],
    )
    def test_nothing_is_taken_away_meanwhile(self, action: Action, verb: str) -> None:
        found = guard.there(action, desired(), self.gone(verb), NOW)
        assert found is not None
        assert (found.reason, found.until) == (HoldReason.LIFECYCLE_JOB_AWAY, self.UNTIL)
        assert not found.reason.stalls
        assert not found.reason.approvable
        assert "billing" in found.message

    def test_what_does_not_need_it_goes_on(self) -> None:
        assert held(guard.there, UPSERT, self.gone(OUT, DEC)) is None
        assert held(guard.there, GOING, self.gone(OUT)) is None
        assert held(guard.there, GOING) is None

    def test_a_decommission_is_decided_with_it_or_without(self) -> None:
        never = record(OPEN)
        once = home(done(UP, verbs=(UP,)))  # nobody remembers that it had more
        observed = replace(self.gone(DEC, at=never), placement=once)
        observed = replace(observed, sites={HOME: replace(observed.sites[HOME], placement=once)})
        decision = decide(KEY, desired(), observed, NOW)
        assert (decision.action, [hold.reason for hold in decision.holds]) == (None, [HoldReason.LIFECYCLE_JOB_AWAY])
        back = seen(never, site(once))
        assert decide(KEY, desired(), back, NOW).action.steps == (step(DEC),)
        later = seen(never, site(once, offered("billing", verbs=(UP,))))
        assert decide(KEY, desired(), later, NOW).action.steps == ()

    def test_a_move_goes_on_beside_the_budget_and_waits_all_the_same(self) -> None:
        observed = self.gone(OUT, at=on_the_move(exports=(str(step(OUT)),)))
        decision = decide(KEY, desired(GOES), observed, NOW)
        assert [hold.reason for hold in decision.holds] == [HoldReason.LIFECYCLE_JOB_AWAY]


class TestMissing:
    """A Job that a bridge has waited for in vain is done without when somebody approves just that."""

    TOLD = done(DEC, result=Result.FAILED, reason=MISSING, at="2027-01-15T07:59:00Z")
    WAITED = home(done(UP), TOLD, state=State.RELEASED)

    def test_only_with_an_approval(self) -> None:
        observed = seen(record(STAYS), site(self.WAITED, {}))
        assert guard.approved(GOING, observed, NOW) == GOING
        left = guard.approved(GOING, with_approval(observed, GOING), NOW)
        assert (left.steps, left.basis != GOING.basis) == ((), True)

    @pytest.mark.parametrize("at", ["2027-01-15T08:00:01Z", "", "soon"])
    def test_not_one_that_nobody_knew_of_when_it_was_approved(self, at: str) -> None:
        later = home(done(UP), replace(self.TOLD, at=at), state=State.RELEASED)
        observed = with_approval(seen(record(STAYS), site(later, {})), GOING)
        assert guard.approved(GOING, observed, NOW) == GOING

    def test_not_one_that_is_there(self) -> None:
        observed = with_approval(seen(record(STAYS), site(self.WAITED)), GOING)
        assert guard.approved(GOING, observed, NOW) == GOING


class TestWithoutSource:
    """A source that does not answer is given up by just that approval, and by nothing else."""

    SILENT = seen(record(STAYS), None, silent={HOME: "no route"})

    def decided(self, observed: Any) -> Any:
        return decide(KEY, desired(GOES), observed, NOW)

    def test_it_goes_on_at_the_target(self) -> None:
        action = self.decided(with_approval(self.SILENT, MOVING, without_source=True)).action
        assert (action.where, action.steps, action.move.without_source) == (EAST, (step(UP),), True)

    @pytest.mark.parametrize("fields", [{}, {"untrusted": "another history"}], ids=str)
    def test_what_no_approval_lifts_still_holds(self, fields: Any) -> None:
        given = bool(fields)
        observed = with_approval(replace(self.SILENT, **fields), MOVING, without_source=given)
        reason = HoldReason.SOURCE_NOT_TRUSTED if given else HoldReason.SOURCE_UNREACHABLE
        assert [hold.reason for hold in self.decided(observed).holds] == [reason]
