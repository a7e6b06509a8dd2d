"""Approvals: what one lifts, for how long, what of a plan can be approved, and that hostile text approves nothing."""

from dataclasses import replace

import pytest

from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.approval import VALID_SECONDS, Approval, approval_for, refusal
from reconciler.core.mark import Mark
from tests.core.fleet import KEY, NOW

MARK = Mark("ada", "2027-01-15T08:00:00.5Z", "they left")
GONE = Action(KEY, ActionKind.DECOMMISSION, "eu-west", "", "d1")
GIVEN = approval_for(GONE, MARK)


@pytest.mark.parametrize(
    ("action", "lifted"),
    [
        (GONE, True),
        (replace(GONE, digest="d2"), False),
        (replace(GONE, source="us-east"), False),
        (replace(GONE, kind=ActionKind.MIGRATE, target="us-east"), False),
    ],
)
def test_it_is_for_exactly_one_action(action: Action, lifted: bool) -> None:
    assert GIVEN.lifts(action, NOW + 1) is lifted


@pytest.mark.parametrize(
    ("after", "valid"), [(-3600, False), (-59, True), (0, True), (VALID_SECONDS, True), (VALID_SECONDS + 1, False)]
)
def test_it_is_for_a_day(after: float, valid: bool) -> None:
    assert GIVEN.valid(NOW + after) is valid


def test_a_new_environment_is_approved_where_it_is_to_be() -> None:
    assert approval_for(Action(KEY, ActionKind.UPSERT, "", "us-east", "d"), MARK).region == "us-east"


def test_it_is_read_back() -> None:
    for given in (GIVEN, replace(GIVEN, without_source=True)):
        assert Approval.load(given.dump()) == given


@pytest.mark.parametrize(
    "text",
    ["", "yes", "{}", "[]", "null", '{"action": 1, "digest": "", "region": ""}', '{"action": "UPSERT"}', "{" * 99],
)
def test_any_other_text_approves_nothing(text: str) -> None:
    assert Approval.load(text) is None


@pytest.mark.parametrize("at", ["", "tomorrow", "2027-01-15T08:00:00", "9999-99-99T00:00:00Z"])
def test_without_a_time_it_is_not_valid(at: str) -> None:
    assert not replace(GIVEN, at=at).valid(NOW)


@pytest.mark.parametrize("reason", list(HoldReason))
def test_every_reason_is_lifted_or_says_what_does(reason: HoldReason) -> None:
    told = refusal(Hold(KEY, reason, "x", GONE), declared=False)
    lifted = reason.approvable and reason is not HoldReason.SOURCE_UNREACHABLE
    assert bool(told) is not lifted
    assert refusal(Hold(KEY, reason, "x"), declared=False), "without an action nothing is known that could be approved"


def test_a_protected_environment_whose_file_is_there_is_not_approved() -> None:
    assert "commit deletionProtection: false" in refusal(Hold(KEY, HoldReason.PROTECTED, "x", GONE), declared=True)


def test_what_was_never_applied_can_be_approved_too() -> None:
    given = approval_for(replace(GONE, digest=""), MARK)
    assert Approval.load(given.dump()) == given
