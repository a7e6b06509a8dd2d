"""The gap between declared and observed, before any guard: which action closes it, with which steps and epoch."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import ActionKind
from reconciler.core.claim import Claim
from reconciler.core.gap import gap, never_launched
from reconciler.core.outcome import Result
from reconciler.core.placement import State
from reconciler.core.step import Verb
from tests.core.fleet import KEY, NOW, declaration, desired, record
from tests.core.moving import EAST, GOES, HOME, STAYS, done, home, offered, seen, site, step

UP, DEC = Verb.UPSERT, Verb.DECOMMISSION
NEW = record(STAYS, applied_digest="", applied_revision="")
CLAIM = Claim(1, "upsert", HOME, 1, "d", "r", (), 1, "run", "2027-01-15T08:00:00Z")


def action(declared: Any, observed: Any) -> Any:
    return gap(KEY, desired(*([declared] if declared else [])), observed, NOW)


@pytest.mark.parametrize("declared", [None, declaration(state="Decommissioned")], ids=["removed", "by its state"])
class TestDecommission:
    def test_what_is_there_is_taken_away_where_it_is(self, declared: Any) -> None:
        found = action(declared, seen(record(STAYS), site(home())))
        assert (found.kind, found.source, found.where, found.steps) == (
            ActionKind.DECOMMISSION, HOME, HOME, (step(DEC),),
        )  # fmt: skip

    def test_once_is_enough(self, declared: Any) -> None:
        gone = site(home(done(UP), done(DEC), state=State.RELEASED))
        assert action(declared, seen(record(STAYS), gone)).steps == ()

    def test_in_a_silent_region_the_steps_are_not_known(self, declared: Any) -> None:
        assert action(declared, seen(record(STAYS), None)).steps is None

    def test_a_tombstone_or_nothing_is_no_gap(self, declared: Any) -> None:
        assert action(declared, seen(record(STAYS, gone="2027-01-01T00:00:00Z"), site(home()))) is None
        assert action(declared, seen(None, site())) is None

    def test_what_was_never_launched_needs_no_region(self, declared: Any) -> None:
        assert action(declared, seen(NEW, None)).steps == ()


@pytest.mark.parametrize(
    ("fields", "launched"), [({}, True), ({"seq": 1}, False), ({"applied_digest": "d"}, False)], ids=str
)
def test_never_launched(fields: Any, launched: bool) -> None:
    assert never_launched(replace(NEW, **fields)) is launched


class TestRegion:
    def test_another_region_is_a_move_once_anything_may_be_there(self) -> None:
        for at, here in ((record(STAYS), site()), (replace(NEW, claim=CLAIM), site()), (NEW, site(home()))):
            assert action(GOES, seen(at, here)).kind is ActionKind.MIGRATE

    def test_what_is_placed_counts_wherever_the_observation_was_made(self) -> None:
        """A record that was made again names a region that is not the declared one."""
        elsewhere = seen(NEW, site(home()), placement=None, region=EAST)
        assert action(GOES, elsewhere).kind is ActionKind.MIGRATE

    def test_before_that_it_is_only_another_plan(self) -> None:
        assert (action(GOES, seen(NEW, site(), region=EAST)).kind) is ActionKind.UPSERT


class TestUpsert:
    def test_done_is_no_gap(self) -> None:
        assert action(STAYS, seen(record(STAYS), site(home()))) is None

    @pytest.mark.parametrize("state", [State.FROZEN, State.RELEASED])
    def test_what_does_not_live_lives_again_in_a_new_epoch(self, state: State) -> None:
        found = action(STAYS, seen(record(STAYS), site(home(state=state))))
        assert (found.kind, found.steps, found.epoch) == (ActionKind.UPSERT, (step(UP),), 2)

    def test_what_the_record_left_behind_does_not_count(self) -> None:
        found = action(STAYS, seen(record(STAYS, epoch=4), site(home())))
        assert (found.steps, found.epoch) == ((step(UP),), 4)

    def test_back_from_the_dead(self) -> None:
        dead = record(STAYS, gone="2027-01-01T00:00:00Z")
        found = action(STAYS, seen(dead, site(home(done(UP), done(DEC), state=State.RELEASED))))
        assert (found.source, found.epoch, found.steps) == ("", 2, (step(UP),))
        assert "declared again" in str(found.reasons[0])


class TestRemovals:
    ONLY = declaration(services=["billing"])
    BOTH = offered("billing", "search")

    def found(self, *search: Any, jobs: Any = None) -> Any:
        here = home(done(UP, self.ONLY), done(UP, service="search"), *search, of=self.ONLY)
        return action(self.ONLY, seen(record(self.ONLY), site(here, self.BOTH if jobs is None else jobs)))

    def test_what_is_wanted_no_more_goes_with_the_upsert(self) -> None:
        found = self.found()
        assert (found.kind, found.steps, found.removals) == (ActionKind.UPSERT, (), (step(DEC, "search"),))
        assert found.asked
        assert [str(reason) for reason in found.reasons] == ["search/lifecycle: no longer wanted"]

    def test_what_is_gone_is_no_gap(self) -> None:
        assert self.found(done(DEC, service="search")) is None

    def test_attempts_begin_anew_when_the_job_that_takes_away_was_mended(self) -> None:
        mended = self.BOTH | {step(DEC, "search"): "mended"}
        failed = done(DEC, service="search", result=Result.FAILED)
        assert self.found(failed).basis == self.found().basis != self.found(failed, jobs=mended).basis
