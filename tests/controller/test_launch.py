"""From action to run, with a process that dies before or after every write: exactly one run, and none lost.

The cluster is in memory; on a real one, tests/e2e kills the process.
"""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.controller import launch
from reconciler.core.action import Action, ActionKind
from reconciler.core.errors import Conflict
from reconciler.core.observed import Site
from reconciler.core.placement import State, read_placement
from reconciler.core.record import read_record
from tests.controller.memory import Cluster, Died, Records
from tests.core.fleet import BILLING, KEY, NOW, all_done, declaration

Json = dict[str, Any]
OF = declaration()
ACTION = Action(
    KEY, ActionKind.UPSERT, "", "eu-west", OF.digest, steps=(BILLING,), site="eu-west", epoch=1, declaration=OF
)


class Memory(Records, Cluster):
    """One cluster that is control plane and region at once."""

    def runs(self) -> list[Json]:
        return self.all("run")


def placed(memory: Memory, revision: str = "c0ffee") -> Any:
    raw = memory.find_placement(KEY)
    return launch.place(memory, ACTION, Site(read_placement(raw) if raw else None), revision)[1]


def one_pass(memory: Memory) -> None:
    """What the reconciler does for an action: go on from whatever is there."""
    raw = memory.objects.get(("record", KEY.dotted))
    record = read_record(raw) if raw else None
    if record is None or record.claim is None:
        record = record or launch.save(memory, launch.new_record(OF, None))[0]
        placement = placed(memory)
        claim = launch.claim_of(record, ACTION, placement, "c0ffee", NOW)
        record, _ = launch.save(memory, launch.claimed(record, ACTION, claim))
    assert record.claim is not None
    if not record.claim.noted:
        raw_placement = memory.find_placement(KEY)
        launch.post(memory, record, read_placement(raw_placement) if raw_placement else None)
        launch.save(memory, launch.noted(record))


WRITES = 10  # record, placement, claim, POST, note: before and after each


@pytest.mark.parametrize("die_at", range(WRITES))
def test_dying_between_any_two_writes_leaves_exactly_one_run(die_at: int) -> None:
    memory = Memory()
    memory.fuse.die_at = die_at
    with pytest.raises(Died):
        one_pass(memory)
    memory.fuse.die_at = -1
    one_pass(memory)
    one_pass(memory)
    assert len(memory.runs()) == 1
    record = read_record(memory.objects["record", KEY.dotted])
    assert record.claim is not None
    assert record.claim.noted
    assert record.seq == 1
    assert memory.runs()[0]["metadata"]["name"] == record.claim.run


def test_the_table_above_knows_every_write() -> None:
    memory = Memory()
    one_pass(memory)
    assert memory.fuse.writes == WRITES


def claimed(memory: Memory) -> Any:
    record, _ = launch.save(memory, launch.new_record(OF, None))
    claim = launch.claim_of(record, ACTION, None, "c0ffee", NOW)
    return launch.save(memory, launch.claimed(record, ACTION, claim))[0]


def test_a_run_that_an_outcome_names_is_never_posted_again() -> None:
    memory = Memory()
    record = claimed(memory)
    done = all_done(OF)
    outcomes = {step: replace(outcome, run=record.claim.run) for step, outcome in done.outcomes.items()}
    assert launch.post(memory, record, replace(done, outcomes=outcomes)) == (None, "")
    assert memory.runs() == []


def test_a_workflow_of_that_name_that_is_not_ours_is_refused() -> None:
    memory = Memory()
    record = claimed(memory)
    memory.add("run", {"metadata": {"name": record.claim.run}, "spec": {}})
    raw, refused = launch.post(memory, record, None)
    assert raw is None
    assert "is not ours" in refused


def test_an_overlapping_reconciler_is_a_conflict_and_not_an_overwrite() -> None:
    memory = Memory()
    record, _ = launch.save(memory, launch.new_record(OF, None))
    placed(memory)
    with pytest.raises(Conflict):
        launch.save(memory, launch.new_record(OF, None))
    stale = replace(record, resource_version="0")
    with pytest.raises(Conflict):
        launch.save(memory, stale)


def test_the_placement_is_left_alone_when_it_says_so_already() -> None:
    memory = Memory()
    placed(memory)
    writes = memory.fuse.writes
    placed(memory, "a later commit")
    assert memory.fuse.writes == writes


def test_a_record_goes_on_from_a_placement_that_outlived_it() -> None:
    assert launch.new_record(OF, replace(all_done(OF), epoch=7)).epoch == 7


def test_a_run_that_was_there_and_is_deleted_at_once_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory()
    record = claimed(memory)
    memory.add("run", {"metadata": {"name": record.claim.run}, "spec": {}})
    monkeypatch.setattr(memory, "find_run", lambda name: None)
    assert launch.post(memory, record, None) == (None, "")


def test_what_was_decided_without_a_placement_releases_none_that_came_since() -> None:
    """Beside a controller that has read a newer commit: what that has just made looks undeclared, and nowhere."""
    memory = Memory()
    going = replace(ACTION, kind=ActionKind.DECOMMISSION, verb="decommission", steps=(), declaration=None)
    assert launch.place(memory, going, Site(None), "older") == (None, None)
    placed(memory)
    with pytest.raises(Conflict, match="another one than was known"):
        launch.place(memory, going, Site(None), "older")
    now = read_placement(memory.find_placement(KEY))
    assert now.state is State.ACTIVE
    with pytest.raises(Conflict, match="another one than was known"):
        launch.place(memory, going, Site(replace(now, epoch=now.epoch + 1)), "older")
    assert launch.place(memory, going, Site(now), "older")[1].state is State.RELEASED
