"""`tenantctl approve`: a plan, a move without its source, and a commit; what it writes, says and refuses."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.action import Action, ActionKind, Hold, HoldReason, Plan
from reconciler.core.approval import Approval
from reconciler.core.desired import Desired
from reconciler.core.errors import Unavailable
from reconciler.core.fleet import read_fleet
from reconciler.core.names import Key
from reconciler.core.record import read_record
from tests.cli.test_plan import SMALLEST, commit, git
from tests.cli.test_suspend import ACME, GLOBEX, Kube, said

NEW = Key("acme", "new")
GONE = Action(GLOBEX, ActionKind.DECOMMISSION, "eu-west", "", "d1")
BLOCKED = Action(ACME, ActionKind.DECOMMISSION, "eu-west", "", "d2")
MOVE = Action(ACME, ActionKind.MIGRATE, "eu-west", "us-east", "d3")
FRESH = Action(NEW, ActionKind.UPSERT, "", "eu-west", "d1")
PROTECTED = Hold(GLOBEX, HoldReason.PROTECTED, "deletionProtection is on", GONE)
UNREACHABLE = Hold(ACME, HoldReason.SOURCE_UNREACHABLE, "region eu-west does not answer: 503", MOVE)
Planned = Callable[..., str]


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    made = Kube()
    for module in ("reconciler.cli.wiring", "reconciler.adapters.kube"):
        monkeypatch.setattr(f"{module}.connect", lambda *_: made)
    return made


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that declares acme/production, which is the current folder; nobody can be asked."""
    shutil.copytree(SMALLEST, tmp_path, dirs_exist_ok=True)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    return tmp_path


