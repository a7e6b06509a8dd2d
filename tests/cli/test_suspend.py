"""`tenantctl suspend` and `resume`: what they write, what they say, and what they refuse."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.errors import Conflict, NotFound
from reconciler.core.fleet import EVERYTHING, Reach, Scope, read_fleet
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.record import config_map_of, read_record
from reconciler.core.times import parse_rfc3339, rfc3339
from tests.core.fleet import declaration, record
from tests.core.test_decide import CLAIM

Json = dict[str, Any]
ACME, GLOBEX = Key("acme", "production"), Key("globex", "production")
TENANT = Scope(Reach.TENANT, "acme")


class Kube:
    """The ConfigMaps of the control plane, with versions and merge patches."""

    def __init__(self) -> None:
        runs = {ACME: CLAIM, GLOBEX: None}
        records = [config_map_of(record(declaration(key), claim=claim), "tenantctl") for key, claim in runs.items()]
        fleet = {"metadata": {"name": "fleet", "labels": {"tenantctl.io/kind": "fleet"}}, "data": {"records": "2"}}
        self.objects: dict[str, Json] = {raw["metadata"]["name"]: raw for raw in [*records, fleet]}
        self.version, self.overtakers = 7, 0
        for raw in self.objects.values():
            raw["metadata"] |= {"resourceVersion": "7", "uid": "u"}

    def get(self, resource: Any, namespace: str, name: str) -> Json:
        if name not in self.objects:
            raise NotFound(name)
        return self.objects[name]

    def find(self, resource: Any, namespace: str, name: str) -> Json | None:
        return self.objects.get(name) if namespace == "tenantctl" else None

    def list(self, resource: Any, namespace: str, labelSelector: str) -> Iterator[Json]:
        _, kind = labelSelector.split("=")
        return (o for o in self.objects.values() if o["metadata"]["labels"]["tenantctl.io/kind"] == kind)

    def merge(self, resource: Any, namespace: str, name: str, patch: Json) -> Json:
        raw = self.objects[name]
        if self.overtakers:
            self.overtakers -= 1
            self.version += 1
            raw["metadata"]["resourceVersion"] = str(self.version)
        if (
            patch.get("metadata", {}).get("resourceVersion", raw["metadata"]["resourceVersion"])
            != raw["metadata"]["resourceVersion"]
        ):
            raise Conflict(name)
        data = raw["data"] | patch["data"]
        raw["data"] = {key: text for key, text in data.items() if text is not None}
        return raw

    def request(self, method: str, path: str, query: Any, body: Json) -> Json:
        return {"status": {"userInfo": {"username": "ada"}}}

    def pause(self, key: Key = ACME) -> Mark | None:
        text = read_record(self.objects[key.dotted]).pause
        return Mark.load(text) if text else None

    def pauses(self) -> dict[Scope, Mark]:
        return dict(read_fleet(self.objects["fleet"]).pauses)


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    made = Kube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == "", "nothing of it is data"
    return err


def test_an_environment(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["suspend", "acme/production", "--reason", "ticket  7\n"]) == 0
    mark = kube.pause()
    assert mark is not None
    assert (mark.by, mark.reason, mark.until, mark.lifted) == ("ada", "ticket 7", "", False)
    assert abs(parse_rfc3339(mark.at) - time.time()) < 60
    assert "acme/production is suspended until 'tenantctl resume'; run run-1 in progress goes on" in said(capsys)
    assert kube.pause(GLOBEX) is None
    assert run(["resume", "acme/production", "--reason", "done"]) == 0
    ended = kube.pause()
    assert ended is not None
    assert (ended.lifted, ended.reason) == (True, "done")
    assert said(capsys) == "acme/production is resumed\n"
    assert run(["resume", "acme/production"]) == 0
    assert said(capsys) == "acme/production is not suspended by itself\n"
    assert kube.pause() == ended


def test_several_environments_or_none(kube: Kube) -> None:
    assert run(["suspend", "acme/production", "nobody/nowhere", "--reason", "x"]) == 1
    assert kube.pause() is None, "one unknown name, and nothing is done"
    assert run(["suspend", "acme/production", "globex/production", "--reason", "x"]) == 0
    assert kube.pause()
    assert kube.pause(GLOBEX)


def test_a_tenant_for_a_while(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["suspend", "--tenant", "acme", "--reason", "restore", "--for", "2h"]) == 0
    (mark,) = kube.pauses().values()
    assert 7100 < parse_rfc3339(mark.until) - time.time() <= 7200
    assert said(capsys) == f"tenant acme is suspended until {mark.until}: 1 environment; 1 run in progress goes on\n"
    assert list(kube.pauses()) == [TENANT]
    assert kube.objects["fleet"]["data"]["records"] == "2"
    assert run(["resume", "--tenant", "acme"]) == 0
    assert said(capsys) == "tenant acme is resumed\n"
    assert kube.pauses() == {}
    assert run(["resume", "--tenant", "acme"]) == 0
    assert said(capsys) == "tenant acme is not suspended\n"


def test_a_region_until_a_time(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    end = rfc3339(time.time() + 3600)
    assert run(["suspend", "--region", "eu-west", "--reason", "upgrade", "--until", end]) == 0
    assert f"region eu-west is suspended until {end}: 2 environments" in said(capsys)
    assert kube.pauses()[Scope(Reach.REGION, "eu-west")].until == end


def test_everything_is_asked_for_on_a_terminal_and_needs_yes_elsewhere(
    kube: Kube, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["suspend", "--all", "--reason", "incident"]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert run(words) == 64
    assert "--yes" in said(capsys)
    assert kube.pauses() == {}
    assert run([*words, "--yes"]) == 0
    assert list(kube.pauses()) == [EVERYTHING]
    assert run(["resume", "--all"]) == 64
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text))
    assert run(["resume", "--all"]) == 0
    assert asked == ["Resume everything (incident)?"]
    assert kube.pauses() == {}


def test_resume_says_what_is_still_suspended(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["acme/production"], ["--tenant", "acme"], ["--region", "eu-west"]):
        assert run(["suspend", *words, "--reason", "x"]) == 0
    said(capsys)
    assert run(["resume", "acme/production"]) == 0
    first, *others = said(capsys).splitlines()
    assert first == "acme/production is resumed"
    assert [line.split(" was ")[0] for line in others] == ["  still held: tenant acme", "  still held: region eu-west"]
    assert run(["resume", "--tenant", "acme"]) == 0
    assert "  still suspended: region eu-west by ada at " in said(capsys)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["suspend", "--tenant", "acmee", "--reason", "x"], 1, "no environment of tenant acmee is known here; did you"),
        (["suspend", "--region", "mars", "--reason", "x"], 1, "of region mars is known here; known are eu-west"),
        (["resume", "--tenant", "acmee"], 1, "did you mean 'acme'?"),
        (["suspend", "nobody/nowhere", "--reason", "x"], 1, "no environment nobody/nowhere is known here"),
        (["suspend", "--reason", "x"], 64, "say what"),
        (["suspend", "acme/production", "--all", "--reason", "x"], 64, "say what"),
        (["suspend", "--tenant", "acme", "--region", "eu-west", "--reason", "x"], 64, "say what"),
        (["suspend", "acme/production"], 64, "--reason"),
        (["suspend", "acme/production", "--reason", " "], 64, "say why"),
        (["suspend", "acme/production", "--reason", "x", "--for", "2 hours"], 64, "is no duration; write for example"),
        (["suspend", "acme/production", "--reason", "x", "--until", "tomorrow"], 64, "write a time like"),
        (["suspend", "acme/production", "--reason", "x", "--until", "2099-01-01T00:00:00"], 64, "says no zone"),
        (["suspend", "acme/production", "--reason", "x", "--until", "2020-01-01T00:00:00Z"], 64, "is over already"),
        (["suspend", "--all", "--reason", "x", "--for", "1h", "--until", "2099-01-01T00:00:00Z"], 64, "give one"),
        (["resume"], 64, "say what"),
    ],
)  # fmt: skip
def test_what_is_refused(
    kube: Kube, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    before = json.dumps(kube.objects)
    assert run(words) == code
    assert message in said(capsys)
    assert json.dumps(kube.objects) == before


def test_somebody_who_is_faster_is_not_overwritten(kube: Kube) -> None:
    assert run(["suspend", "--tenant", "globex", "--reason", "x"]) == 0
    kube.overtakers = 2
    assert run(["suspend", "--tenant", "acme", "--reason", "x"]) == 0
    assert len(kube.pauses()) == 2
    kube.overtakers = 9
    assert run(["resume", "--tenant", "acme"]) == 1


def test_a_fleet_that_is_not_there(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    del kube.objects["fleet"]
    assert run(["suspend", "--tenant", "acme", "--reason", "x"]) == 1
    assert "'tenantctl install' makes it" in said(capsys)


def test_what_is_suspended_is_shown(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["suspend", "--tenant", "acme", "--reason", "restore", "--for", "2h"]) == 0
    until = kube.pauses()[TENANT].until
    capsys.readouterr()
    assert run(["get", "environments"]) == 0
    header, acme, globex = capsys.readouterr().out.splitlines()
    assert header.endswith("SUSPENDED")
    assert acme.endswith(f"until {until}")
    assert globex.endswith("-")
    assert run(["get", "environments", "--suspended", "-o", "json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)
    (found,) = item["suspensions"]
    assert (found["of"], found["by"], found["reason"], found["until"]) == ("tenant acme", "ada", "restore", until)
    assert run(["describe", "environment", "acme/production"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Suspended:")]
    assert "tenant acme was suspended by ada" in line
    assert "'tenantctl resume --tenant acme' lifts it" in line
    assert run(["suspend", "acme/production", "--reason", "and more"]) == 0
    capsys.readouterr()
    assert run(["get", "environments", "acme/production"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("yes"), "one of the two has no end"


def test_the_history_of_the_fleet(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history"]) == 0
    assert "not everything was suspended yet" in said(capsys)
    assert run(["suspend", "--tenant", "acme", "--reason", "restore"]) == 0
    assert run(["resume", "--tenant", "acme", "--reason", "restored"]) == 0
    capsys.readouterr()
    assert run(["history", "-o", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["event"] for entry in entries] == ["Suspended", "Resumed"]
    assert entries[1]["message"].startswith("tenant acme by ada at ")
    assert entries[1]["message"].endswith(": restored")
    assert run(["history"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_stop_and_retry_leave_a_mark(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    original, stopped = kube.merge, []

    def merge(resource: Any, namespace: str, name: str, patch: Json) -> Json:
        if "spec" in patch:
            stopped.append((name, patch))
            return {}
        return original(resource, namespace, name, patch)

    kube.merge = merge  # type: ignore[method-assign]
    assert run(["suspend", "--tenant", "acme", "--reason", "x"]) == 0
    assert run(["stop", "acme/production", "--no-wait", "--reason", "wrong"]) == 0
    assert [name for name, _ in stopped] == ["run-1"]
    after = read_record(kube.objects["acme.production"])
    assert (Mark.load(after.stop).by, Mark.load(after.stop).reason) == ("ada", "wrong")
    capsys.readouterr()
    assert run(["retry", "acme/production", "--reason", "mended"]) == 0
    after = read_record(kube.objects["acme.production"])
    assert Mark.load(after.retry).reason == "mended"
    assert "nothing is launched yet: tenant acme was suspended" in said(capsys)
