"""The saga of a move: what each phase asks for, what the record says afterwards, and the ways back."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import saga
from reconciler.core.action import ActionKind
from reconciler.core.attempts import Attempts
from reconciler.core.move import Move, Phase
from reconciler.core.outcome import Result
from reconciler.core.placement import State
from reconciler.core.step import Verb
from tests.core.fleet import KEY, NOW, declaration, record
from tests.core.moving import (
    ARCHIVE,
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
    text,
)

OUT, IN, DEC, UP = Verb.MIGRATE_OUT, Verb.MIGRATE_IN, Verb.DECOMMISSION, Verb.UPSERT


def begun(**fields: Any) -> Any:
    return saga.begin(GOES, "beef", seen(record(STAYS, **fields), site(home())), NOW)


def test_it_begins_with_an_export_pinned_to_what_is_declared() -> None:
    action = begun()
    assert (action.kind, action.source, action.target, action.verb, action.where) == (
        ActionKind.MIGRATE, HOME, EAST, OUT, HOME,
    )  # fmt: skip
    assert action.steps == (step(OUT),)
    assert (action.move.phase, action.move.digest, action.move.revision) == (Phase.EXPORTING, GOES.digest, "beef")
    assert action.move.declaration == GOES.effective
    assert [str(reason) for reason in action.reasons] == ['spec.region: "eu-west" → "us-east"']


@pytest.mark.parametrize(("recorded", "left"), [(1, 0), (4, 2), (1, 6)])
def test_its_epoch_is_above_all_that_ever_was(recorded: int, left: int) -> None:
    there = site(home(state=State.RELEASED, epoch=left)) if left else site()
    observed = seen(record(STAYS, epoch=recorded), site(home(epoch=recorded)), there)
    assert saga.begin(GOES, "beef", observed, NOW).move.epoch == max(recorded, left) + 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("phase", "fields", "here", "there", "where", "steps"),
    [
        (Phase.EXPORTING, {}, site(home()), site(), HOME, (step(OUT),)),
        (Phase.EXPORTING, {}, site(home(done(UP), done(OUT))), site(), HOME, ()),
        (Phase.EXPORTING, {}, site(home(), {}), site(), HOME, (step(OUT),)),
        (Phase.IMPORTING, {"archives": archives()}, site(home()), site(), EAST, (step(IN), step(UP))),
        (Phase.IMPORTING, {"without_source": True}, site(home()), site(), EAST, (step(UP),)),
        (Phase.CLEANING, {"cleans": HOME}, site(home()), site(), HOME, (step(DEC),)),
        (Phase.CLEANING, {"cleans": EAST}, site(home()), site(home(of=GOES, epoch=2)), EAST, (step(DEC),)),
        (Phase.CLEANING, {"cleans": HOME}, site(), site(), HOME, ()),
    ],
    ids=[
        "export", "exported", "export of a Job that is gone", "import", "without its source", "clean the source",
        "clean the target", "nothing was there",
    ],
)  # fmt: skip
def test_each_phase_asks_for_its_own(phase: Phase, fields: Any, here: Any, there: Any, where: str, steps: Any) -> None:
    action = saga.stage(KEY, move(phase, **fields), seen(on_the_move(phase, **fields), here, there))
    assert (action.where, action.steps) == (where, steps)


@pytest.mark.parametrize(("epoch", "left"), [(2, ()), (1, (step(IN), step(UP)))])
def test_only_what_was_done_for_this_move_counts_at_the_target(epoch: int, left: Any) -> None:
    there = home(done(UP, GOES, epoch=epoch), done(IN, GOES, epoch=epoch), of=GOES, epoch=epoch)
    observed = seen(on_the_move(Phase.IMPORTING), site(home()), site(there))
    assert saga.stage(KEY, move(Phase.IMPORTING, archives=archives()), observed).steps == left


def test_in_a_region_that_does_not_answer_the_steps_are_not_known() -> None:
    assert saga.stage(KEY, move(), seen(on_the_move(), None)).steps is None


class TestReverted:
    @pytest.mark.parametrize("phase", Phase)
    @pytest.mark.parametrize(
        ("declared", "away"), [(GOES, False), (STAYS, True), (None, True), (declaration(state="Decommissioned"), True)]
    )
    def test_only_before_the_commit_point(self, phase: Phase, declared: Any, away: bool) -> None:
        assert saga.reverted(move(phase), declared) is (away and phase.revertible)

    def test_the_way_back_is_above_every_epoch_and_keeps_the_region(self) -> None:
        there = site(home(of=GOES, epoch=7))
        action = saga.way_back(KEY, move(Phase.IMPORTING, epoch=2), seen(on_the_move(), site(home()), there))
        assert (action.move.phase, action.move.epoch, action.steps) == (Phase.THAWING, 8, ())  # type: ignore[union-attr]
        after = saga.entered(on_the_move(Phase.IMPORTING), action.move, NOW)  # type: ignore[arg-type]
        assert (after.region, after.epoch, after.claim, after.history[-1].event) == (HOME, 8, None, "Reverted")

    def test_the_source_becomes_what_is_declared_there_or_what_it_was(self) -> None:
        observed = seen(on_the_move(Phase.THAWING), site(home()))
        assert saga.thawed_declaration(move(), STAYS, observed) is STAYS
        for declared in (GOES, None, declaration(state="Decommissioned")):
            found = saga.thawed_declaration(move(), declared, observed)
            assert found is not None
            assert found.digest == STAYS.digest

    def test_what_cannot_be_known_is_no_declaration(self) -> None:
        assert saga.thawed_declaration(move(), None, seen(on_the_move(), site(None))) is None


class TestRecords:
    def test_the_move_is_written_before_anything_of_it_is_done_and_counts_for_the_budget(self) -> None:
        before = record(STAYS)
        after = saga.entered(before, move(), NOW)
        assert (after.move, after.region, after.epoch) == (move(), HOME, 1)
        assert (after.destructive, after.history[-1].event) == ("2027-01-15T08:00:00Z", "Moving")
        assert saga.entered(after, move(), NOW) is after

    def test_an_export_is_followed_by_the_import_of_its_archives(self) -> None:
        exported = home(done(UP), done(OUT, archive=ARCHIVE), state=State.FROZEN)
        after = saga.arrived(on_the_move(), move(), exported, NOW)
        assert after.move == move(Phase.IMPORTING, archives=archives())
        assert (after.region, after.epoch) == (HOME, 1)

    @pytest.mark.parametrize("fields", [{"result": Result.FAILED}, {"epoch": 9}, {"archive": None}], ids=str)
    def test_an_archive_counts_only_when_it_was_exported_well_and_now(self, fields: Any) -> None:
        assert saga.archives_of(home(done(OUT, **{"archive": ARCHIVE} | fields))) == {}

    def test_region_and_epoch_change_in_one_write(self) -> None:
        before = replace(on_the_move(Phase.IMPORTING), attempts=Attempts("b", 2))
        assert before.move
        after = saga.arrived(before, before.move, None, NOW)
        assert (after.region, after.epoch, after.applied_digest, after.applied_revision) == (
            EAST, 2, GOES.digest, "c0ffee",
        )  # fmt: skip
        assert after.move == move(Phase.CLEANING, cleans=HOME)
        assert (after.attempts, after.history[-1].event) == (Attempts(), "Moved")

    def test_after_thawing_it_is_the_target_that_is_cleaned(self) -> None:
        after = saga.arrived(on_the_move(Phase.THAWING), move(Phase.THAWING), None, NOW)
        assert (after.region, after.move) == (HOME, move(Phase.CLEANING, cleans=EAST))

    def test_cleaned_it_is_on_the_move_no_more(self) -> None:
        after = saga.arrived(on_the_move(Phase.CLEANING), move(Phase.CLEANING, cleans=HOME), None, NOW)
        assert (after.move, after.history[-1].event) == (None, "Cleaned")


def test_each_import_is_given_the_archive_of_its_service_and_no_other() -> None:
    both = site(None, offered("billing", "search"))
    assert saga.imports_of(move(Phase.IMPORTING, archives=archives()), both) == {"billing.lifecycle": text(ARCHIVE)}


def test_a_source_that_is_given_up_is_not_exported() -> None:
    given_up = saga.without_source(move(attempts=Attempts("b", 3)))
    assert (given_up.phase, given_up.without_source, given_up.attempts) == (Phase.IMPORTING, True, Attempts())


def test_a_job_that_is_away_for_a_moment_is_still_to_export() -> None:
    untold = home(done(UP, verbs=("upsert",)))  # no outcome remembers that it exports
    pinned = saga.begin(GOES, "beef", seen(record(STAYS), site(untold)), NOW).move
    assert pinned
    assert pinned.exports == (str(step(OUT)),)
    away = seen(record(STAYS, move=pinned), site(replace(untold, state=State.FROZEN), {}))
    assert saga.stage(KEY, pinned, away).steps == (step(OUT),)
    assert Move.load(pinned.dump()) == pinned


def test_an_approval_is_used_up_when_the_source_is_given_up_and_when_the_move_turns_around() -> None:
    at = replace(on_the_move(), approval="yes")
    exporting = move()
    assert saga.entered(at, replace(exporting, epoch=9), NOW).approval == "yes"
    assert saga.entered(at, saga.without_source(exporting), NOW).approval == ""
    assert saga.entered(replace(record(STAYS), approval="yes"), saga.without_source(exporting), NOW).approval == ""
    assert saga.entered(at, exporting.enter(Phase.THAWING), NOW).approval == ""
