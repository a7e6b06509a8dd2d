"""Waiting for environments that a commit has just declared: they have no record at first."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.kube.resources import Resource
from reconciler.cli import settled
from reconciler.cli.main import run
from reconciler.cli.settled import wait_settled
from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.desired import Desired
from reconciler.core.errors import TimedOut
from reconciler.core.names import Key
from reconciler.core.record import config_map_of
from tests.core.fleet import KEY, declaration, record

NEW = Key("acme", "new")
LATER = 3
Json = dict[str, Any]


class Cluster:
    """Records that show up after so many looks, as the controller makes them."""

    def __init__(self, **conditions: Any) -> None:
        self.looks = 0
        self.made = record(declaration(NEW), **conditions)

    def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        self.looks += 1
        return config_map_of(self.made, "tenantctl") if self.looks > LATER else None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "PAUSE", 0)


def said(ready: bool, stalled: bool) -> tuple[Condition, ...]:
    word = "Applied" if ready else "Protected"
    return (Condition(READY, ready, word, word), Condition(STALLED, stalled, word, word))


@pytest.mark.parametrize(("ready", "code"), [(True, 0), (False, 1)])
def test_a_new_one_is_waited_for(ready: bool, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    cluster: Any = Cluster(conditions=said(ready, not ready))
    assert wait_settled(cluster, [], "mark", 5, [NEW]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "acme/new: not known yet"
    assert lines[-1].startswith(f"acme/new: {'Ready' if ready else 'Stalled: Protected'}")


def test_one_that_nobody_has_looked_at_is_not_settled() -> None:
    cluster: Any = Cluster(conditions=())
    cluster.looks = LATER
    with pytest.raises(TimedOut, match="acme/new: not looked at yet"):
        wait_settled(cluster, [], "mark", 0.05, [NEW])


def test_what_is_declared_and_not_recorded_is_new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waited: list[Any] = []
    declared = {key: declaration(key) for key in (KEY, NEW)}
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: None)
    monkeypatch.setattr("reconciler.adapters.kube.state.Records.patch", lambda *_: None)
    monkeypatch.setattr("reconciler.cli.records.all_records", lambda _: [record(declaration(KEY))])
    monkeypatch.setattr("reconciler.cli.wiring.read_desired", lambda *_: Desired("c", declared, {}, ()))
    monkeypatch.setattr("reconciler.cli.settled.wait_settled", lambda *words: waited.append(words) or 0)
    assert run(["reconcile", "--all", "--wait", "--declared", "--repository", str(tmp_path)]) == 0
    assert waited[0][1::3] == ([KEY], [NEW])


@pytest.mark.parametrize("words", [["--all", "--declared"], ["acme/new", "--wait", "--declared"]], ids=str)
def test_it_is_for_everything_and_waiting(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", *words]) == 64
    assert "--declared is for --all --wait" in capsys.readouterr().err