@pytest.fixture
def planned(kube: Kube, fleet: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Says what the clusters' plan is: the clusters themselves cannot be held in so many ways at once."""

    def says(*holds: Hold, actions: tuple[Action, ...] = ()) -> str:
        plan = Plan("c0ffee" * 6 + "c0ff", actions, holds)

        def made(desired: Desired, place: object, location: str) -> Plan:
            assert {str(key) for key in desired.environments} == {"acme/production"}
            return plan

        monkeypatch.setattr("reconciler.cli.plan.cluster_plan", made)
        return plan.id

    return says


def approval(kube: Kube, key: Key) -> Approval | None:
    text = read_record(kube.objects[key.dotted]).approval
    return Approval.load(text) if text else None


def test_a_plan_is_approved_action_by_action(planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    name = planned(PROTECTED, Hold(ACME, HoldReason.NOT_REVIEWED, "no commit shows it", MOVE))
    assert run(["approve", name, "--reason", "they  left", "--yes"]) == 0
    first, second = approval(kube, GLOBEX), approval(kube, ACME)
    assert first is not None
    assert second is not None
    assert (first.action, first.digest, first.region) == ("DECOMMISSION", "d1", "eu-west")
    assert (second.action, second.digest, second.region) == ("MIGRATE", "d3", "eu-west")
    assert (first.by, first.reason, first.without_source) == ("ada", "they left", False)
    text = said(capsys)
    assert "2 of 2 holds can be approved" in text
    assert "- globex/production  DECOMMISSION  eu-west  Protected\n    deletionProtection is on" in text
    assert "globex/production: DECOMMISSION in eu-west is approved until 2" in text


def test_an_approval_lifts_the_action_that_was_planned_and_no_other(planned: Planned, kube: Kube) -> None:
    assert run(["approve", planned(PROTECTED), "--yes"]) == 0
    given = approval(kube, GLOBEX)
    assert given is not None
    now = time.time()
    assert given.lifts(GONE, now)
    assert not given.lifts(replace(GONE, digest="other"), now)
    assert not given.lifts(replace(GONE, source="us-east"), now)
    assert not given.lifts(GONE, now + 24 * 3600)


def test_another_plan_by_now_is_refused(planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    read = planned(PROTECTED)
    now = planned(replace(PROTECTED, action=replace(GONE, digest="other")))
    assert run(["approve", read, "--yes"]) == 6
    assert said(capsys) == f"error: the plan is now {now}, not {read}; read it again\n"
    assert approval(kube, GLOBEX) is None


@pytest.mark.parametrize(
    ("hold", "message"),
    [
        (Hold(ACME, HoldReason.PROTECTED, "on", BLOCKED), "commit deletionProtection: false"),
        (UNREACHABLE, "'tenantctl approve acme/production --without-source'"),
        (Hold(ACME, HoldReason.SOURCE_NOT_TRUSTED, "x", BLOCKED), "'tenantctl approve --source COMMIT'"),
        (Hold(ACME, HoldReason.RUN_IN_PROGRESS, "x", MOVE), "it passes by itself"),
        (Hold(ACME, HoldReason.INVALID_DECLARATION, "x"), "no approval lifts InvalidDeclaration"),
        (Hold(NEW, HoldReason.LOOKS_RENAMED, "x", FRESH), "it has no record yet"),
    ],
)
def test_what_no_approval_lifts_is_said_and_the_rest_is_approved(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str], hold: Hold, message: str
) -> None:
    before = json.dumps(kube.objects)
    assert run(["approve", planned(hold), "--yes"]) == 6
    text = said(capsys)
    assert f"! {hold.key}  stays held: {hold.reason.value}\n" in text
    assert message in text
    assert json.dumps(kube.objects) == before
    assert run(["approve", planned(hold, PROTECTED), "--yes"]) == 0
    assert message in said(capsys)
    assert approval(kube, GLOBEX)
    assert approval(kube, ACME) is None


def test_several_holds_of_one_environment_are_one_approval(planned: Planned, kube: Kube) -> None:
    left = Hold(GLOBEX, HoldReason.PAUSED, "beside", GONE)
    assert run(["approve", planned(left, PROTECTED, replace(PROTECTED, message="again")), "--yes"]) == 0
    assert approval(kube, GLOBEX)


def test_of_a_plan_only_what_is_named(planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    name = planned(PROTECTED, Hold(ACME, HoldReason.NOT_REVIEWED, "no commit shows it", MOVE))
    assert run(["approve", name, "globex/production", "--yes"]) == 0
    assert approval(kube, GLOBEX)
    assert approval(kube, ACME) is None
    text = said(capsys)
    assert "1 of 1 hold can be approved" in text
    assert "acme/production" not in text
    assert run(["approve", name, "globex/production", "acme/production", "--yes"]) == 0
    assert approval(kube, ACME)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["acme/production"], "lifts of acme/production\n"),
        (["globex/production", "acme/production"], "lifts of acme/production\n"),
        (["globex/production", "globx/production"], "lifts of globx/production; did you mean 'globex/production'?"),
        (["globx/production"], "lifts of globx/production; did you mean 'globex/production'?"),
    ],
)
def test_of_what_is_named_all_or_nothing(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str], named: list[str], message: str
) -> None:
    before = json.dumps(kube.objects)
    name = planned(PROTECTED, Hold(ACME, HoldReason.RUN_IN_PROGRESS, "x", MOVE))
    assert run(["approve", name, *named, "--yes"]) == 6
    assert message in said(capsys)
    assert json.dumps(kube.objects) == before


def test_what_an_error_left_is_approved_by_the_same_words(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patched, merge = [], kube.merge

    def failing(*words: Any) -> Any:
        if patched:
            raise Unavailable("the API server went away")
        patched.append(words)
        return merge(*words)

    other = Hold(ACME, HoldReason.NOT_REVIEWED, "no commit shows it", MOVE)
    name = planned(PROTECTED, other)
    words = ["approve", name, "globex/production", "acme/production", "--yes"]
    with monkeypatch.context() as patch:
        patch.setattr(kube, "merge", failing)
        assert run(words) == 1
    assert "not approved: acme/production; say it again\n" in said(capsys)
    assert (approval(kube, GLOBEX) is None, approval(kube, ACME)) == (False, None)

    planned(other, actions=(GONE,))  # what is approved is held no more
    assert run(words) == 0
    assert "globex/production is approved already\n" in said(capsys)
    assert approval(kube, ACME)
    planned(actions=(GONE, MOVE))
    assert run(words) == 0
    assert run([*words[:2], "--yes"]) == 6


def test_an_action_that_was_never_held_is_not_approved_already(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]
) -> None:
    name = planned(PROTECTED, actions=(MOVE, FRESH))
    for key in (ACME, NEW):  # the first has a record, the other none
        assert run(["approve", name, "globex/production", str(key), "--yes"]) == 6
        assert f"lifts of {key}\n" in said(capsys)
    assert approval(kube, GLOBEX) is None


