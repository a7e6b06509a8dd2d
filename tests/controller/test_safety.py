"""What the fleet as a whole and git say before one environment is taken away, counted and never remembered."""

from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.controller import safety as module
from reconciler.controller.safety import Safety
from reconciler.core.action import HoldReason
from reconciler.core.decide import decide
from reconciler.core.fleet import Fleet
from reconciler.core.move import Phase
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.step import Verb
from tests.controller.life import KEYS, Life, word
from tests.controller.process import Process
from tests.core.fleet import KEY, NOW, declaration, desired, record
from tests.core.moving import EAST, done, home, move, offered, seen, site

A, B, C = KEYS
HOME = "eu-west"
UP = Verb.UPSERT
OPEN: dict[str, Any] = {"seats": 1, "region": HOME, "deletionProtection": False}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET_LEAST", 1)


@pytest.fixture
def life() -> Life:
    """Three environments that are Ready and unprotected."""
    life = Life()
    life.settle_in()
    for key in KEYS:
        life.specs[key] = OPEN
    life.commit()
    for _ in range(3):
        Process(life).settle()
        life.everything_succeeds()
    Process(life).settle()
    return life


def holds(life: Life, process: Process | None = None) -> dict[Key, HoldReason]:
    process = process or Process(life)
    process.settle()
    found = {key: process.reconciler.preview(key, life.desired).holds for key in KEYS}
    return {key: hold.reason for key, said in found.items() for hold in said}


def decommissioning(life: Life) -> int:
    return sum("dec" in raw["metadata"]["name"] for _, raw in life.runs())


def test_as_many_as_the_budget_go_and_one_more_holds_all(life: Life) -> None:
    life.change(A, None)
    assert holds(life) == {A: HoldReason.RUN_IN_PROGRESS}
    life.change(B, None)
    assert holds(life)[B] is HoldReason.DESTRUCTIVE_BUDGET
    assert decommissioning(life) == 1


def test_all_that_are_planned_at_once_are_held(life: Life) -> None:
    life.specs |= {A: None, B: None}
    life.commit()
    assert holds(life) == {A: HoldReason.DESTRUCTIVE_BUDGET, B: HoldReason.DESTRUCTIVE_BUDGET}
    assert decommissioning(life) == 0


def test_after_an_hour_what_was_claimed_counts_no_more(life: Life) -> None:
    life.change(A, None)
    holds(life)
    life.everything_succeeds()
    life.change(B, None)
    process = Process(life)
    assert holds(life, process)[B] is HoldReason.DESTRUCTIVE_BUDGET
    life.now += 3601
    life.mono += 3601  # it is looked at again by itself
    assert holds(life, process)[B] is HoldReason.RUN_IN_PROGRESS


def test_what_is_protected_takes_nothing_of_the_budget(life: Life) -> None:
    life.change(A, OPEN | {"deletionProtection": True})
    Process(life).settle()
    life.specs |= {A: None, B: None}
    life.commit()
    assert holds(life) == {A: HoldReason.PROTECTED, B: HoldReason.RUN_IN_PROGRESS}


def test_a_declaration_that_comes_back_is_counted_no_more(life: Life) -> None:
    process = Process(life)
    life.specs |= {A: None, B: None}
    life.commit()
    assert len(holds(life, process)) == 2
    life.change(A, OPEN)
    life.now += 1
    assert holds(life, process) == {B: HoldReason.RUN_IN_PROGRESS}


def test_more_than_an_hour_may_hold_waits_for_somebody(life: Life) -> None:
    life.specs |= {A: None, B: None}
    life.commit()
    process = Process(life)
    process.settle()
    assert [hold.until for hold in process.reconciler.preview(A, life.desired).holds] == [None]


