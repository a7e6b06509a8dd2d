"""The comment at a pull request: what is taken away first, safe to show, and never too long."""

import re
from dataclasses import replace

import pytest

from reconciler.core.action import Action, ActionKind, Hold, HoldReason, Plan, Reason
from reconciler.core.baseline import PolicyChange
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from reconciler.core.preview import Preview
from reconciler.core.step import Step
from reconciler.report.markdown import LIMIT, MARKER, code, markdown
from reconciler.report.preview import github, preview_json, preview_text

HEAD, BASE = "c0ffee" + "0" * 34, "badcafe" + "0" * 33
ACME, GLOBEX, WAYNE = (Key(name, "production") for name in ("acme", "globex", "wayne"))


def action(key: Key, kind: ActionKind = ActionKind.UPSERT, *, removals: tuple[str, ...] = ()) -> Action:
    reason = Reason("field", "parameters.seats", "1 → 2")
    source = "" if kind is ActionKind.UPSERT else "eu-west"
    target = "" if kind is ActionKind.DECOMMISSION else "us-east"
    taken = tuple(map(Step.parse, removals))
    return Action(key, kind, source, target, "d1", (reason,), None, removals=taken)


GONE = action(ACME, ActionKind.DECOMMISSION)
MOVED = action(GLOBEX, ActionKind.MIGRATE)
TAKEN = action(WAYNE, removals=("job/decommission/search/*",))
HOLD = Hold(ACME, HoldReason.NOT_YET_SUPPORTED, "later", GONE)
PREVIEW = Preview(
    Plan(HEAD, (action(WAYNE), MOVED, TAKEN), (HOLD,), 7, (Finding("tenants/x/y.yaml", 3, 4, "region", "'mars'"),)),
    BASE,
    (PolicyChange(WAYNE, "deletionProtection", True, False), PolicyChange(ACME, "ring", 0, 1)),
    ("tenants/x/y.yaml",),
)


def test_what_is_taken_away_comes_first_and_is_counted() -> None:
    text = markdown(PREVIEW)
    assert text.startswith(MARKER + "\n")
    assert "> 3 destructive changes: 1 decommission, 1 migrate, 1 removal." in text
    titles = re.findall("^#### (.*)$", text, re.MULTILINE)
    assert titles == [
        "Destructive changes: 3",
        "Problems: 1",
        "Policy (launches nothing): 2",
        "Changes: 1",
    ]
    entries = re.findall(r"^- \*\*(.*)$", text, re.MULTILINE)
    assert entries[:3] == [
        "`acme/production`** DECOMMISSION in `eu-west`",
        "`globex/production`** MIGRATE `eu-west` → `us-east`",
        "`wayne/production`** UPSERT in `us-east`",
    ]
    assert "  - held `NotYetSupported`: `later`" in text
    assert "takes away `job/decommission/search`" in text
    assert "Deletion protection is lifted" in text
    assert f"`{PREVIEW.plan.id}`" in text
    assert "`badcafe` → `c0ffee0`" in text


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            ("job/upsert/billing/lifecycle", "resource/upsert/postgres/main"),
            ["runs `job/upsert/billing/lifecycle`", "runs `resource/upsert/postgres/main`"],
        ),
        ((), []),
        (None, ["runs the lifecycle Jobs of its services (which, is seen only against a cluster or a snapshot)"]),
    ],
    ids=["known", "none", "not looked"],
)
def test_what_will_run_is_named(steps: tuple[str, ...] | None, said: list[str]) -> None:
    known = steps if steps is None else tuple(map(Step.parse, steps))
    lines = markdown(Preview(Plan(HEAD, (replace(action(WAYNE), steps=known),)))).splitlines()
    assert [line.removeprefix("  - ") for line in lines if line.startswith("  - runs ")] == said


def test_holds_of_what_cannot_be_read_stand_by_themselves() -> None:
    hold = Hold(ACME, HoldReason.INVALID_DECLARATION, "tenants/acme/production.yaml:1:1: syntax")
    text = markdown(Preview(Plan(HEAD, holds=(hold,))))
    assert "#### Held: 1" in text
    assert "- **`acme/production`** held `InvalidDeclaration`:" in text


def test_nothing_is_said_to_be_nothing() -> None:
    assert "No environment changes (9 unchanged)." in markdown(Preview(Plan(HEAD, unchanged=9), BASE))


@pytest.mark.parametrize("number", [10, 400, 3000])
@pytest.mark.parametrize("letter", ["x", "é", "🙂"])
def test_it_is_never_too_long_and_says_what_is_left_out(number: int, letter: str) -> None:
    reason = Reason("field", "spec", letter * 300)
    many = [replace(action(Key(f"t-{n}", "production")), reasons=(reason,)) for n in range(number)]
    gone = [replace(action(Key(f"d-{n}", "production"), ActionKind.DECOMMISSION), reasons=(reason,)) for n in range(9)]
    text = markdown(Preview(Plan(HEAD, (*many, *gone)), BASE))
    assert len(text.encode("utf-16-le")) // 2 <= LIMIT
    shown = text.count("- **`t-")
    assert text.count("- **`d-") == 9, "what is taken away is never what is cut"
    assert shown == number or f"… and {number - shown} more changes" in text
    assert f"#### Changes: {number}" in text


def test_too_many_destructive_ones_are_counted_all_the_same() -> None:
    many = tuple(action(Key(f"d-{n}", "production"), ActionKind.DECOMMISSION) for n in range(5000))
    text = markdown(Preview(Plan(HEAD, many), BASE))
    assert len(text) <= LIMIT
    shown = text.count("- **`d-")
    assert f"… and {5000 - shown} more destructive changes" in text
    assert "> 5000 destructive changes: 5000 decommissions." in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "`plain`"),
        ("@team <!-- x -->", "`@team <!-- x -->`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a``b`", "``` a``b` ```"),
        ("a\n### b\x1b[0m", "`a ### b [0m`"),
        ("", "` `"),
    ],
)
def test_what_a_repository_says_is_text_and_nothing_else(text: str, expected: str) -> None:
    assert code(text) == expected


def test_annotations_are_at_the_files_those_of_the_pull_request_first() -> None:
    lines = github(replace(PREVIEW, changed=("tenants/wayne/production.yaml",))).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", *["::warning"] * 4, *["::notice"] * 2]
    assert lines[1].startswith("::warning file=tenants/wayne/production.yaml,line=1,col=1,title=REMOVAL::")
    assert "file=tenants/acme/production.yaml,line=1,col=1,title=DECOMMISSION::" in "\n".join(lines)


def test_at_most_ten_annotations_of_a_kind_and_the_rest_is_counted() -> None:
    many = tuple(action(Key(f"t-{n:02}", "production")) for n in range(25))
    lines = github(Preview(Plan(HEAD, many), BASE, changed=("tenants/t-24/production.yaml",))).splitlines()
    assert len(lines) == 10
    assert "tenants/t-24/" in lines[0]
    assert lines[-1].startswith("::notice title=more::16 more in 16 files")


def test_json_and_text_tell_of_policies_and_of_what_was_compared() -> None:
    document = preview_json(PREVIEW)
    assert document["base"] == BASE
    assert document["changed"] == ["tenants/x/y.yaml"]
    assert document["policies"][1] == {
        "tenant": "acme", "environment": "production", "field": "ring", "before": 0, "after": 1,
    }  # fmt: skip
    assert "base" not in preview_json(Preview(Plan(HEAD)))
    assert "= acme/production  policy  ring: 0 → 1" in preview_text(PREVIEW).splitlines()