def test_half_of_what_looks_renamed_is_not_approved(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once the new one is applied, the digest tells of no rename any more, and nobody said that the old one may go."""
    new = Hold(ACME, HoldReason.LOOKS_RENAMED, "x", replace(FRESH, key=ACME), twin=GLOBEX)
    old = Hold(GLOBEX, HoldReason.LOOKS_RENAMED, "x", GONE, twin=ACME)
    name = planned(new, old)
    for key, other in ((ACME, GLOBEX), (GLOBEX, ACME)):
        assert run(["approve", name, str(key), "--yes"]) == 6
        assert f"it may be {other} renamed: approve both" in said(capsys)
    assert (approval(kube, ACME), approval(kube, GLOBEX)) == (None, None)
    assert run(["approve", name, "acme/production", "globex/production", "--yes"]) == 0
    assert approval(kube, ACME)
    assert approval(kube, GLOBEX)


def test_nothing_held_is_nothing_to_approve(planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approve", planned(actions=(FRESH,)), "--yes"]) == 6
    assert "holds nothing that an approval lifts" in said(capsys)


def test_it_asks_before_it_approves(planned: Planned, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    name = planned(PROTECTED)
    assert run(["approve", name]) == 64
    assert approval(kube, GLOBEX) is None
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text))
    assert run(["approve", name]) == 0
    assert asked == ["Approve 1 held action?"]
    assert approval(kube, GLOBEX)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 64, "say what"),
        (["nonsense"], 64, "'tenantctl plan' shows it"),
        (["1A2B3C4D5E6F"], 64, "'tenantctl plan' shows it"),
        (["acme/production"], 64, "say --without-source"),
        (["acme", "--without-source"], 64, "is no environment"),
        (["--without-source"], 64, "say what"),
        (["acme/production", "globex/production", "--without-source"], 64, "one environment at a time"),
        (["1a2b3c4d5e6f", "globex"], 64, "is no environment"),
        (["1a2b3c4d5e6f", "--source", "HEAD"], 64, "leave the rest out"),
        (["nobody/nowhere", "--without-source", "--yes"], 1, "no environment nobody/nowhere is known"),
        (["--source", "nowhere", "--yes"], 1, "has no commit 'nowhere'"),
        (["--source", "--upload-pack=x", "--yes"], 1, "is no revision"),
    ],
)
def test_what_makes_no_sense(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    planned(PROTECTED)
    before = json.dumps(kube.objects)
    assert run(["approve", *words]) == code
    assert message in said(capsys)
    assert json.dumps(kube.objects) == before


# -- a move without its source -------------------------------------------------------------------------------------


def test_a_move_goes_on_without_its_data(planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    planned(UNREACHABLE)
    words = ["approve", "acme/production", "--without-source", "--reason", "the region burnt down"]
    assert run(words) == 64
    assert approval(kube, ACME) is None
    text = said(capsys)
    assert "begins anew in us-east, without the data that it has in eu-west: that is given up" in text
    assert "taken away once that region answers again" in text
    assert run([*words, "--yes"]) == 0
    given = approval(kube, ACME)
    assert given is not None
    assert given.without_source
    assert given.lifts(MOVE, time.time())
    assert str(given).startswith("MIGRATE without its source in eu-west by ada at ")


@pytest.mark.parametrize(
    ("holds", "why"),
    [
        ((), "it is not held at all"),
        ((Hold(ACME, HoldReason.PAUSED, "by ada", MOVE),), "it is held: Paused: by ada"),
        ((PROTECTED,), "it is not held at all"),
    ],
)
def test_only_a_move_whose_source_does_not_answer(
    planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str], holds: tuple[Hold, ...], why: str
) -> None:
    planned(*holds)
    assert run(["approve", "acme/production", "--without-source", "--yes"]) == 6
    assert why in said(capsys)
    assert approval(kube, ACME) is None


# -- a commit ------------------------------------------------------------------------------------------------------


def accepted(kube: Kube, revision: str) -> None:
    kube.objects["fleet"]["data"]["accepted"] = revision


def head(fleet: Path) -> str:
    (branch,) = (fleet / ".git/refs/heads").iterdir()
    return branch.read_text().strip()


def test_a_rewritten_branch_is_approved_with_a_line_of_history(
    kube: Kube, fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(kube, "f" * 40)
    tip = head(fleet)
    assert run(["approve", "--source", tip[:10], "--reason", "history was cleaned"]) == 64
    text = said(capsys)
    assert "does not contain ffffffffffff" in text
    assert "It does not declare 1 of 2 recorded environments" in text
    assert read_fleet(kube.objects["fleet"]).source == ""
    assert run(["approve", "--source", tip[:10], "--reason", "history was cleaned", "--yes"]) == 0
    after = read_fleet(kube.objects["fleet"])
    assert (after.source, after.accepted, after.records) == (tip, "f" * 40, 2)
    (line,) = after.history
    assert line.event == "Approved"
    assert line.message.startswith(f"source {tip} by ada at ")
    assert line.message.endswith(": history was cleaned")
    said(capsys)
    assert run(["history"]) == 0
    assert f"source {tip}" in capsys.readouterr().out


def test_an_empty_branch_is_approved(kube: Kube, fleet: Path) -> None:
    accepted(kube, head(fleet))
    shutil.rmtree(fleet / "tenants")
    commit(fleet)
    assert run(["approve", "--source", "HEAD", "--yes"]) == 0
    assert read_fleet(kube.objects["fleet"]).source == head(fleet)


def test_tombstones_do_not_count(kube: Kube, fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for key in (ACME, GLOBEX):
        kube.objects[key.dotted]["data"]["gone"] = "2027-01-15T08:00:00Z"
    shutil.rmtree(fleet / "tenants")
    commit(fleet)
    assert run(["approve", "--source", "HEAD", "--yes"]) == 0
    assert "is trusted already" in said(capsys)


def test_a_trusted_commit_needs_no_approval(kube: Kube, fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted(kube, head(fleet))
    commit_more(fleet)
    assert run(["approve", "--source", "HEAD", "--yes"]) == 0
    assert "is trusted already: there is nothing to approve" in said(capsys)
    assert read_fleet(kube.objects["fleet"]).source == ""


def test_only_what_the_ref_is_now(kube: Kube, fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted(kube, "f" * 40)
    before = head(fleet)
    commit_more(fleet)
    assert run(["approve", "--source", before, "--yes"]) == 6
    assert f"HEAD is {head(fleet)} now, not {before}" in said(capsys)
    assert read_fleet(kube.objects["fleet"]).source == ""


def commit_more(fleet: Path) -> None:
    (fleet / "README.md").write_text("more")
    commit(fleet)


def test_somebody_who_is_faster_is_not_overwritten(kube: Kube, fleet: Path) -> None:
    accepted(kube, "f" * 40)
    kube.overtakers = 2
    assert run(["approve", "--source", "HEAD", "--yes"]) == 0
    assert read_fleet(kube.objects["fleet"]).source == head(fleet)


def test_an_approval_in_force_is_described(planned: Planned, kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approve", planned(PROTECTED), "--reason", "they left", "--yes"]) == 0
    capsys.readouterr()
    assert run(["describe", "environment", "globex/production"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Approved:")]
    assert "DECOMMISSION in eu-west by ada at " in line
    assert line.endswith(": they left")
    given = approval(kube, GLOBEX)
    assert given is not None
    kube.objects["globex.production"]["data"]["approval"] = replace(given, at="2020-01-01T00:00:00Z").dump()
    assert run(["describe", "environment", "globex/production"]) == 0
    assert "Approved:" not in capsys.readouterr().out
