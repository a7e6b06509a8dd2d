"""`tenantctl admin run`: what it writes and refuses, that it keeps to its limit, and what it says of each end.

The reconciler's part is played by the real answers (`core.admin`), a step each time that a record is read.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.admin import AdminRequest, answer, conclude_admin
from reconciler.core.declaration import Policy
from reconciler.core.errors import Conflict, NotAllowed, NotFound, Unavailable
from reconciler.core.names import Key
from reconciler.core.observed import Run, Site
from reconciler.core.outcome import Outcome, Result
from reconciler.core.record import Record, config_map_of, read_record
from reconciler.core.step import Step
from reconciler.core.times import parse_rfc3339
from tests.core.fleet import all_done, declaration, record
from tests.core.test_decide import CLAIM

Json = dict[str, Any]
REINDEX = Step.parse("job/admin.reindex/billing/billing-lifecycle")
ACME, GLOBEX = Key("acme", "production"), Key("globex", "production")
MANY = [Key("many", f"e{number}") for number in range(12)]
GONE = Key("acme", "gone")


class Kube:
    """The records, and a reconciler that goes one step on whenever a record is read."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.fleet: Json | None = None
        self.broken: set[Key] = set()
        self.asleep = False
        self.open: set[str] = set()
        self.most = 0
        self.trouble: list[Exception] = []
        self.after_write: Callable[[], None] = lambda: None
        for key in (ACME, GLOBEX, GONE, *MANY):
            policy = Policy(ring=1 if key == GLOBEX else 0)
            region = "us-east" if key == GLOBEX else "eu-west"
            gone = "2027-01-01T00:00:00Z" if key == GONE else ""
            self.put(replace(record(declaration(key)), policy=policy, region=region, gone=gone))

    def put(self, of: Record) -> None:
        raw = config_map_of(of, "tenantctl")
        version = str(
            int(self.objects.get(of.key.dotted, {"metadata": {"resourceVersion": "6"}})["metadata"]["resourceVersion"])
            + 1
        )
        raw["metadata"] |= {"resourceVersion": version, "uid": f"uid-{of.key.dotted}"}
        self.objects[of.key.dotted] = raw

    def record(self, key: Key = ACME) -> Record:
        return read_record(self.objects[key.dotted])

    # what the reconciler does
    def step(self, of: Record) -> None:
        if self.asleep:
            return
        if of.claim is not None:
            self.put(self.concluded(of))
            return
        placed = all_done(declaration(of.key))
        found = answer(of, Site(placed, {REINDEX: "h"}), (), parse_rfc3339("2027-01-15T08:00:00Z"))
        if found and found.record != of:
            self.put(found.record)

    def concluded(self, of: Record) -> Record:
        claim = of.claim
        assert claim is not None
        self.open.discard(of.key.dotted)
        result = Result.FAILED if of.key in self.broken else Result.SUCCEEDED
        outcome = Outcome(REINDEX, "d", 1, claim.run, result, message="disk full", owner="team-billing")
        placed = replace(all_done(declaration(of.key)), outcomes={REINDEX: outcome})
        return conclude_admin(of, claim, placed, Run(claim.run, of.key, "", True, "Failed", "", ""), 1_800_000_000.0)

    # what the command line calls
    def find(self, resource: Any, namespace: str, name: str) -> Json | None:
        if name == "fleet":
            return self.fleet
        if self.trouble:
            raise self.trouble.pop(0)
        raw = self.objects.get(name)
        if raw is not None:
            self.step(read_record(raw))
        return self.objects.get(name)

    def list(self, resource: Any, namespace: str, labelSelector: str) -> Iterator[Json]:
        return iter(list(self.objects.values()))

    def merge(self, resource: Any, namespace: str, name: str, patch: Json) -> Json:
        raw = self.objects.get(name)
        if raw is None:
            raise NotFound(name)
        if patch["metadata"]["resourceVersion"] != raw["metadata"]["resourceVersion"]:
            raise Conflict(name)
        self.put(read_record(raw | {"data": raw["data"] | patch["data"]}))
        self.open.add(name)
        self.most = max(self.most, len(self.open))
        self.after_write()
        return self.objects[name]

    def request(self, method: str, path: str, query: Any, body: Json) -> Json:
        return {"status": {"userInfo": {"username": "ada"}}}

    def runs(self, key: Key) -> "list[str]":
        return [entry.run for entry in self.record(key).history if entry.event == "AdminStarted"]


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    made = Kube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    monkeypatch.setattr("reconciler.cli.admin_follow.PAUSE", 0.0)
    monkeypatch.setattr("reconciler.cli.asker.datetime", Noon)
    return made


