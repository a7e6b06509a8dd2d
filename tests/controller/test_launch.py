"""From action to run, with a process that dies before or after every write: exactly one run, and none lost.

A cluster cannot be made to fail at a chosen write, so it stands behind its port here; on a real one,
tests/e2e kills the process.
"""

import copy
from dataclasses import replace
from typing import Any

import pytest

from reconciler.controller import launch
from reconciler.core.action import Action, ActionKind
from reconciler.core.errors import AlreadyExists, Conflict, Unprocessable
from reconciler.core.placement import read_placement
from reconciler.core.record import config_map_of, read_record
from tests.core.fleet import BILLING, KEY, NOW, all_done, declaration

Json = dict[str, Any]
OF = declaration()
ACTION = Action(KEY, ActionKind.UPSERT, "", "eu-west", OF.digest, steps=(BILLING,))


class Died(BaseException):
    """The process is killed here."""


class Memory:
    """Records, placements and runs in memory, with versions and JSON Patch as the API server has them."""

    namespace = "w"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.writes = 0
        self.die_at = -1

    def write(self, kind: str, name: str, body: Json) -> Json:
        self._perhaps_die()
        stored = copy.deepcopy(body)
        stored["metadata"] |= {"uid": f"uid-{kind}-{name}", "resourceVersion": str(self.writes + 1)}
        self.objects[kind, name] = stored
        self._perhaps_die()
        return copy.deepcopy(stored)

    def _perhaps_die(self) -> None:
        if self.writes == self.die_at:
            raise Died
        self.writes += 1

    def add(self, kind: str, body: Json) -> Json:
        if (kind, body["metadata"]["name"]) in self.objects:
            raise AlreadyExists(body["metadata"]["name"])
        return self.write(kind, body["metadata"]["name"], body)

    def create(self, new: Any) -> Json:
        return self.add("record", config_map_of(new, "tenantctl"))

    def replace(self, changed: Any) -> Json:
        body = config_map_of(changed, "tenantctl")
        stored = self.objects["record", body["metadata"]["name"]]
        if stored["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Conflict("version")
        return self.write("record", body["metadata"]["name"], body)

    def event(self, about: Any, reason: str, message: str, *, warning: bool) -> None:
        raise AssertionError("launching tells nobody; the reconciler does")

    def create_placement(self, new: Any) -> Json:
        from reconciler.core import placement

        return self.add("placement", placement.config_map_of(new, self.namespace))

    def patch_placement(self, key: Any, patch: list[Json]) -> Json:
        body = copy.deepcopy(self.objects["placement", key.dotted])
        for step in patch:
            name = step["path"].removeprefix("/data/")
            if step["op"] == "test" and body["data"].get(name) != step["value"]:
                raise Unprocessable(name)
            if step["op"] != "test":
                body["data"][name] = step["value"]
        return self.write("placement", key.dotted, body)

    def find_placement(self, key: Any) -> Json | None:
        return copy.deepcopy(self.objects.get(("placement", key.dotted)))

    def launch(self, workflow: Json) -> Json:
        return self.add("run", workflow)

    def find_run(self, name: str) -> Json | None:
        return self.objects.get(("run", name))

    def copies_of(self, run: str) -> list[Any]:
        return []

    def stop_copy(self, copy: Any, now: str) -> None:
        raise AssertionError("nothing to stop")

    def delete_copy(self, copy: Any) -> None:
        raise AssertionError("nothing to delete")

    def runs(self) -> list[Json]:
        return [body for (kind, _), body in self.objects.items() if kind == "run"]


def one_pass(memory: Memory) -> None:
    """What the reconciler does for an action: go on from whatever is there."""
    raw = memory.objects.get(("record", KEY.dotted))
    record = read_record(raw) if raw else None
    if record is None or record.claim is None:
        record = record or launch.save(memory, launch.new_record(OF, None))[0]
        launch.place(memory, record, OF, "c0ffee")
        claim = launch.claim_of(record, ACTION, "c0ffee", "basis", NOW)
        record, _ = launch.save(memory, launch.claimed(record, claim))
    assert record.claim is not None
    if not record.claim.noted:
        raw_placement = memory.find_placement(KEY)
        launch.post(memory, record, read_placement(raw_placement) if raw_placement else None)
        launch.save(memory, launch.noted(record))


WRITES = 10  # record, placement, claim, POST, note: before and after each


@pytest.mark.parametrize("die_at", range(WRITES))
def test_dying_between_any_two_writes_leaves_exactly_one_run(die_at: int) -> None:
    memory = Memory()
    memory.die_at = die_at
    with pytest.raises(Died):
        one_pass(memory)
    memory.die_at = -1
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
    assert memory.writes == WRITES


def claimed(memory: Memory) -> Any:
    record, _ = launch.save(memory, launch.new_record(OF, None))
    claim = launch.claim_of(record, ACTION, "c0ffee", "basis", NOW)
    return launch.save(memory, launch.claimed(record, claim))[0]


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
    launch.place(memory, record, OF, "c0ffee")
    with pytest.raises(Conflict):
        launch.save(memory, launch.new_record(OF, None))
    stale = replace(record, resource_version="0")
    with pytest.raises(Conflict):
        launch.save(memory, stale)


def test_the_placement_is_left_alone_when_it_says_so_already() -> None:
    memory = Memory()
    record, _ = launch.save(memory, launch.new_record(OF, None))
    launch.place(memory, record, OF, "c0ffee")
    writes = memory.writes
    launch.place(memory, record, OF, "a later commit")
    assert memory.writes == writes


def test_a_record_goes_on_from_a_placement_that_outlived_it() -> None:
    assert launch.new_record(OF, replace(all_done(OF), epoch=7)).epoch == 7
