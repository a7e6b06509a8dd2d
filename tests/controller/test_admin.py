"""Admin processes in the loop: every request is one run, wherever the process dies, and touches nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import labels
from reconciler.core.admin import AdminRequest
from reconciler.core.condition import READY
from reconciler.core.fleet import EVERYTHING, read_fleet, with_pause
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.record import Record, condition, read_record
from reconciler.core.times import rfc3339
from tests.controller.life import KEYS, LIMIT, Life, lifecycle_job
from tests.controller.memory import Died, merged
from tests.controller.process import Process
from tests.core.fleet import NOW

KEY, HOME = KEYS[0], "eu-west"
REQUEST = AdminRequest("k3f9", "reindex", {"since": "2027"}, "ada", rfc3339(NOW), "index is damaged")


@pytest.fixture
def life() -> Life:
    life = Life()
    life.settle_in(declared=len(KEYS))
    verbs = {"metadata": {"annotations": {labels.VERBS_ANNOTATION: "lifecycle.upsert,admin.reindex"}}}
    life.regions[HOME].put("job", "billing/lifecycle", merged(lifecycle_job("billing", 1), verbs))
    finish(life, Process(life))
    assert {reason(life, key) for key in KEYS} == {"Applied"}
    return life


def finish(life: Life, process: Process) -> None:
    """Whatever runs succeeds, until nothing runs."""
    for _ in range(6):
        process.settle()
        life.everything_succeeds()
    process.settle()


def ask(life: Life, request: AdminRequest = REQUEST, key: Key = KEY) -> None:
    raw = life.control.read("record", key.dotted)
    assert raw is not None
    life.control.put("record", key.dotted, merged(raw, {"data": {"admin": request.dump()}}))


def record(life: Life, key: Key = KEY) -> Record:
    return read_record(life.control.objects["record", key.dotted])


def reason(life: Life, key: Key = KEY) -> str:
    ready = condition(record(life, key), READY)
    assert ready is not None
    return ready.reason


def runs(life: Life, *, completed: bool) -> list[dict[str, Any]]:
    return [raw for _, raw in life.runs(completed=completed) if "-adm-" in raw["metadata"]["name"]]


def events(life: Life, key: Key = KEY) -> list[str]:
    return [
        entry.event for entry in record(life, key).history if entry.event.startswith("Admin") or "-adm-" in entry.run
    ]


def test_a_request_is_run_and_leaves_the_environment_ready(life: Life) -> None:
    process = Process(life)
    before = record(life)
    ask(life)
    process.settle()
    (run,) = runs(life, completed=False)
    arguments = {item["name"]: item["value"] for item in run["spec"]["arguments"]["parameters"]}
    assert (arguments["name"], arguments["parameters"]) == ("reindex", '{"since": "2027"}')
    assert reason(life) == "Applied", "what is declared is done, whatever else runs"
    finish(life, process)
    assert events(life) == ["AdminStarted", "Succeeded"]
    assert len(runs(life, completed=True)) == 1
    after = record(life)
    kept = ("attempts", "conditions", "applied_revision", "attempted_revision", "applied_digest", "region", "epoch")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


def test_twice_in_a_row_runs_twice(life: Life) -> None:
    process = Process(life)
    for number in range(2):
        ask(life, replace(REQUEST, id=f"n{number}"))
        finish(life, process)
    assert events(life) == ["AdminStarted", "Succeeded"] * 2
    assert len({raw["metadata"]["name"] for raw in runs(life, completed=True)}) == 2


@pytest.mark.parametrize("after", range(10))
def test_a_process_that_dies_at_any_write_loses_and_doubles_nothing(life: Life, after: int) -> None:
    ask(life)
    life.fuse.die_at = life.fuse.writes + after
    with pytest.raises(Died):
        finish(life, Process(life))
    life.fuse.die_at = -1
    finish(life, Process(life))
    assert events(life) == ["AdminStarted", "Succeeded"]
    assert len(runs(life, completed=True)) == 1
    assert record(life).claim is None


def test_a_run_that_was_deleted_is_not_repeated(life: Life) -> None:
    process = Process(life)
    ask(life)
    process.settle()
    life.delete_run(0, completed=False)
    finish(life, process)
    assert events(life) == ["AdminStarted", "Failed"]
    assert (runs(life, completed=True), reason(life)) == ([], "Applied")


def test_a_failure_is_not_repeated_and_does_not_stall(life: Life) -> None:
    process = Process(life)
    ask(life)
    process.settle()
    life.bridges_start(0, only_first=False)
    life.job_ends(0, "needs-human", lost=False)
    life.workflow_ends(0, bridges_lost=False)
    life.now += 100_000
    finish(life, process)
    assert events(life) == ["AdminStarted", "Failed"]
    assert "billing/lifecycle: failed" in record(life).history[-1].message
    assert reason(life) == "Applied"


def test_a_change_meanwhile_is_seen_and_comes_after_it(life: Life) -> None:
    process = Process(life)
    ask(life)
    process.settle()
    life.change(KEY, {"seats": 2, "region": HOME})
    process.settle()
    assert reason(life) == "RunInProgress"
    assert len(life.runs()) == 1
    finish(life, process)
    assert (reason(life), record(life).history[-1].event) == ("Applied", "Succeeded")


def test_it_comes_after_a_change_that_is_made_already(life: Life) -> None:
    process = Process(life)
    life.change(KEY, {"seats": 2, "region": HOME})
    process.settle()
    ask(life)
    process.settle()
    assert runs(life, completed=False) == []
    finish(life, process)
    assert events(life) == ["AdminStarted", "Succeeded"]


def test_one_that_nothing_can_do_is_answered_once(life: Life) -> None:
    process = Process(life)
    ask(life, replace(REQUEST, name="polish"))
    process.settle()
    finish(life, process)
    assert events(life) == ["AdminRefused"]
    assert "has admin.polish; there are admin.reindex" in record(life).history[-1].message


def test_it_waits_while_everything_is_suspended_and_then_begins(life: Life) -> None:
    process = Process(life)
    pause(life, Mark("bob", rfc3339(NOW), "upgrade"))
    ask(life)
    process.settle()
    assert events(life) == ["AdminWaits"]
    pause(life, Mark("bob", rfc3339(NOW), "", lifted=True))
    finish(life, process)
    assert events(life) == ["AdminWaits", "AdminStarted", "Succeeded"]


def pause(life: Life, mark: Mark) -> None:
    raw = life.control.read("fleet", labels.FLEET)
    assert raw is not None
    keys = with_pause(read_fleet(raw), EVERYTHING, mark, NOW)
    data = {key: text for key, text in {**raw["data"], **keys}.items() if text is not None}
    life.control.put("fleet", labels.FLEET, raw | {"data": data})


def test_it_never_begins_while_it_is_not_known_what_is_suspended(life: Life) -> None:
    process = Process(life)
    process.world.fleet_watch.trouble = "does not answer"
    ask(life)
    process.settle()
    assert (events(life), runs(life, completed=False)) == ([], [])


def test_many_keep_to_the_regions_limit_and_all_have_their_turn(life: Life) -> None:
    process = Process(life)
    for key in KEYS:
        ask(life, key=key)
    process.settle()
    assert len(runs(life, completed=False)) == LIMIT
    assert sum(record(life, key).claim is not None for key in KEYS) == LIMIT
    finish(life, process)
    assert [events(life, key) for key in KEYS] == [["AdminStarted", "Succeeded"]] * len(KEYS)


def test_what_is_settled_stays_so(life: Life) -> None:
    process = Process(life)
    ask(life)
    finish(life, process)
    writes = life.fuse.writes
    process.look(KEY)
    assert life.fuse.writes == writes
