"""Records that were lost, made again from placements: each line of the table, and what nobody may assume."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.move import Phase
from reconciler.core.observed import Site
from reconciler.core.outcome import Result
from reconciler.core.placement import State
from reconciler.core.rebuild import rebuilt
from reconciler.core.record import Record
from reconciler.core.step import Verb
from tests.core.fleet import NOW, declaration
from tests.core.moving import ARCHIVE, EAST, GOES, HOME, done, home

ACTIVE, FROZEN, RELEASED = State.ACTIVE, State.FROZEN, State.RELEASED


def again(here: Any, there: Any = None) -> Record:
    """The record, from (state, epoch) at home and in the east."""
    found = {
        name: Site(home(of=of, state=said[0], epoch=said[1]))
        for name, of, said in ((HOME, declaration(), here), (EAST, GOES, there))
        if said
    }
    record = rebuilt(found, NOW)
    assert record is not None
    return record


def test_where_nothing_is_there_is_no_record() -> None:
    assert rebuilt({HOME: Site(None), EAST: Site(None)}, NOW) is None


@pytest.mark.parametrize(
    ("here", "there", "region", "epoch", "phase"),
    [
        ((ACTIVE, 3), None, HOME, 3, None),
        ((FROZEN, 3), None, HOME, 3, None),
        ((RELEASED, 3), None, HOME, 3, None),
        ((FROZEN, 1), (ACTIVE, 2), HOME, 1, Phase.IMPORTING),
        ((ACTIVE, 3), (ACTIVE, 2), HOME, 3, Phase.THAWING),
        ((ACTIVE, 3), (RELEASED, 2), HOME, 3, Phase.CLEANING),
        ((RELEASED, 5), (ACTIVE, 2), EAST, 2, Phase.CLEANING),
        ((RELEASED, 1), (FROZEN, 2), EAST, 2, None),
    ],
    ids=str,
)
def test_what_the_regions_hold_says_how_far_it_is(here: Any, there: Any, region: str, epoch: int, phase: Any) -> None:
    record = again(here, there)
    assert (record.region, record.epoch, record.move and record.move.phase) == (region, epoch, phase)
    assert record.history[-1].event == "Rebuilt"


def test_of_two_that_live_the_later_one_is_meant_and_the_other_is_cleaned_afterwards() -> None:
    move = again((ACTIVE, 3), (ACTIVE, 2)).move
    assert move is not None
    assert (move.source, move.to, move.cleans) == (HOME, EAST, "")


def test_an_import_goes_on_with_the_archives_of_the_export() -> None:
    frozen = home(done(Verb.UPSERT), done(Verb.MIGRATE_OUT, archive=ARCHIVE), state=FROZEN)
    record = rebuilt({HOME: Site(frozen), EAST: Site(home(of=GOES, epoch=2))}, NOW)
    assert record is not None
    assert record.move is not None
    assert (record.move.source, record.move.to, record.move.epoch) == (HOME, EAST, 2)
    assert (record.move.digest, record.move.archives) == (GOES.digest, {"billing": ARCHIVE.dump()})


def test_it_is_protected_until_a_declaration_says_otherwise() -> None:
    """The placement is as old as the last run; protection may have been switched on since."""
    old = replace(home(), declaration=declaration(deletionProtection=False, ring=3).effective)
    record = rebuilt({HOME: Site(old)}, NOW)
    assert record is not None
    assert (record.policy.deletion_protection, record.policy.ring) == (True, 3)


@pytest.mark.parametrize(
    ("imported", "phase", "region"),
    [
        (done(Verb.MIGRATE_IN, GOES, epoch=2), Phase.CLEANING, EAST),
        (done(Verb.MIGRATE_IN, GOES, epoch=1), Phase.IMPORTING, HOME),
        (done(Verb.MIGRATE_IN, GOES, epoch=2, result=Result.FAILED), Phase.IMPORTING, HOME),
        (None, Phase.IMPORTING, HOME),
    ],
    ids=["imported", "of another epoch", "failed", "not yet"],
)
def test_where_all_was_imported_no_way_leads_back(imported: Any, phase: Phase, region: str) -> None:
    source = home(done(Verb.UPSERT), done(Verb.MIGRATE_OUT, archive=ARCHIVE), state=FROZEN)
    outcomes = [done(Verb.UPSERT, GOES, epoch=2), *([imported] if imported else [])]
    target = home(*outcomes, of=GOES, epoch=2)
    record = rebuilt({HOME: Site(source), EAST: Site(target)}, NOW)
    assert record
    assert record.move
    assert (record.move.phase, record.region) == (phase, region)
    assert record.move.cleans == (HOME if phase is Phase.CLEANING else "")
