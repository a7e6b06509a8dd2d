"""What people do with the environments that are recorded: `get`, `describe`, `retry`, `stop`, `logs`."""

import sys
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.names import Key
from reconciler.core.record import config_map_of, read_record
from tests.cli import test_suspend
from tests.cli.test_suspend import said
from tests.core.fleet import declaration, record
from tests.core.test_decide import CLAIM

Json = dict[str, Any]
GOOD = (Condition(READY, True, "Applied", "all that is declared is done"),)
BAD = (Condition(READY, False, "JobFailed", "no"), Condition(STALLED, True, "JobFailed", "no"))


class Kube(test_suspend.Kube):
    """Two environments that are Stalled, one that is Ready, and one with a run in progress."""

    def __init__(self) -> None:
        super().__init__()
        self.shutdown: list[str] = []
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
