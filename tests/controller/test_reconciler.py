"""One pass at moments that seldom come: old memories, deaths, damage, and regions that go. `test_model` found most."""

import copy
from typing import Any

import pytest

from reconciler.core.condition import EXPIRED, READY
from reconciler.core.errors import NotAllowed
from reconciler.core.record import Record, condition, read_record
from reconciler.core.times import rfc3339
from tests.controller.life import HELD, KEYS, Life
from tests.controller.memory import Cluster, Died
from tests.controller.process import Process

KEY = KEYS[0]
HOME, EAST = "eu-west", "us-east"


@pytest.fixture
def life() -> Life:
    life = Life()
    life.settle_in()
    return life


def record(life: Life) -> Record:
    return read_record(life.control.objects["record", KEY.dotted])


def reason(life: Life) -> str:
    ready = condition(record(life), READY)
    assert ready is not None
    return ready.reason


def home(life: Life) -> Cluster:
    return life.regions[HOME]


def ready(life: Life) -> Process:
    process = Process(life)
    process.settle()
    life.everything_succeeds()
    process.settle()
    assert reason(life) == "Applied"
    return process


def test_a_claim_that_is_remembered_as_open_is_not_posted_after_its_end(life: Life) -> None:
    life.fuse.die_at = 6  # record, placement and claim are written, the run is not
    with pytest.raises(Died):
        Process(life).work()
    life.fuse.die_at = -1
    old, other = Process(life), Process(life)
    other.settle()
    life.delete_run(0, completed=False)
    other.settle()
    assert reason(life) == "RunDeleted"
    old.work()
    assert life.runs() == []


def test_what_a_run_by_hand_did_counts_before_the_watch_tells_of_it(life: Life) -> None:
    process = ready(life)
    life.release(HOME, "billing", 2)
    life.run_by_hand(KEY, HOME)
    life.everything_succeeds()
    process.deliver(HOME, "job")
    process.deliver(HOME, "run")
    process.work(5)
    process.settle()
    assert (reason(life), record(life).seq) == ("Applied", 1)


@pytest.mark.parametrize("after", range(11))
def test_a_region_changed_before_anything_was_placed_is_no_move_wherever_the_process_dies(
    life: Life, after: int
) -> None:
    home(life).silent = True
    Process(life).settle()
    assert (reason(life), record(life).region) == ("RegionNotAnswering", HOME)
    home(life).silent = False
    life.change(KEY, {"seats": 1, "region": EAST})
    life.fuse.die_at = life.fuse.writes + after
    with pytest.raises(Died):
        Process(life).settle()
    life.fuse.die_at = -1
    Process(life).settle()
    assert (reason(life), record(life).region) == ("Progressing", EAST)
    assert len(life.regions[EAST].all("run")) == 1


def test_a_placement_that_outlived_its_record_is_taken_up_where_it_is(life: Life) -> None:
    ready(life)
    life.delete_record(KEY)
    life.regions[EAST].silent = True
    life.change(KEY, {"seats": 1, "region": EAST})
    Process(life).settle()
    assert life.control.read("record", KEY.dotted) is None, "the region that does not answer may know better"
    life.change(KEY, {"seats": 1, "region": HOME})
    process = Process(life)
    life.regions[EAST].silent = False
    process.settle()
    assert (reason(life), record(life).region) == ("Applied", HOME)


def test_a_run_in_a_region_that_is_not_listed_any_more_is_said_and_goes_on_when_it_is_back(life: Life) -> None:
    process = Process(life)
    process.settle()
    region = life.listed.pop(HOME)
    life.commit()
    process.settle()
    assert reason(life) == "UnknownRegion"
    life.listed[HOME] = region
    life.commit()
    process.settle()
    assert reason(life) == "Progressing"


def test_a_silent_region_is_said_of_a_run_in_progress(life: Life) -> None:
    process = Process(life)
    process.settle()
    home(life).silent = True
    process.settle()
    assert reason(life) == "RegionNotAnswering"


@pytest.mark.parametrize("during_a_run", [True, False])
def test_a_damaged_placement_is_said_on_the_record_until_it_is_repaired(life: Life, during_a_run: bool) -> None:
    process = Process(life)
    process.settle()
    if not during_a_run:
        process = ready(life)
    before = reason(life)
    life.damage(KEY, (HOME, "placement"))
    process.settle()
    assert reason(life) == "StateDamaged"
    life.repair()
    process.settle()
    assert reason(life) == before


def test_a_damaged_record_is_left_alone(life: Life) -> None:
    process = ready(life)
    life.damage(KEY, ("control", "record"))
    writes = life.fuse.writes
    process.settle()
    assert life.fuse.writes == writes


def test_policy_is_copied_while_a_run_is_in_progress(life: Life) -> None:
    process = Process(life)
    process.settle()
    life.change(KEY, {"seats": 1, "region": HOME, "ring": 3})
    process.settle()
    assert record(life).claim
    assert record(life).policy.ring == 3


