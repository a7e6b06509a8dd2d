"""`tenantctl apply`: what it waits for, what it says meanwhile, and its exit code."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.cli import apply
from reconciler.cli.main import run
from reconciler.core.action import Action, ActionKind, Hold, HoldReason, Plan
from reconciler.core.condition import READY, RECONCILING, STALLED, Condition
from reconciler.core.errors import TimedOut
from reconciler.core.names import Key
from reconciler.core.record import Record
from tests.core.fleet import KEY, declaration, desired, record

OTHER = Key("globex", "production")
ACTION = Action(KEY, ActionKind.UPSERT, "", "eu-west", "d")


def held(reason: HoldReason, key: Key = OTHER) -> Hold:
    return Hold(key, reason, "why", ACTION)


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `apply --yes` with a plan; the keys that it follows come back beside the exit code."""

    def applied(plan: Plan, *words: str) -> tuple[int, set[Key]]:
        followed: set[Key] = set()

        def noted(*arguments: Any) -> int:
            followed.update(arguments[-1])
            return 0

        monkeypatch.setattr("reconciler.cli.wiring.read_desired", lambda *_: desired(declaration()))
        monkeypatch.setattr("reconciler.cli.plan.cluster_plan", lambda *_: plan)
        monkeypatch.setattr(apply, "_apply", noted)
        return run(["apply", "--yes", *words]), followed

    return applied


@pytest.mark.parametrize(
    ("actions", "reasons", "code", "followed"),
    [
        ((), (), 0, set()),
        ((ACTION,), (), 0, {KEY}),
        ((), (HoldReason.RUN_IN_PROGRESS,), 0, {OTHER}),
        ((ACTION,), (HoldReason.RETRY_LATER,), 0, {KEY, OTHER}),
        ((ACTION,), (HoldReason.ROLLOUT_WAITING,), 0, {KEY, OTHER}),
        ((), (HoldReason.ROLLOUT_HALTED,), 6, set()),
        ((), (HoldReason.STALLED,), 6, set()),
        ((ACTION,), (HoldReason.ATTEMPTS_USED_UP,), 6, {KEY}),
        ((), (HoldReason.REGION_NOT_ANSWERING,), 6, set()),
    ],
)
def test_it_waits_for_runs_in_progress_and_fails_where_something_stays_not_ready(
    follow: Any, actions: tuple[Action, ...], reasons: tuple[HoldReason, ...], code: int, followed: set[Key]
) -> None:
    assert follow(Plan("c0ffee", actions, tuple(map(held, reasons)))) == (code, followed)


def test_it_waits_for_nothing_when_told_so(follow: Any) -> None:
    assert follow(Plan("c0ffee", (), (held(HoldReason.RUN_IN_PROGRESS),)), "--no-wait") == (0, set())


class Loop:
    """A loop whose record goes through these states, one a look."""

    def __init__(self, *states: Condition) -> None:
        wanted = declaration()
        self.records = [self.told(state) for state in states]
        self.passed, self.desired = {KEY}, desired(wanted)
        self.world, self.changed = SimpleNamespace(record=self.look), threading.Event()
        self.changed.wait = lambda timeout=None: True  # type: ignore[method-assign]

    def told(self, ready: Condition) -> Record:
        stalled = Condition(STALLED, ready.reason == "JobFailed")
        return record(declaration(), conditions=(ready, Condition(RECONCILING), stalled))

    def look(self, key: Key) -> Record:
        return self.records.pop(0) if len(self.records) > 1 else self.records[0]


SILENT = Condition(READY, False, "RegionNotAnswering", "region eu-west does not answer: not listed yet")
GOING = Condition(READY, False, "Progressing", "run r")


FAILED = Condition(READY, False, "JobFailed", "no")


@pytest.mark.parametrize(("end", "code"), [(Condition(READY, True), 0), (FAILED, 1)])
def test_a_region_that_was_not_asked_yet_is_no_alarm(
    end: Condition, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply._follow(Loop(SILENT, GOING, end), {KEY}, True, 9) == code  # type: ignore[arg-type]
    first, last = capsys.readouterr().err.splitlines()
    assert first == f"{KEY}: Progressing: run r"
    assert last == (f"{KEY}: Ready" if not code else f"{KEY}: JobFailed: no")


def test_the_hint_of_a_timeout_names_the_environment() -> None:
    with pytest.raises(TimedOut, match=f"'tenantctl logs {KEY}'"):
        apply._follow(Loop(GOING), {KEY}, True, -1)  # type: ignore[arg-type]