class Noon:
    """A clock of the caller that the reconciler of these tests agrees with."""

    @classmethod
    def now(cls, zone: Any) -> Any:
        from datetime import datetime

        return datetime(2027, 1, 15, 7, 59, 59, 123456, tzinfo=zone)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == "", "nothing of it is data"
    return err


# -- one environment ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["acme/production", "reindex"], ["reindex", "acme/production"], ["admin.reindex", "acme/production"]]
)
def test_one_environment(kube: Kube, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    kube.asleep = True
    more = ["--param", "since=2027-01-01", "--param", "dry-run=true", "--reason", "ticket  7"]
    assert run(["admin", "run", *words, *more]) == 0
    request = AdminRequest.load(kube.record().admin)
    assert (request.name, request.by, request.reason) == ("reindex", "ada", "ticket 7")
    assert request.parameters == {"since": "2027-01-01", "dry-run": True}
    assert said(capsys) == (
        "acme/production: waiting: the reconciler has not looked at it yet\n"
        "'tenantctl history acme/production' says how it ended\n"
    )
    assert kube.record(GLOBEX).admin == ""


def test_to_its_end(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "run", "acme/production", "reindex", "--wait"]) == 0
    lines = said(capsys).splitlines()
    assert [re.sub(r"run acme\S+", "run X", line) for line in lines] == [
        "acme/production: waiting: the reconciler has not looked at it yet",
        "acme/production: running: run X",
        "acme/production: succeeded: admin.reindex: 1 of 1 steps done",
    ]


def test_a_failure_names_the_owner_and_the_log(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.broken = {ACME}
    assert run(["admin", "run", "acme/production", "reindex", "--wait"]) == 1
    (name,) = kube.runs(ACME)
    *_, failed, log = said(capsys).splitlines()
    assert (
        "failed: admin.reindex: 0 of 1 steps done; billing/billing-lifecycle: disk full (owner: team-billing)" in failed
    )
    assert log == f"  tenantctl logs acme/production --run {name}"


def test_twice_in_a_row_runs_twice(kube: Kube) -> None:
    for _ in range(2):
        assert run(["admin", "run", "acme/production", "reindex", "--wait"]) == 0
    assert len(set(kube.runs(ACME))) == 2


def test_one_that_nothing_can_do(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "run", "acme/production", "polish", "--wait"]) == 6
    assert "refused: no lifecycle Job that acme/production uses in eu-west has admin.polish" in said(capsys)


