"""What people do with the environments that are recorded: `get`, `describe`, `retry`, `stop`, `logs`."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.attempts import Attempts
from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.move import Phase
from reconciler.core.names import Key
from reconciler.core.record import config_map_of, read_record
from tests.cli import test_suspend
from tests.cli.test_suspend import said
from tests.core.fleet import declaration, record
from tests.core.moving import move
from tests.core.test_decide import CLAIM

Json = dict[str, Any]
GOOD = (Condition(READY, True, "Applied", "all that is declared is done"),)
BAD = (Condition(READY, False, "JobFailed", "no"), Condition(STALLED, True, "JobFailed", "no"))


class Kube(test_suspend.Kube):
    """Two environments that are Stalled, one that is Ready, and one with a run in progress."""

    def __init__(self) -> None:
        super().__init__()
        self.shutdown: list[str] = []
        self.run: Json | None = None
        states = {"acme": BAD, "globex": BAD, "hooli": GOOD, "initech": ()}
        for tenant, conditions in states.items():
            claim = None if conditions else CLAIM
            raw = config_map_of(
                record(declaration(Key(tenant, "production")), claim=claim, conditions=conditions), "tenantctl"
            )
            raw["metadata"] |= {"resourceVersion": "7", "uid": "u"}
            self.objects[raw["metadata"]["name"]] = raw

    def merge(self, resource: Any, namespace: str, name: str, patch: Json) -> Json:
        if "spec" in patch:
            self.shutdown.append(name)
            return {}
        return super().merge(resource, namespace, name, patch)

    def retried(self) -> list[str]:
        return [name for name, raw in self.objects.items() if raw["data"].get("retry")]

    def find(self, resource: Any, namespace: str, name: str) -> Json | None:
        return self.run if resource.plural == "workflows" else super().find(resource, namespace, name)

    def list(self, resource: Any, namespace: str, labelSelector: str = "") -> Iterator[Json]:
        if resource.plural == "pods":
            return iter(())
        if resource.plural == "workflows":
            metadata = {"name": "run-1", "annotations": {"tenantctl.io/claim": "u/1"}, "creationTimestamp": ""}
            return iter([{"metadata": metadata, "status": {"startedAt": "2026-11-22T00:00:00Z", "phase": "Running"}}])
        return super().list(resource, namespace, labelSelector)


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    made = Kube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


# -- retry and stop ------------------------------------------------------------------------------------------------


def test_several_are_tried_again_but_none_that_is_ready(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "environments", "--not-ready", "-o", "name"]) == 0
    names = capsys.readouterr().out.split()
    assert run(["retry", *names, "hooli/production", "--reason", "mended"]) == 0
    assert "hooli/production is Ready: there is nothing to try again" in said(capsys)
    assert kube.retried() == ["acme.production", "globex.production", "initech.production"]


def test_the_clean_up_after_a_move_is_tried_again_though_the_environment_is_ready(
    kube: Kube, capsys: pytest.CaptureFixture[str]
) -> None:
    left = replace(move(Phase.CLEANING), attempts=Attempts("b", 1, stalled="LifecycleJobFailed"))
    raw = config_map_of(record(declaration(Key("hooli", "production")), move=left, conditions=GOOD), "tenantctl")
    kube.objects["hooli.production"]["data"] |= raw["data"]
    assert run(["retry", "hooli/production"]) == 0
    assert "hooli/production: the steps that are not done are tried again" in said(capsys)
    assert run(["retry", "--all", "--yes"]) == 0
    assert said(capsys).startswith("trying 3 environments that are Stalled\n")
    assert kube.retried() == ["acme.production", "globex.production", "hooli.production"]


def test_an_unknown_name_and_none_is_tried_again(kube: Kube) -> None:
    assert run(["retry", "acme/production", "nobody/nowhere"]) == 1
    assert kube.retried() == []


def test_all_that_are_stalled_are_tried_again_when_somebody_agrees(
    kube: Kube, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert run(["retry", "--all"]) == 64
    assert "--yes" in said(capsys)
    assert kube.retried() == []
    assert run(["retry", "--all", "--yes"]) == 0
    assert said(capsys).startswith("trying 2 environments that are Stalled\n")
    assert kube.retried() == ["acme.production", "globex.production"]


@pytest.mark.parametrize("words", [["retry"], ["retry", "acme/production", "--all"], ["stop"]])
def test_nothing_or_too_much_was_named(kube: Kube, words: list[str]) -> None:
    assert run(words) == 64


def test_several_are_stopped(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stop", "acme/production", "initech/production", "--no-wait", "--reason", "wrong"]) == 0
    assert said(capsys).splitlines() == [
        "acme/production has no run in progress", "initech/production: stopping run run-1",
    ]  # fmt: skip
    assert kube.shutdown == ["run-1"]
    assert "wrong" in read_record(kube.objects["initech.production"]).stop


# -- get and describe ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--not-ready"], "all 2 environments are Ready"),
        (["--tenant", "nobody"], "none of 2 environments match"),
        (["--not-ready", "--tenant", "hooli"], "none of 2 environments match"),
        (["--not-ready", "hooli/production"], "none of 1 environment matches"),
    ],
)
def test_an_empty_list_says_why(kube: Kube, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    for tenant in ("acme", "globex"):
        del kube.objects[f"{tenant}.production"]
    raw = config_map_of(record(declaration(Key("initech", "production")), conditions=GOOD), "tenantctl")
    kube.objects["initech.production"] = raw
    assert run(["get", "environments", *words]) == 0
    assert said(capsys) == message + "\n"
    assert run(["get", "environments", *words, "-o", "name"]) == 0
    assert said(capsys) == ""


def test_nothing_is_recorded(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.objects = {"fleet": kube.objects["fleet"]}
    assert run(["get", "environments", "--not-ready"]) == 0
    assert said(capsys) == "no environments are recorded\n"


@pytest.mark.parametrize(
    ("long", "short"),
    [
        (["get", "environments"], ["get", "env"]),
        (["get", "environments"], ["get", "environment"]),
        (["get", "runs"], ["get", "run"]),
        (["describe", "environment", "acme/production"], ["describe", "acme/production"]),
        (["describe", "environment", "acme/production"], ["describe", "--context", "x", "acme/production"]),
    ],
)
def test_other_names(kube: Kube, long: list[str], short: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(long) == 0
    expected = capsys.readouterr()
    assert run(short) == 0
    assert capsys.readouterr() == expected


def test_help_says_what_to_write(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retry", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "[TENANT/ENVIRONMENT]..." in shown
    assert "KEY" not in shown.replace("KUBECONFIG", "")
    assert "[default: 600]" in shown
    assert run(["describe"]) == 0
    assert capsys.readouterr().out.startswith("Usage: tenantctl describe [OPTIONS] [environment] TENANT/ENVIRONMENT")


def keys_of(value: Any) -> set[str]:
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item)}
    return set(value).union(*map(keys_of, value.values())) if isinstance(value, dict) else set()


def test_json_is_in_one_case_and_says_who_launched_a_run(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "environments", "-o", "json"]) == 0
    names = keys_of(json.loads(capsys.readouterr().out))
    assert "nextAt" in names
    assert [name for name in names if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)] == []
    assert run(["get", "runs", "-o", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["by"], "mark" in found) == ("run-1", "claim", False)


# -- logs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "status", "closing"),
    [
        ({"shutdown": "Stop"}, {"phase": "Failed", "message": "Stopped with strategy 'Stop'"}, "was stopped: Stopped "),
        ({}, {"phase": "Failed", "message": "child failed"}, "failed: child failed"),
        ({}, {"phase": "Succeeded"}, "succeeded"),
        (None, None, "is gone: it was deleted"),
    ],
)
def test_following_ends_with_the_outcome(
    kube: Kube, spec: Json | None, status: Json | None, closing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kube.run = None if spec is None else {"metadata": {"name": "run-1"}, "spec": spec, "status": status}
    assert run(["logs", "--follow", "initech/production"]) == 0
    *others, last = said(capsys).splitlines()
    assert last.startswith(f"run run-1 {closing}")
    assert "it had no step to do" in others[0]
    assert ("'tenantctl describe initech/production'" in last) is ("failed" in closing or "stopped" in closing)


OVER = {"phase": "Succeeded"}
MOVES, CLEANS = {"move": move()}, {"move": move(Phase.CLEANING)}
SECOND = replace(CLAIM, run="run-2", seq=2)
WAITS = (Condition(READY, True, "Applied", "all that is declared is done; Cleaning: eu-west does not answer"),)


def following(kube: Kube, monkeypatch: pytest.MonkeyPatch, *states: Json) -> None:
    """The record of initech/production as it is look after look; its runs are all over."""
    kube.run = {"metadata": {"name": "run-1"}, "status": OVER}
    of, found = declaration(Key("initech", "production")), []
    for state in states:
        raw = config_map_of(record(of, **state), "tenantctl")
        found.append(raw | {"metadata": raw["metadata"] | {"resourceVersion": "7", "uid": "u"}})
    find = kube.find

    def next_one(resource: Any, namespace: str, name: str) -> Json | None:
        if name != "initech.production":
            return find(resource, namespace, name)
        return found.pop(0) if len(found) > 1 else found[0]

    monkeypatch.setattr(kube, "find", next_one)
    monkeypatch.setattr("reconciler.cli.logs.LOOK_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("states", "runs", "end"),
    [
        ([MOVES | {"claim": CLAIM}, MOVES, MOVES | {"claim": SECOND}, {}], [1, 2], "succeeded"),
        ([{"claim": CLAIM}, {"claim": SECOND}], [1], "succeeded"),
        ([MOVES | {"claim": CLAIM}, MOVES | {"conditions": BAD}], [1], "initech/production: no"),
        ([CLEANS | {"claim": CLAIM}, CLEANS | {"conditions": WAITS}], [1], "Cleaning: eu-west does not answer"),
    ],
    ids=["to the end of a move", "no other run", "somebody has to act", "only what was left behind waits"],
)
def test_following_a_move(
    kube: Kube,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    states: list[Json],
    runs: list[int],
    end: str,
) -> None:
    following(kube, monkeypatch, *states)
    assert run(["logs", "--follow", "initech/production"]) == 0
    lines = said(capsys).splitlines()
    assert [line for line in lines if line.endswith(" succeeded")] == [f"run run-{n} succeeded" for n in runs]
    assert lines[-1].endswith(end)


def test_following_tells_when_nobody_takes_the_end_of_a_run_in(
    kube: Kube, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = {"move": move(), "claim": CLAIM}
    following(kube, monkeypatch, *[moving] * 5, {})
    monkeypatch.setattr("reconciler.cli.logs.SLOW_SECONDS", 0.0)
    assert run(["logs", "--follow", "initech/production"]) == 0
    assert said(capsys).splitlines()[-1] == (
        "initech/production: run run-1 is over, and the reconciler has not taken that in yet"
    )


def test_a_run_that_has_just_begun_has_no_pods_yet(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "initech/production"]) == 0
    assert said(capsys) == "run run-1 has no pods yet; 'tenantctl logs --follow initech/production' waits for them\n"


def test_one_that_was_merged_just_now_is_not_known_yet(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "new/production"]) == 1
    assert "'tenantctl reconcile --all' has the repository read" in said(capsys)


def test_a_name_that_is_none_says_what_is_one(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", "acme/pre_prod"]) == 64
    assert "at most 30 and 20 lower-case letters, digits and hyphens" in said(capsys)


@pytest.mark.parametrize(
    ("name", "said_of_it"),
    [
        ("acme/prodction", "; did you mean 'acme/production'?"),
        ("zzz/zzz", "; 'tenantctl get environments' lists those that are"),
    ],
)
def test_a_name_that_is_not_known(kube: Kube, name: str, said_of_it: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", name]) == 1
    assert said(capsys) == f"error: no environment {name} is known here{said_of_it}\n"