def test_what_looks_renamed_goes_when_its_twin_is_gone(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET_LEAST", 2)
    process = Process(life)
    life.past.twins = {A: B}
    life.specs |= {A: None, C: None}
    life.commit()
    process.settle()
    assert word(life, A) == "LooksRenamed"
    life.past.twins = {}
    life.everything_succeeds()
    process.deliver_all()  # no new commit is read
    process.work(30)
    process.deliver_all()
    process.work(30)
    assert word(life, A) == "Progressing", "it was looked at when another was gone"


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        ({"untrusted": "another history"}, HoldReason.SOURCE_NOT_TRUSTED),
        ({"not_shown": {A}}, HoldReason.NOT_REVIEWED),
        ({"twins": {A: B}}, HoldReason.LOOKS_RENAMED),
    ],
    ids=["untrusted", "not reviewed", "renamed"],
)
def test_what_git_says_holds_what_takes_away_and_nothing_else(life: Life, say: Any, reason: HoldReason) -> None:
    for name, value in say.items():
        setattr(life.past, name, value)
    life.specs |= {A: None, C: OPEN | {"seats": 2}}
    life.commit()
    assert holds(life) == {A: reason, C: HoldReason.RUN_IN_PROGRESS}
    assert decommissioning(life) == 0


class TestCleaningThatWaits:
    """What is declared goes on beside it, behind the same guards."""

    BOTH = declaration(region=EAST, deletionProtection=False)
    LESS = declaration(region=EAST, deletionProtection=False, services=["search"])
    SAYS = SimpleNamespace(trust=lambda *_: "another history", unreviewed=lambda *_: "", twin=lambda *_: None)

    def decided(self, phase: Phase) -> Any:
        target = home(done(UP, self.BOTH, epoch=2), done(UP, self.BOTH, "search", epoch=2), of=self.BOTH, epoch=2)
        jobs = offered("billing", "search")
        upserts = {step: job for step, job in jobs.items() if step.verb == UP}
        cleaning = record(self.BOTH, move=move(phase, cleans=HOME), epoch=2)
        observed = seen(cleaning, None, site(target, jobs), placement=target, upserts=upserts, region=EAST)
        nothing: Any = SimpleNamespace(fleet=Fleet(), records=[], keys=set, observe=lambda *_: Observed())
        wanted = desired(self.LESS)
        informed = Safety(nothing, self.SAYS, lambda: NOW).informed(KEY, wanted, observed)  # type: ignore[arg-type]
        return informed, decide(KEY, wanted, informed, NOW)

    def test_a_removal_is_held_as_that_of_any_other(self) -> None:
        _, decision = self.decided(Phase.CLEANING)
        assert HoldReason.SOURCE_NOT_TRUSTED in {hold.reason for hold in decision.holds}
        assert not (decision.action and decision.action.removals)

    def test_an_export_knows_whether_its_source_may_be_given_up(self) -> None:
        informed, _ = self.decided(Phase.EXPORTING)
        assert informed.untrusted == "another history"


class TestLost:
    """A record that is missing while a region is silent may be one that was lost, if the books say that one was."""

    def held(self, life: Life) -> dict[Key, HoldReason]:
        life.delete_record(A)
        life.regions[HOME].silent = True
        life.change(A, OPEN | {"region": "us-east"})
        return {key: reason for key, reason in holds(life).items() if key == A}

    def test_fewer_records_than_the_fleet_counts(self, life: Life) -> None:
        assert self.held(life) == {A: HoldReason.RECORDS_LOST}
        assert life.control.read("record", A.dotted) is None

    def test_no_fleet_at_all(self, life: Life) -> None:
        life.delete_fleet()
        assert self.held(life) == {A: HoldReason.RECORDS_LOST}

    def test_as_many_as_it_counts_is_a_new_environment(self, life: Life) -> None:
        life.delete_record(A)
        life.put_fleet(2)
        life.regions[HOME].silent = True
        new = Key("new", "one")
        life.change(new, OPEN | {"region": "us-east"})
        process = Process(life)
        process.settle()
        assert life.control.read("record", new.dotted)
