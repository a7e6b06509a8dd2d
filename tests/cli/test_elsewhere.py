"""Commands that read a region which is in another cluster than the control plane."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.attempts import Attempts
from reconciler.core.errors import UsageError
from reconciler.core.fleet import REGIONS, read_fleet, regions_text
from reconciler.core.move import Move, Phase
from reconciler.core.names import Key
from reconciler.core.placement import Placement, State
from reconciler.core.placement import config_map_of as placement_map
from reconciler.core.record import Entry, config_map_of, read_record
from reconciler.core.region import Region
from tests.cli.test_environments import Kube as Control
from tests.core.fleet import declaration, record
from tests.core.moving import ARCHIVE, archives, move
from tests.core.test_decide import CLAIM

Json = dict[str, Any]
KEY = Key("umbrella", "production")
EAST = Region("us-east", context="east", workflow_namespace="runs")
NO_CONTEXT = "no context 'east' in ~/.kube/config; it has: west"


class East:
    """The cluster of another region: one placement, one run, its pod."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.shutdown: list[str] = []

    def find(self, resource: Any, namespace: str, name: str) -> Json | None:
        self.asked.append((resource.plural, namespace))
        if resource.plural == "namespaces":
            return {"metadata": {"name": name}}
        if resource.plural == "workflows":
            return {"metadata": {"name": name}, "spec": {}, "status": {"phase": "Running"}}
        placed = Placement(KEY, {"spec": {"region": "us-east"}}, "d", "f" * 40, 1, State.ACTIVE)
        return placement_map(placed, namespace)

    def list(self, resource: Any, namespace: str, labelSelector: str = "") -> Iterator[Json]:
        self.asked.append((resource.plural, namespace))
        return iter(())

    def merge(self, resource: Any, namespace: str, name: str, patch: Json) -> Json:
        self.asked.append((resource.plural, namespace))
        self.shutdown.append(name)
        return {}


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Control:
    """The control plane knows an environment that is in us-east, and where us-east is."""
    made = Control()
    made.objects["fleet"]["data"][REGIONS] = regions_text([Region("eu-west"), EAST])
    put(made, claim=replace(CLAIM, region="us-east"))
    monkeypatch.setattr(made, "close", close, raising=False)
    return made


def close() -> None:
    """Nothing is open."""


def put(control: Control, **fields: Any) -> None:
    raw = config_map_of(record(declaration(KEY, region="us-east"), **fields), "tenantctl")
    raw["metadata"] |= {"resourceVersion": "7", "uid": "u"}
    control.objects[KEY.dotted] = raw


@pytest.fixture
def east(control: Control, monkeypatch: pytest.MonkeyPatch) -> East:
    made = East()
    clusters: dict[str | None, Any] = {None: control, "east": made}
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda context, _: clusters[context])
    return made