def test_an_environment_is_looked_at_again_when_it_expires(life: Life) -> None:
    life.change(KEY, {"seats": 1, "region": HOME, "expiresAt": rfc3339(life.now + 60)})
    process = ready(life)
    assert process.reconciler.reconcile(KEY, life.desired).again_after == 60
    life.now += 60
    assert process.reconciler.reconcile(KEY, life.desired).again_after is None
    expired = condition(record(life), EXPIRED)
    assert expired is not None
    assert expired.status


def test_a_placement_that_is_deleted_is_made_again_also_where_no_step_is_wanted(life: Life) -> None:
    life.change(KEY, {"seats": 1, "region": HOME, "services": []})
    process = ready(life)
    life.delete_placement(KEY, HOME)
    process.settle()
    assert home(life).find_placement(KEY)


def test_a_stopped_copy_with_a_damaged_time_holds_nothing_up(life: Life) -> None:
    process = Process(life)
    process.settle()
    memory = home(life)
    life.bridges_start(0, False)
    life.stop_run(0, "Stop", False)
    made: Any = memory.copies()[0]
    stored = memory.objects["job", f"{made.namespace}/{made.name}"]
    stored["metadata"]["annotations"]["tenantctl.io/stopped-at"] = "yesterday"
    memory.put("job", f"{made.namespace}/{made.name}", stored)
    life.pods_end(0)
    process.settle()
    assert reason(life) == "RunStopped"


@pytest.mark.parametrize("of_the_run", [False, True], ids=["of no run", "of the real run"])
def test_a_job_of_a_stranger_that_says_it_is_a_copy_holds_nothing_up(life: Life, of_the_run: bool) -> None:
    """Any namespace can have a Job with our labels; without the step being claimed, it is nobody's copy."""
    process = Process(life)
    process.settle()
    memory = home(life)
    life.bridges_start(0, False)
    real: Any = memory.copies()[0]
    forged = copy.deepcopy(memory.objects["job", f"{real.namespace}/{real.name}"])
    forged["metadata"] |= {"namespace": "outsider", "name": "forged", "uid": "forged"}
    forged["metadata"]["annotations"]["tenantctl.io/step"] = "job/upsert/outsider/forged"
    if not of_the_run:
        forged["metadata"]["labels"]["tenantctl.io/run"] = "nonexistent"
    memory.put("job", "outsider/forged", forged)
    process.settle()
    life.everything_succeeds()
    process.settle()
    assert reason(life) == "Applied"
    assert "tenantctl.io/stopped" not in memory.objects["job", "outsider/forged"]["metadata"]["labels"]


def test_nothing_is_launched_while_nobody_knows_whether_it_is_suspended(life: Life) -> None:
    process = Process(life)
    process.world.fleet_watch.trouble = "403"
    process.settle()
    assert life.runs() == []
    process.world.fleet_watch.trouble = ""
    life.now += 700
    life.mono += 700
    process.settle()
    assert len(life.runs()) > 0


def test_a_right_that_is_missing_for_one_copy_holds_nothing_else_up(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = ready(life)

    def refused(*_: Any) -> None:
        raise NotAllowed("may not patch jobs")

    monkeypatch.setattr(process.reconciler._sweep, "_region", refused)
    assert process.reconciler.reconcile(KEY, life.desired).event == "unchanged"


class TestTombstones:
    """What is over is forgotten, once nothing can be left of it."""

    @pytest.fixture
    def buried(self, life: Life) -> Life:
        life.change(KEY, {"seats": 1, "region": HOME, "deletionProtection": False})
        ready(life)
        life.change(KEY, None)
        for _ in range(2):
            Process(life).settle()
            life.everything_succeeds()
        Process(life).settle()
        assert record(life).gone
        life.now += 31 * 24 * 3600
        return life

    def looked_at(self, life: Life) -> Any:
        process = Process(life)
        process.up_to_date()
        return process.reconciler.reconcile(KEY, life.desired)

    def test_with_what_was_left_of_its_placements(self, buried: Life) -> None:
        assert self.looked_at(buried).event == "forgotten"
        assert (buried.control.read("record", KEY.dotted), home(buried).read("placement", KEY.dotted)) == (None, None)

    def test_not_while_a_region_is_silent_and_nobody_asks_all_the_time(self, buried: Life) -> None:
        buried.regions[EAST].silent = True
        assert self.looked_at(buried).again_after is None
        assert record(buried).gone

    def test_not_while_its_file_cannot_be_read(self, buried: Life) -> None:
        buried.change(KEY, HELD)
        self.looked_at(buried)
        assert record(buried).gone

    @pytest.mark.parametrize("damaged", [True, False])
    def test_not_while_something_of_it_may_live(self, buried: Life, damaged: bool) -> None:
        stored = home(buried).objects["placement", KEY.dotted]
        changed = {"epoch": "broken"} if damaged else {"state": "Active"}
        home(buried).put("placement", KEY.dotted, stored | {"data": stored["data"] | changed})
        self.looked_at(buried)
        assert home(buried).read("placement", KEY.dotted)
        assert record(buried).gone