def test_one_that_waits_is_not_overwritten(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.asleep = True
    assert run(["admin", "run", "acme/production", "reindex", "--reason", "first"]) == 0
    before = kube.record().admin
    assert run(["admin", "run", "acme/production", "reindex", "--reason", "second"]) == 6
    assert kube.record().admin == before
    assert "by ada at 2027-01-15T07:59:59Z: first has not begun yet; 'tenantctl history acme/production'" in said(
        capsys
    )
    kube.asleep = False
    kube.step(kube.record())
    assert run(["admin", "run", "acme/production", "reindex"]) == 0, "it has begun, so the next one may wait"


def test_a_request_that_is_none_may_be_overwritten(kube: Kube) -> None:
    kube.asleep = True
    kube.put(replace(kube.record(), admin="please"))
    assert run(["admin", "run", "acme/production", "reindex"]) == 0
    assert AdminRequest.load(kube.record().admin).name == "reindex"


def test_what_it_waits_for_is_said(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.asleep = True
    kube.put(replace(kube.record(), claim=CLAIM))
    assert run(["admin", "run", "acme/production", "reindex"]) == 0
    assert f"waiting: run {CLAIM.run} is in progress" in said(capsys)
    kube.put(replace(kube.record(GLOBEX), pause="upgrade"))
    assert run(["admin", "run", "globex/production", "reindex"]) == 0
    assert "waiting: globex/production was suspended by somebody: upgrade" in said(capsys)


def test_a_tombstone(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "run", "acme/gone", "reindex"]) == 6
    assert said(capsys).startswith("acme/gone: refused: it was decommissioned at 2027-01-01T00:00:00Z\n")
    assert kube.record(GONE).admin == ""


def test_a_write_in_between_is_met_by_reading_again(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.cli import admin_follow

    real, moves = admin_follow.request_of, iter([lambda: kube.put(replace(kube.record(), retry="x"))])

    def overtaken(of: Record) -> AdminRequest | None:
        next(moves, lambda: None)()
        return real(of)

    monkeypatch.setattr(admin_follow, "request_of", overtaken)
    assert run(["admin", "run", "acme/production", "reindex", "--wait"]) == 0
    assert kube.record().retry == "x"
    assert len(kube.runs(ACME)) == 1


def test_a_lost_answer_asks_for_nothing_twice(kube: Kube) -> None:
    errors = iter([Unavailable("no answer")])

    def lose() -> None:
        for error in errors:
            raise error

    kube.after_write = lose
    assert run(["admin", "run", "acme/production", "reindex", "--wait"]) == 0
    assert len(kube.runs(ACME)) == 1


def test_no_reconciler(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.asleep = True
    assert run(["admin", "run", "acme/production", "reindex", "--wait", "--timeout", "0"]) == 5
    assert "none came to its end in 0 s: acme/production: waiting: the reconciler has not looked" in said(capsys)


def test_a_control_plane_that_does_not_answer_for_a_while(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.trouble = [Unavailable("no answer")] * 3
    assert run(["admin", "run", "--all", "reindex", "--yes", "--wait"]) == 0
    kube.trouble = [Unavailable("no answer")] * 10000
    assert run(["admin", "run", "--all", "reindex", "--yes", "--wait", "--timeout", "0"]) == 5
    assert "none could be asked; no answer" in said(capsys)


# -- many --------------------------------------------------------------------------------------------------------------


def test_many_never_exceed_the_limit_of_their_own(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "run", "reindex", "--tenant", "many", "--in-flight", "3", "--yes", "--wait"]) == 0
    assert kube.most == 3
    assert [len(kube.runs(key)) for key in MANY] == [1] * len(MANY)
    assert kube.runs(ACME) == []
    assert said(capsys).splitlines()[-1] == "12 succeeded"


def test_five_at_once_are_the_default(kube: Kube) -> None:
    assert run(["admin", "run", "reindex", "--tenant", "many", "--yes"]) == 0
    assert kube.most == 5
    assert all(kube.record(key).admin for key in MANY), "all were asked"


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["--tenant", "acme"], [ACME]),
        (["--region", "us-east"], [GLOBEX]),
        (["--ring", "1"], [GLOBEX]),
        (["--region", "eu-west", "--tenant", "acme"], [ACME]),
        (["acme/production", "globex/production", "acme/production"], [ACME, GLOBEX]),
        (["--all"], [ACME, GLOBEX, *MANY]),
    ],
    ids=lambda value: " ".join(map(str, value))[:40],
)
def test_which_environments(kube: Kube, words: list[str], keys: list[Key]) -> None:
    assert run(["admin", "run", "reindex", *words, "--yes", "--wait"]) == 0
    assert [Key.parse(name) for name in kube.objects if kube.runs(Key.parse(name))] == keys