@pytest.fixture
def lost(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's kubeconfig does not have the region's context."""

    def connect(context: str | None, _: str | None) -> Control:
        if context is None:
            return control
        raise UsageError(NO_CONTEXT)

    monkeypatch.setattr("reconciler.adapters.kube.connect", connect)


def test_describe_reads_the_steps_where_the_environment_is(east: East, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", str(KEY)]) == 0
    assert "\nSteps in us-east (placement Active at fffffff):\n  none has begun yet\n" in capsys.readouterr().out
    assert east.asked == [("configmaps", "runs"), ("namespaces", None)], "and how tenantctl is installed there"


def test_describe_shows_both_ends_of_a_move(control: Control, east: East, capsys: pytest.CaptureFixture[str]) -> None:
    put(
        control,
        region="eu-west",
        move=Move("eu-west", "us-east", Phase.IMPORTING, "d", "f" * 40, 2, "2026-11-26T12:00:00Z"),
    )
    assert run(["describe", str(KEY)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("Steps")] == [
        "Steps in eu-west: nothing is placed there", "Steps in us-east (placement Active at fffffff):",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"phase": Phase.IMPORTING, "archives": archives(), "attempts": Attempts("b", 2, message="no disk")},
            [
                "Move:         eu-west → us-east, Importing (begun 2027-01-15T08:00:00Z, epoch 2)",
                "              it is in eu-west, where nothing can be written, until everything is in us-east",
                f"              exported by billing: {ARCHIVE.key}",
                "              attempt 2: no disk",
            ],
        ),
        (
            {"phase": Phase.CLEANING, "cleans": "eu-west", "without_source": True},
            [
                "Move:         eu-west → us-east, Cleaning (begun 2027-01-15T08:00:00Z, epoch 2)",
                "              what is left of it in eu-west is taken away",
                "              the data in eu-west was given up by an approval",
            ],
        ),
    ],
    ids=["importing", "cleaning"],
)
def test_describe_tells_where_a_move_stands_and_why_it_waits(
    control: Control, east: East, fields: Any, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    put(control, move=move(**fields))
    assert run(["describe", str(KEY)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith(("Move:", " " * 14))] == expected


def test_describe_without_the_context_says_all_else_and_fails(lost: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", str(KEY)]) == 1
    shown = capsys.readouterr().out
    assert f"Steps in us-east: not known: region us-east: {NO_CONTEXT}; the contexts of providers/regions.yaml" in shown
    assert "History:" in shown


def test_logs_asks_where_the_run_is(east: East, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", str(KEY)]) == 0
    assert ("pods", "runs") in east.asked


def test_logs_of_an_older_run_asks_where_that_was(control: Control, east: East) -> None:
    put(control, history=(Entry("2026-11-26T12:00:00Z", "Succeeded", "done", run="old", region="eu-west"),))
    assert run(["logs", str(KEY), "--run", "old"]) == 0
    assert east.asked == []


def test_the_namespace_that_is_named_is_taken(east: East) -> None:
    assert run(["describe", str(KEY), "--namespace", "mine"]) == 0
    assert east.asked == [("configmaps", "mine"), ("namespaces", None)]


def test_stop_stops_the_run_where_it_is(control: Control, east: East) -> None:
    assert run(["stop", str(KEY), "--no-wait"]) == 0
    assert (east.shutdown, control.shutdown) == (["run-1"], [])
    assert read_record(control.objects[KEY.dotted]).stop


@pytest.mark.parametrize("words", [["logs", str(KEY)], ["stop", str(KEY), "initech/production"]])
def test_without_the_context_it_is_said_and_nothing_is_done(
    control: Control, lost: None, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 64
    assert f"region us-east: {NO_CONTEXT}" in capsys.readouterr().err
    assert control.shutdown == []


@pytest.mark.parametrize("text", ["no JSON", "[1]", '[{"context": "x"}]', "{}", ""])
def test_a_list_that_cannot_be_read_is_none(text: str) -> None:
    assert read_fleet({"data": {REGIONS: text}}).regions == {}


# -- lists of all regions ------------------------------------------------------------------------------------------


def test_runs_of_all_regions_are_listed(
    control: Control, east: East, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = {"metadata": {"name": "run-east"}, "status": {"startedAt": "2026-11-23T00:00:00Z", "phase": "Running"}}
    monkeypatch.setattr(east, "list", lambda *_, **__: iter([mine]))
    assert run(["get", "runs"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [("RUN", "REGION"), ("run-east", "us-east"), ("run-1", "eu-west")]
    assert run(["get", "runs", "--region", "us-east", "-o", "name"]) == 0
    assert capsys.readouterr().out == "run-east\n"


def test_runs_of_one_environment_are_looked_for_where_it_is(control: Control, east: East) -> None:
    put(control, region="eu-west")
    assert run(["get", "runs", str(KEY)]) == 0
    assert east.asked == []


def test_a_list_that_is_not_complete_says_so(lost: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "runs", "-o", "name"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "run-1\n"
    assert f"region us-east: {NO_CONTEXT}" in shown.err


@pytest.mark.parametrize("what", ["runs", "rollouts"])
def test_a_region_that_is_not_listed(east: East, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", what, "--region", "us-eats"]) == 64
    assert "--region us-eats: known are eu-west, us-east; did you mean 'us-east'?" in capsys.readouterr().err
