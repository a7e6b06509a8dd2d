"""Conditions: kstatus' meanings, fixed reasons, and not a byte different when nothing changed."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.claim import Claim
from reconciler.core.decide import Decision
from reconciler.core.mark import Mark
from reconciler.core.record import conditions_by_type
from reconciler.core.status import with_status
from reconciler.core.times import rfc3339
from tests.core.fleet import BILLING, KEY, NOW, declaration, record

OF = declaration()
ACTION = Action(KEY, ActionKind.UPSERT, "", "eu-west", OF.digest, steps=(BILLING,))
CLAIM = Claim(1, "upsert", "eu-west", 1, OF.digest, "c0ffee", (BILLING,), 1, "run-1", "2027-01-01T00:00:00Z")


def held(reason: HoldReason, action: Action | None = ACTION, until: float | None = None, word: str = "") -> Decision:
    return Decision(KEY, None, (Hold(KEY, reason, "why", action, until, word),))


def shown(decision: Decision, **fields: Any) -> tuple[Any, ...]:
    after = with_status(record(OF, **fields), OF, "new", decision, NOW)
    by_type = conditions_by_type(after)
    ready = by_type["Ready"]
    return ready.status, by_type["Reconciling"].status, by_type["Stalled"].status, ready.reason


@pytest.mark.parametrize(
    ("decision", "fields", "expected"),
    [
        (Decision(KEY), {}, (True, False, False, "Applied")),
        (Decision(KEY, ACTION), {}, (False, True, False, "Progressing")),
        (held(HoldReason.RUN_IN_PROGRESS), {"claim": CLAIM}, (False, True, False, "Progressing")),
        (held(HoldReason.INVALID_DECLARATION, None), {}, (False, False, True, "InvalidDeclaration")),
        (held(HoldReason.RETRY_LATER), {}, (False, True, False, "RetryLater")),
        (held(HoldReason.IN_FLIGHT_LIMIT), {}, (False, True, False, "InFlightLimit")),
        (held(HoldReason.REGION_NOT_ANSWERING), {}, (False, True, False, "RegionNotAnswering")),
        (held(HoldReason.PAUSED), {}, (False, False, True, "Paused")),
        (held(HoldReason.PAUSED, until=NOW + 60), {}, (False, True, False, "Paused")),
        (held(HoldReason.STALLED, word="RunStopped"), {}, (False, False, True, "RunStopped")),
    ],
)
def test_what_is_shown(decision: Decision, fields: Any, expected: Any) -> None:
    assert shown(decision, **fields) == expected


def test_a_second_pass_changes_nothing() -> None:
    once = with_status(record(OF), OF, "new", Decision(KEY), NOW)
    assert with_status(once, OF, "newer", Decision(KEY), NOW + 100) == once


def test_the_applied_revision_moves_when_all_is_done_and_only_then() -> None:
    after = declaration(parameters={"seats": 6})
    assert with_status(record(OF), after, "new", Decision(KEY, ACTION), NOW).applied_revision == "c0ffee"
    done = with_status(record(OF), after, "new", Decision(KEY), NOW)
    assert (done.applied_revision, done.applied_digest) == ("new", after.digest)


def test_policy_follows_at_once_also_when_the_rest_is_held() -> None:
    after = with_status(record(OF), declaration(deletionProtection=False), "new", held(HoldReason.RETRY_LATER), NOW)
    assert after.policy.deletion_protection is False


def test_policy_outlives_the_file() -> None:
    before = replace(record(OF), policy=replace(OF.policy, ring=3))
    assert with_status(before, None, "new", held(HoldReason.NOT_YET_SUPPORTED), NOW).policy.ring == 3


def test_the_time_of_a_condition_is_when_its_status_changed() -> None:
    first = with_status(record(OF), OF, "new", Decision(KEY, ACTION), NOW)
    second = with_status(first, OF, "new", held(HoldReason.RETRY_LATER), NOW + 50)
    third = with_status(second, OF, "new", Decision(KEY), NOW + 90)
    since = [conditions_by_type(each)["Ready"].since for each in (first, second, third)]
    assert since[0] == since[1] != since[2]


REMOVALS = (replace(BILLING, verb="decommission"),)


@pytest.mark.parametrize(
    ("steps", "applied"), [((), OF.digest), ((BILLING,), "old")], ids=["only removals are left", "steps are left, too"]
)
def test_what_is_held_is_applied_only_if_nothing_but_removals_is_left(steps: Any, applied: str) -> None:
    held_back = held(HoldReason.NOT_YET_SUPPORTED, replace(ACTION, steps=steps, removals=REMOVALS))
    after = with_status(replace(record(OF), applied_digest="old"), OF, "new", held_back, NOW)
    assert after.applied_digest == applied


def test_what_people_did_and_what_a_suspension_held_is_in_the_history_once() -> None:
    asked = replace(record(OF), retry=Mark("ada", "2027-01-01T00:00:00.5Z", "mended").dump())
    once = with_status(asked, OF, "new", held(HoldReason.PAUSED), NOW)
    assert [(entry.event, entry.message) for entry in once.history] == [
        ("Retried", "by ada at 2027-01-01T00:00:00Z: mended"),
        ("Paused", "why"),
    ]
    assert with_status(once, OF, "new", held(HoldReason.PAUSED), NOW + 9) == once


def test_a_notice_stands_beside_ready_and_stays_while_nobody_knows() -> None:
    told = with_status(record(OF), OF, "new", Decision(KEY, notice="no lifecycle Job of service x is there"), NOW)
    assert conditions_by_type(told)["Ready"].message.endswith("; no lifecycle Job of service x is there")
    assert with_status(told, OF, "new", Decision(KEY, notice=None), NOW + 9) == told


@pytest.mark.parametrize(("steps", "text"), [((BILLING,), "attempt 1, 1 step"), ((BILLING, BILLING), "2 steps")])
def test_steps_are_counted_as_people_do(steps: tuple[Any, ...], text: str) -> None:
    claimed = record(OF, claim=replace(CLAIM, steps=steps))
    after = with_status(claimed, OF, "new", held(HoldReason.RUN_IN_PROGRESS), NOW)
    assert conditions_by_type(after)["Ready"].message.endswith(text)


def test_what_a_run_waits_for_stands_beside_its_name() -> None:
    waits = replace(held(HoldReason.RUN_IN_PROGRESS), notice="portal: Degraded: Deployment web: no image")
    after = with_status(record(OF, claim=CLAIM), OF, "new", waits, NOW)
    found = conditions_by_type(after)
    assert found["Ready"].message.endswith("1 step; portal: Degraded: Deployment web: no image")
    assert found["Reconciling"].message == found["Ready"].message


def test_an_application_that_is_not_well_is_not_ready_and_stays_so_while_nobody_knows() -> None:
    ill = with_status(record(OF), OF, "new", Decision(KEY, unwell="portal: Synced, Degraded"), NOW)
    found = conditions_by_type(ill)
    assert (found["Ready"].status, found["Ready"].reason) == (False, "ApplicationNotHealthy")
    assert found["Ready"].message == found["Reconciling"].message == "portal: Synced, Degraded"
    assert not found["Stalled"].status
    assert with_status(ill, OF, "new", Decision(KEY, unwell=None), NOW + 9) == ill
    assert conditions_by_type(with_status(ill, OF, "new", Decision(KEY), NOW + 9))["Ready"].status
    well = with_status(record(OF), OF, "new", Decision(KEY, unwell=None), NOW)
    assert conditions_by_type(well)["Ready"].status, "what was never known is no trouble"
    assert ill.applied_digest == OF.digest


def test_the_applied_revision_stays_before_a_removal_that_is_held() -> None:
    """Git shows the removal between the applied revision and now (decision 0005): moved past it, it would show none."""
    held_back = held(HoldReason.PROTECTED, replace(ACTION, steps=(), removals=REMOVALS))
    after = with_status(record(OF, applied_digest="old"), OF, "new", held_back, NOW)
    assert (after.applied_digest, after.applied_revision) == (OF.digest, "c0ffee")


@pytest.mark.parametrize(
    ("spec", "fields", "expected"),
    [
        ({"expiresAt": rfc3339(NOW)}, {}, (True, "Expired")),
        ({"expiresAt": rfc3339(NOW + 1)}, {}, (False, "")),
        ({"expiresAt": rfc3339(NOW)}, {"gone": rfc3339(NOW)}, None),
        ({}, {}, None),
    ],
    ids=["past", "not yet", "gone", "never"],
)
def test_past_its_time_somebody_is_asked_to_remove_it(spec: Any, fields: Any, expected: Any) -> None:
    of = declaration(**spec)
    found = conditions_by_type(with_status(record(of, **fields), of, "new", Decision(KEY), NOW))
    expired = found.get("Expired")
    assert (expired and (expired.status, expired.reason)) == expected
    assert found["Ready"].status
    if expired and expired.status:
        assert expired.message.startswith(f"expiresAt {spec['expiresAt']} is past: remove the declaration in a commit")