def test_some_fail_and_some_are_refused(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.broken = {MANY[3]}
    waiting = AdminRequest("x", "reindex", at="2027-01-15T07:00:00Z")
    kube.asleep = True
    kube.put(replace(kube.record(MANY[5]), admin=waiting.dump(), pause="x"))
    kube.asleep = False
    kube.step = lambda of, real=kube.step: None if of.pause else real(of)  # type: ignore[method-assign, misc]
    assert run(["admin", "run", "reindex", "--tenant", "many", "--yes", "--wait"]) == 1
    err = said(capsys)
    assert err.splitlines()[-1] == "1 failed, 1 refused, 10 succeeded"
    assert "many/e5: refused: admin.reindex (request x) by somebody at 2027-01-15T07:00:00Z has not begun yet" in err
    assert f"  tenantctl logs many/e3 --run {kube.runs(MANY[3])[0]}" in err


def test_several_are_asked_about(
    kube: Kube, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["admin", "run", "reindex", "--all"]) == 64
    assert "nobody to ask: say --yes" in said(capsys)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    questions: list[str] = []
    monkeypatch.setattr("click.confirm", lambda text, **_: questions.append(text))
    assert run(["admin", "run", "reindex", "--all", "--in-flight", "2"]) == 0
    assert questions == ["Run admin.reindex in 14 environments of 3 tenants, at most 2 at once?"]
    assert run(["admin", "run", "reindex", "--tenant", "acme"]) == 0
    assert len(questions) == 1, "one environment is nothing to ask about"


def test_an_interrupt_says_what_goes_on(
    kube: Kube, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kube.asleep = True

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=interrupt)  # of this module alone: other threads sleep, too
    monkeypatch.setattr("reconciler.cli.admin_follow.time", clock)
    assert run(["admin", "run", "reindex", "--tenant", "many", "--yes", "--wait"]) == 130
    assert said(capsys).splitlines()[-1] == "interrupted: 5 of 12 environments were started, 5 of them go on"
    assert sum(bool(kube.record(key).admin) for key in MANY) == 5


def test_a_missing_right_ends_it_and_says_what_was_started(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.asleep = True
    writes = iter(range(3))

    def forbid() -> None:
        if next(writes) == 2:
            raise NotAllowed("configmaps: you may not patch")

    kube.after_write = forbid
    assert run(["admin", "run", "reindex", "--tenant", "many", "--yes"]) == 4
    err = said(capsys)
    assert "3 of 12 environments were started, 2 of them go on" in err
    assert err.endswith("error: configmaps: you may not patch\n")


def test_a_bar_on_a_terminal_tells_only_of_what_went_wrong(
    kube: Kube, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kube.broken = {MANY[3]}
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["admin", "run", "reindex", "--tenant", "many", "--yes", "--wait"]) == 1
    err = capsys.readouterr().err
    assert "many/e3: failed: admin.reindex" in err
    assert "tenantctl logs many/e3 --run" in err
    assert "many/e2: succeeded" not in err
    assert err.splitlines()[-1].endswith("1 failed, 11 succeeded")


# -- what makes no sense -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 64, "name one admin process"),
        (["acme/production"], 64, "name one admin process"),
        (["reindex", "polish", "acme/production"], 64, "not reindex and polish"),
        (["Reindex", "acme/production"], 64, "'Reindex' is no name of an admin process"),
        (["reindex"], 64, "say where"),
        (["reindex", "acme/production", "--all"], 64, "say where"),
        (["reindex", "--tenant", "acme", "--all"], 64, "say where"),
        (["reindex", "ACME/production"], 64, "is no environment"),
        (["reindex", "nobody/nowhere"], 1, "no environment nobody/nowhere is known here"),
        (["reindex", "--tenant", "nobody"], 1, "no environment matches"),
        (["reindex", "--tenant", "acme", "--region", "us-east"], 1, "no environment matches"),
        (["reindex", "acme/production", "--param", "seats"], 64, "write NAME=VALUE"),
        (["reindex", "acme/production", "--param", "Seats=1"], 64, "--param 'Seats': a name has"),
        (["reindex", "acme/production", "--param", "a={{x}}"], 64, "Argo's own"),
        (["reindex", "acme/production", "--param", "a=null"], 64, "a value is a string"),
        (["reindex", "acme/production", "--param", "a=1", "--param", "a=2"], 64, "--param a: given twice"),
        (["reindex", "acme/production", "--in-flight", "0"], 64, "--in-flight"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense(
    kube: Kube, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.dumps(kube.objects)
    assert run(["admin", "run", *words]) == code
    assert message in said(capsys)
    assert json.dumps(kube.objects) == before
