"""A new version of a Job through a whole loop: in waves, by ring, halted when it is broken, whoever is suspended.

The clusters are in memory; loop, reconciler, world and stores are the real ones.
"""

from dataclasses import replace
from unittest import mock

import pytest

from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.fleet import EVERYTHING, Scope
from reconciler.core.lifecycle_job import job_hash
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.outcome import FailureClass
from reconciler.core.record import Record, condition, read_record
from tests.controller.life import Life, lifecycle_job
from tests.controller.memory import merged
from tests.controller.process import Process

HOME = "eu-west"
FLEET = tuple(Key("many", f"e{number:02}") for number in range(12))


@pytest.fixture
def life() -> Life:
    """Twelve environments that are Ready, the last two in ring 1."""
    life = Life()
    life.settle_in(0)
    life.listed[HOME] = replace(life.listed[HOME], in_flight_limit=50)
    life.specs = {key: {"seats": 1, "region": HOME, "ring": int(key in FLEET[10:])} for key in FLEET}
    life.commit()
    process = Process(life)
    process.settle()
    life.everything_succeeds()
    process.settle()
    assert reasons(life) == {"Applied": 12}
    return life


def record(life: Life, key: Key) -> Record:
    return read_record(life.control.objects["record", key.dotted])


def said(life: Life, key: Key, kind: str = READY) -> Condition:
    found = condition(record(life, key), kind)
    assert found is not None
    return found


def reasons(life: Life) -> dict[str, int]:
    found = [said(life, key).reason for key in FLEET]
    return {reason: found.count(reason) for reason in found}


def running(life: Life) -> list[str]:
    return [key.environment for key in FLEET if record(life, key).claim]


def deliver_and_work(process: Process) -> None:
    """What is there to be known, and everybody who is called by it; nobody by the passing of time."""
    process.deliver_all()
    while process.work(50):
        process.deliver_all()


def release(life: Life, version: int = 2) -> Process:
    process = Process(life)
    process.settle()
    life.release(HOME, "billing", version)
    deliver_and_work(process)
    return process


def fail(life: Life, failure: str = "user") -> None:
    """What runs fails."""
    life.bridges_start(0, only_first=False)
    life.job_ends(0, failure, lost=False)
    life.workflow_ends(0, bridges_lost=False)


def test_a_new_version_goes_in_waves_that_double_ring_by_ring_without_waiting_for_a_clock(life: Life) -> None:
    process = release(life)
    waves = []
    while now := running(life):
        waves.append(now)
        life.everything_succeeds()
        deliver_and_work(process)
    assert waves == [
        ["e00"],
        ["e01", "e02"],
        ["e03", "e04", "e05", "e06"],
        ["e07", "e08", "e09"],
        ["e10", "e11"],
    ]
    assert reasons(life) == {"Applied": 12}


def test_those_that_wait_say_so_and_are_not_written_again_when_others_go_on(life: Life) -> None:
    process = release(life)
    assert reasons(life) == {"Progressing": 1, "RolloutWaiting": 11}
    assert not said(life, FLEET[11], STALLED).status
    before = record(life, FLEET[11]).resource_version
    for _ in range(2):
        life.everything_succeeds()
        deliver_and_work(process)
    process.settle()
    assert record(life, FLEET[11]).resource_version == before


def test_nobody_is_looked_at_but_those_whose_turn_it_is(life: Life) -> None:
    process = release(life)
    looked: list[str] = []
    look = process.look
    with mock.patch.object(process, "look", lambda key: (looked.append(key.environment), look(key))):
        for wave in ((0, 3), (1, 7), (3, 10)):
            looked.clear()
            life.everything_succeeds()
            deliver_and_work(process)
            assert sorted(set(looked)) == [key.environment for key in FLEET[slice(*wave)]]


def test_a_broken_version_reaches_the_first_wave_only_and_says_so(life: Life) -> None:
    process = release(life)
    fail(life)
    deliver_and_work(process)
    assert said(life, FLEET[0]).reason == "LifecycleJobFailed"
    assert said(life, FLEET[1]).reason == "RolloutHalted", "the next one says it at once"
    assert said(life, FLEET[1], STALLED).status
    process.settle()
    assert reasons(life) == {"LifecycleJobFailed": 1, "RolloutHalted": 11}
    assert running(life) == []


def test_a_mended_version_reaches_everybody_after_a_halt(life: Life) -> None:
    process = release(life)
    fail(life)
    process.settle()
    life.release(HOME, "billing", 3)
    for _ in range(5):
        deliver_and_work(process)
        assert len(running(life)) <= 4
        life.everything_succeeds()
    process.settle()
    assert reasons(life) == {"Applied": 12}


def test_a_retry_that_succeeds_ends_a_halt(life: Life) -> None:
    process = release(life)
    fail(life)
    process.settle()
    life.retry(FLEET[0])
    deliver_and_work(process)
    assert running(life) == ["e00"]
    life.everything_succeeds()
    deliver_and_work(process)
    assert running(life) == ["e01", "e02"]
    for _ in range(4):
        process.settle()
        life.everything_succeeds()
    process.settle()
    assert reasons(life) == {"Applied": 12}


def test_a_failure_that_a_later_attempt_mends_is_no_halt_for_the_others(life: Life) -> None:
    process = release(life)
    fail(life, "transient")
    deliver_and_work(process)
    assert reasons(life) == {"RetryLater": 1, "RolloutHalted": 1, "RolloutWaiting": 10}
    life.now += 20
    life.mono += 20
    deliver_and_work(process)
    assert running(life) == ["e00"]
    life.everything_succeeds()
    deliver_and_work(process)
    assert running(life) == ["e01", "e02"]
    assert "RolloutHalted" not in reasons(life)


