"""The loop's own duties: places are handed on, regions follow their list, and no error ends a worker."""

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from reconciler.controller.loop import FINDINGS_TOLD
from reconciler.core.errors import NotAllowed, Unavailable
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from reconciler.core.record import read_record
from tests.controller.life import KEYS, Life, word
from tests.controller.process import Process

EAST = "us-east"
HOME = "eu-west"
MANY = tuple(Key("many", f"e{number}") for number in range(5))


@pytest.fixture
def life() -> Life:
    life = Life()
    life.settle_in()
    return life


def running(life: Life) -> list[str]:
    records = (read_record(raw) for raw in life.control.all("record"))
    return sorted(str(record.key) for record in records if record.claim)


def crowded(life: Life, limit: int = 1) -> Process:
    """As many environments as MANY, and places for `limit` of them."""
    life.listed[HOME] = replace(life.listed[HOME], in_flight_limit=limit)
    life.specs = {key: {"seats": 1, "region": HOME} for key in MANY}
    life.commit()
    process = Process(life)
    process.settle()
    return process


def test_a_place_that_the_woken_ones_do_not_want_is_handed_on(life: Life) -> None:
    process = crowded(life)
    assert running(life) == ["many/e0"]
    for key in MANY[1:3]:
        life.specs[key] = None
    life.commit()
    process.settle()
    life.everything_succeeds()
    process.settle()
    assert running(life) == ["many/e3"]


def test_a_place_that_the_woken_ones_fail_to_take_is_handed_on(life: Life) -> None:
    process = crowded(life)
    create, refused = life.regions[HOME].create_placement, {MANY[1], MANY[2]}

    def refuse(new: Any) -> Any:
        if new.key in refused:
            raise NotAllowed("configmaps is forbidden")
        return create(new)

    with mock.patch.object(life.regions[HOME], "create_placement", refuse):
        life.everything_succeeds()
        process.settle()
    assert running(life) == ["many/e3"]


def test_a_higher_limit_is_taken_at_once(life: Life) -> None:
    process = crowded(life)
    life.listed[HOME] = replace(life.listed[HOME], in_flight_limit=3)
    life.commit()
    process.settle()
    assert len(running(life)) == 3


@pytest.mark.parametrize("change", [{"context": "elsewhere"}, {"workflow_namespace": "others"}], ids=str)
def test_a_region_that_moved_is_watched_where_it_now_is(life: Life, change: dict[str, str]) -> None:
    process = Process(life)
    before = process.world.regions
    life.listed[HOME] = replace(life.listed[HOME], **change)
    life.commit()
    process.loop.take(life.desired)
    after = process.world.regions
    assert after[EAST] is before[EAST]
    assert after[HOME] is not before[HOME]
    assert after[HOME].region == life.listed[HOME]
    assert [reflector.stopped for reflector in before[HOME].reflectors] == [True]  # type: ignore[attr-defined]
    assert after[HOME].trouble == "not listed yet"


def test_a_region_that_is_not_listed_any_more_is_let_go_and_an_unreadable_list_lets_none_go(life: Life) -> None:
    process = Process(life)
    process.loop.take(replace(life.desired, regions={}))
    assert sorted(process.world.regions) == [HOME, EAST]
    process.loop.take(replace(life.desired, regions={HOME: life.listed[HOME]}))
    assert sorted(process.world.regions) == [HOME]


def test_a_region_may_come_while_others_are_looked_at(life: Life) -> None:
    process = Process(life)
    life.regions["mars"] = life.regions[EAST]
    seen = iter(process.world.regions.values())
    next(seen)
    process.loop.take(replace(life.desired, regions=life.listed | {"mars": replace(life.listed[EAST], name="mars")}))
    assert len(list(seen)) == 1


def test_a_commit_that_could_not_be_taken_is_taken_as_a_whole_the_next_time(life: Life) -> None:
    process = Process(life)
    process.settle()
    life.specs[KEYS[1]] = {"seats": 1, "region": "mars"}
    life.listed["mars"] = replace(life.listed[EAST], name="mars")
    life.commit()
    with pytest.raises(KeyError):  # its cluster is missing
        process.loop.take(life.desired)
    life.regions["mars"] = life.regions[EAST]
    process.loop.take(life.desired)
    process.notice()
    process.work(10)
    assert life.control.read("record", KEYS[1].dotted)


def test_only_who_is_in_a_region_waits_for_its_first_word(life: Life) -> None:
    life.specs[KEYS[1]] = {"seats": 1, "region": EAST}
    life.specs[KEYS[2]] = {"seats": 1, "region": HOME}
    life.commit()
    with mock.patch.object(Process, "notice"):
        process = Process(life)
    home, east = process.world.regions[HOME], process.world.regions[EAST]
    home.reflectors[0].trouble = ""
    process.loop.queue.add(KEYS)
    process.work(10)
    assert (life.control.read("record", KEYS[1].dotted), process.loop.passed) == (None, {KEYS[0], KEYS[2]})

    east.reflectors[0].trouble = "went silent"
    process.loop.listeners().region(EAST, "went silent")
    process.work(10)
    assert KEYS[1] in process.loop.passed
    assert word(life, KEYS[1]) == "RegionNotAnswering"


@pytest.mark.parametrize(
    ("error", "noting"),
    [(NotAllowed("no"), RuntimeError("no")), (NotAllowed("no"), Unavailable("no")), (RuntimeError("no"), None)],
    ids=repr,
)
def test_no_error_ends_a_worker(life: Life, error: Exception, noting: Exception | None) -> None:
    process = Process(life)
    failing, not_noted = mock.Mock(side_effect=error), mock.Mock(side_effect=noting)
    process.loop.reconciler = mock.Mock(reconcile=failing, note_failure=not_noted)
    process.loop._pass(KEYS[0])
    life.mono += 1000
    assert not process.loop.queue.idle(), "it is tried again"


def test_a_commit_full_of_findings_does_not_fill_the_log(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    process = Process(life)
    findings = tuple(Finding(f"tenants/x/{number}.txt", 1, 1, "name", "no") for number in range(1000))
    capsys.readouterr()
    process.loop.take(replace(life.desired, revision="f" * 40, findings=findings))
    said = capsys.readouterr().out
    assert said.count("declaration invalid") == FINDINGS_TOLD
    assert said.count(f"findings={1000 - FINDINGS_TOLD}") == 1