def test_a_commit_does_not_wait_for_a_rollout(life: Life) -> None:
    process = release(life)
    life.change(FLEET[11], life.specs[FLEET[11]] | {"seats": 2})
    process.loop.take(life.desired)
    deliver_and_work(process)
    assert running(life) == ["e00", "e11"]


@pytest.mark.parametrize("scope", [None, EVERYTHING], ids=["by itself", "with all others"])
def test_nobody_waits_for_one_that_is_suspended_and_it_comes_in_order_when_it_is_resumed(
    life: Life, scope: Scope | None
) -> None:
    process = Process(life)
    process.settle()
    suspend(life, process, FLEET[:2])
    life.release(HOME, "billing", 2)
    deliver_and_work(process)
    assert running(life) == ["e02"]
    assert reasons(life) == {"Paused": 2, "Progressing": 1, "RolloutWaiting": 9}
    life.everything_succeeds()
    deliver_and_work(process)
    suspend(life, process, FLEET[:2], lifted=True)
    deliver_and_work(process)
    assert "e00" in running(life)
    assert "e01" not in running(life)
    for _ in range(5):
        life.everything_succeeds()
        deliver_and_work(process)
    assert reasons(life) == {"Applied": 12}


def suspend(life: Life, process: Process, keys: tuple[Key, ...], lifted: bool = False) -> None:
    for key in keys:
        raw = life.control.read("record", key.dotted)
        assert raw is not None
        life.control.put("record", key.dotted, merged(raw, {"data": {"pause": Mark(by="ada", lifted=lifted).dump()}}))
    deliver_and_work(process)


def test_a_suspension_of_everything_that_ends_starts_nobody_before_its_turn(life: Life) -> None:
    process = Process(life)
    process.settle()
    life.put_fleet(len(FLEET), **{"pause.all": "incident"})
    life.release(HOME, "billing", 2)
    deliver_and_work(process)
    assert reasons(life) == {"Paused": 12}
    life.put_fleet(len(FLEET))
    deliver_and_work(process)
    assert running(life) == ["e00"]


def test_nobody_waits_for_one_that_is_stalled_before_it_began(life: Life) -> None:
    process = release(life)
    life.stop_run(0, "Stop", bridges_lost=False)
    deliver_and_work(process)
    assert said(life, FLEET[0]).reason == "RunStopped"
    assert running(life) == ["e01"]
    life.retry(FLEET[0])
    deliver_and_work(process)
    assert running(life) == ["e00", "e01"]


def test_the_halted_rollout_of_one_job_does_not_hold_another(life: Life) -> None:
    life.put_job(HOME, "search", 1)
    process = Process(life)
    process.settle()
    fail_only(life, "search")
    process.settle()
    assert reasons(life) == {"LifecycleJobFailed": 1, "RolloutHalted": 11}
    life.release(HOME, "billing", 2)
    for _ in range(6):
        deliver_and_work(process)
        fail_only(life, "search")
    process.settle()
    assert reasons(life) == {"LifecycleJobFailed": 1, "RolloutHalted": 11}
    assert versions(life, "billing") == [2] * 12
    assert versions(life, "search") == [0] * 12


def test_an_approval_of_a_halted_version_is_none_of_the_next_one(life: Life) -> None:
    process = release(life)
    fail_only(life, "billing")
    process.settle()
    assert reasons(life) == {"LifecycleJobFailed": 1, "RolloutHalted": 11}
    assert all(process.approve(key) for key in FLEET[1:])
    for _ in range(5):
        deliver_and_work(process)
        life.everything_succeeds()
    assert versions(life, "billing") == [0, *[2] * 11]
    life.release(HOME, "billing", 3)
    deliver_and_work(process)
    fail_only(life, "billing")
    process.settle()
    assert reasons(life) == {"LifecycleJobFailed": 1, "RolloutHalted": 11}


def versions(life: Life, service: str) -> list[int]:
    """Which version of a Job succeeded in each environment; 0: none."""
    hashes = {job_hash(lifecycle_job(service, version)["spec"]): version for version in (1, 2)}
    placed = [life.placed(life.regions[HOME], key) for key in FLEET]
    outcomes = [
        [each for each in found.outcomes.values() if each.step.namespace == service] for found in placed if found
    ]
    return [next((hashes[each.hash] for each in found if not each.failed), 0) for found in outcomes]


def fail_only(life: Life, service: str) -> None:
    for memory, raw in life.runs():
        for step in life.start(memory, raw):
            life.start_step(memory, raw, step)
    for memory, copy in life.unfinished():
        life.end(memory, copy, FailureClass.USER if copy.namespace == service else "")
    for memory, raw in life.runs():
        life.complete(memory, raw)


def test_a_restart_in_the_midst_of_it_goes_on_where_it_was(life: Life) -> None:
    release(life)
    life.everything_succeeds()
    process = Process(life)
    process.settle()
    assert running(life) == ["e01", "e02"]
    assert reasons(life) == {"Applied": 1, "Progressing": 2, "RolloutWaiting": 9}


def test_a_new_service_is_rolled_out_beside_another(life: Life) -> None:
    """Two rollouts at once: an environment goes with the step whose turn it is, and waits with the other."""
    process = release(life)
    life.everything_succeeds()
    deliver_and_work(process)
    life.put_job(HOME, "search", 1)
    deliver_and_work(process)
    for _ in range(12):
        life.everything_succeeds()
        deliver_and_work(process)
    assert reasons(life) == {"Applied": 12}
    assert versions(life, "billing") == [2] * 12
    assert versions(life, "search") == [1] * 12
