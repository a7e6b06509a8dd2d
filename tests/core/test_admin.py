"""Admin processes: each request is answered once, waits for what it has to, and its end is that of its own run."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.admin import VALID_SECONDS, AdminRequest, Answer, answer, conclude_admin, request_of
from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim, workflow_of
from reconciler.core.condition import Condition
from reconciler.core.fleet import Suspension
from reconciler.core.mark import Mark
from reconciler.core.move import Move, Phase
from reconciler.core.observed import Run, Site
from reconciler.core.outcome import Result
from reconciler.core.placement import State
from reconciler.core.record import HISTORY_MAX, Entry, Record
from reconciler.core.stages import staged
from reconciler.core.step import Step
from reconciler.core.times import parse_rfc3339
from tests.core.fleet import BILLING, KEY, NOW, all_done, declaration, outcome, record

OF = declaration()
AT = "2027-01-15T07:59:59.123456Z"
REQUEST = AdminRequest("k3f9", "reindex", {"since": "2027", "dry-run": True}, "ada", AT, "index is damaged")
REINDEX = Step.parse("job/admin.reindex/billing/billing-lifecycle")
SECOND = Step.parse("job/admin.reindex/search/search-lifecycle")
STATS = Step.parse("job/admin.dump-stats/billing/billing-lifecycle")
OFFERED = {REINDEX: "h", SECOND: "h", STATS: "h", BILLING: "h"}
SITE = Site(all_done(OF), OFFERED)
MOVE = Move("eu-west", "us-east", Phase.EXPORTING, OF.digest, "c0ffee", 2, AT)
PAUSE = Suspension("tenant acme", "--tenant acme", Mark("bob", AT, "restore", "2027-01-15T09:00:00Z"))


def asked(request: AdminRequest = REQUEST, **fields: Any) -> Record:
    return record(OF, admin=request.dump(), **fields)


def answered(of: Record, site: Site | None = SITE, now: float = NOW, pauses: Any = ()) -> Answer:
    found = answer(of, site, pauses, now)
    assert found is not None
    return found


def events(of: Record) -> list[str]:
    return [entry.event for entry in of.history]


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_request_is_read_back_as_it_was_written() -> None:
    assert AdminRequest.load(REQUEST.dump()) == REQUEST
    assert AdminRequest.load(replace(REQUEST, parameters={}, by="", reason="").dump()).parameters == {}


def test_a_request_says_who_when_why_and_which_parameters_but_not_their_values() -> None:
    said = str(REQUEST)
    assert said == ("admin.reindex (request k3f9) with since, dry-run by ada at 2027-01-15T07:59:59Z: index is damaged")


@pytest.mark.parametrize(
    "text",
    [
        "please", "[]", "null", "{}", '{"id": "a", "name": "reindex"}', '{"id": 5}', '{"surprise": 1}',
        replace(REQUEST, id="a)b").dump(), replace(REQUEST, name="a/b").dump(), replace(REQUEST, at="now").dump(),
        replace(REQUEST, parameters={"a": "{{x}}"}).dump(), replace(REQUEST, parameters={"A": 1}).dump(),
        '{"id": "a", "name": "b", "at": "2027-01-15T07:59:59Z", "parameters": []}' * 2,
        '{"id": "a", "name": "b", "at": "2027-01-15T07:59:59Z", "parameters": [1]}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_once_with_what_is_wrong(text: str) -> None:
    before = record(OF, admin=text)
    with pytest.raises(ValueError, match=r"."):
        request_of(before)
    after = answered(before).record
    assert events(after) == ["AdminRefused"]
    assert "key admin of the record holds no request: " in after.history[0].message
    assert answer(after, SITE, (), NOW) is None


def test_nothing_is_asked() -> None:
    assert request_of(record(OF)) is None
    assert answer(record(OF), SITE, (), NOW) is None


# -- answers -----------------------------------------------------------------------------------------------------------


def test_it_is_claimed_with_every_job_that_has_the_verb() -> None:
    before = asked(seq=4, conditions=(Condition("Ready", True, "Applied", "x"),), attempts=Attempts("b", 2))
    after = answered(before).record
    assert after.claim == Claim(
        seq=5, verb="admin.reindex", region="eu-west", epoch=1, digest=OF.digest, revision="c0ffee",
        steps=(REINDEX, SECOND), attempt=1, run=after.claim.run if after.claim else "", at="2027-01-15T08:00:00Z",
        parameters=REQUEST.parameters,
    )  # fmt: skip
    assert "-adm-" in after.claim.run
    assert after.history == (
        Entry(
            "2027-01-15T08:00:00Z", "AdminStarted", str(REQUEST), after.claim.run, region="eu-west", revision="c0ffee"
        ),
    )
    assert (after.seq, after.attempts, after.conditions) == (5, before.attempts, before.conditions)
    assert (after.attempted_revision, after.applied_revision) == (before.attempted_revision, before.applied_revision)


def test_the_same_request_is_claimed_once_also_when_the_history_forgot_it() -> None:
    after = replace(answered(asked()).record, claim=None)
    for _ in range(HISTORY_MAX):
        after = after.with_entry(Entry("", "Succeeded", ""))
    assert request_of(after) is None
    assert answer(after, SITE, (), NOW) is None


def test_the_same_again_is_another_request_and_another_run() -> None:
    once = answered(asked()).record
    again = replace(once, claim=None, admin=replace(REQUEST, id="other").dump())
    twice = answered(again).record
    assert once.claim
    assert twice.claim
    assert twice.claim.run != once.claim.run


def test_only_services_that_the_environment_uses() -> None:
    of = declaration(services=["search"])
    after = answered(asked(), Site(all_done(of), OFFERED)).record
    assert after.claim is not None
    assert after.claim.steps == (SECOND,)


def test_one_that_no_job_can_do_is_refused_with_what_there_is() -> None:
    after = answered(asked(replace(REQUEST, name="reindx"))).record
    assert after.claim is None
    assert events(after) == ["AdminRefused"]
    assert after.history[0].message.startswith(
        "no lifecycle Job that acme/production uses in eu-west has admin.reindx; there are admin.dump-stats,"
        " admin.reindex; asked for: admin.reindx (request k3f9) with since, dry-run by ada"
    )
    assert answer(after, SITE, (), NOW + 1) is None


@pytest.mark.parametrize(
    ("fields", "now", "said"),
    [
        ({"gone": "2027-01-14T00:00:00Z"}, NOW, "acme/production was decommissioned at 2027-01-14T00:00:00Z"),
        ({}, NOW + VALID_SECONDS, "it could not begin within a day"),
    ],
    ids=["a tombstone", "too old"],
)
def test_what_will_never_begin_is_refused(fields: Any, now: float, said: str) -> None:
    after = answered(asked(**fields), now=now).record
    assert events(after) == ["AdminRefused"]
    assert after.history[0].message.startswith(said)
    assert after.claim is None


@pytest.mark.parametrize(
    ("fields", "site", "pauses", "said"),
    [
        ({}, SITE, [PAUSE], "tenant acme was suspended by bob"),
        ({"move": MOVE}, SITE, [], "it is on its way from eu-west to us-east (Exporting)"),
        ({}, Site(None, OFFERED), [], "nothing of it is placed in eu-west yet"),
        ({}, replace(SITE, placement=replace(all_done(OF), state=State.FROZEN)), [], "eu-west is Frozen"),
        ({}, replace(SITE, placement=replace(all_done(OF), state=State.RELEASED)), [], "eu-west is Released"),
        ({}, replace(SITE, placement=replace(all_done(OF), epoch=3)), [], "at epoch 1, the placement in eu-west at 3"),
    ],
    ids=["suspended", "moving", "not placed", "frozen", "released", "another epoch"],
)  # fmt: skip
def test_it_waits_and_the_history_says_why_once(fields: Any, site: Site, pauses: Any, said: str) -> None:
    before = asked(**fields)
    found = answered(before, site, pauses=pauses)
    assert said in found.waits
    assert found.record.claim is None
    assert events(found.record) == ["AdminWaits"]
    assert str(REQUEST) in found.record.history[0].message
    assert answered(found.record, site, NOW + 60, pauses).record == found.record
    later = replace(found.record, move=None)
    assert answered(later, SITE, NOW + 60).record.claim is not None, "it begins when nothing stands in its way"


def test_it_begins_at_the_target_while_the_source_is_cleaned() -> None:
    after = answered(asked(move=replace(MOVE, phase=Phase.CLEANING))).record
    assert after.claim is not None
    assert after.move is not None


@pytest.mark.parametrize(
    ("site", "said"),
    [(None, "region eu-west does not answer"), (replace(SITE, active=("by-hand",)), "run by-hand is in progress")],
)
def test_it_waits_silently_for_what_passes(site: Site | None, said: str) -> None:
    found = answered(asked(), site)
    assert found.waits == said
    assert found.record == asked()


def test_it_is_looked_at_again_when_a_suspension_ends_or_it_is_too_old() -> None:
    assert answered(asked(), pauses=[PAUSE]).until == parse_rfc3339(PAUSE.mark.until)
    endless = replace(PAUSE, mark=replace(PAUSE.mark, until=""))
    assert answered(asked(), pauses=[endless]).until == parse_rfc3339(AT) + VALID_SECONDS


# -- the run -----------------------------------------------------------------------------------------------------------


def test_the_run_is_one_of_the_one_template_with_name_and_parameters() -> None:
    claim = answered(asked()).record.claim
    assert claim is not None
    workflow = workflow_of(KEY, "u1", claim, "workflows")
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "tenant-admin", "clusterScope": True}
    assert {item["name"]: item["value"] for item in workflow["spec"]["arguments"]["parameters"]} == {
        "tenant": "acme",
        "environment": "production",
        "name": "reindex",
        "parameters": '{"since": "2027", "dry-run": true}',
        "jobs": '["admin.reindex/billing/billing-lifecycle", "admin.reindex/search/search-lifecycle"]',
        "stages": json.dumps(staged("admin.reindex", claim.steps)),
    }
    assert workflow["metadata"]["labels"]["tenantctl.io/verb"] == "admin.reindex"
    assert Claim.load(claim.dump()) == claim


CLAIM = Claim(
    5, "admin.reindex", "eu-west", 1, OF.digest, "c0ffee", (REINDEX, SECOND), 1, "run-5", "2027-01-15T07:59:30Z"
)
RUN = Run("run-5", KEY, "u1/5", completed=True, phase="Failed", shutdown="", message="")
DONE = [outcome(step, OF, "h", run="run-5") for step in (REINDEX, SECOND)]
BROKEN = outcome(SECOND, OF, "h", run="run-5", result=Result.FAILED, message="disk full", owner="team-search")


def concluded(*outcomes: Any, run: Run | None = RUN) -> Record:
    before = asked(claim=CLAIM, attempts=Attempts("b", 2), conditions=(Condition("Ready", True, "Applied", "x"),))
    placement = replace(all_done(OF), outcomes={each.step: each for each in outcomes})
    after = conclude_admin(before, CLAIM, placement, run, NOW)
    assert (after.attempts, after.conditions, after.claim) == (before.attempts, before.conditions, None)
    return after


def test_all_its_steps_are_done() -> None:
    assert concluded(*DONE).history[-1] == Entry(
        "2027-01-15T08:00:00Z", "Succeeded", "admin.reindex: 2 of 2 steps done", "run-5", "eu-west", "c0ffee", 0, 30.0
    )


def test_a_failure_is_said_with_its_owner_and_not_repeated() -> None:
    last = concluded(DONE[0], BROKEN).history[-1]
    assert (last.event, last.message) == (
        "Failed",
        "admin.reindex: 1 of 2 steps done; search/search-lifecycle: disk full (owner: team-search)",
    )


def test_what_another_run_did_is_another_requests() -> None:
    earlier = [replace(each, run="run-4") for each in DONE]
    last = concluded(*earlier, run=replace(RUN, phase="Succeeded")).history[-1]
    assert last.event == "Failed"
    assert "run run-5 ended without an outcome of every step: Succeeded" in last.message


@pytest.mark.parametrize(
    ("run", "said"), [(None, "run run-5 was deleted"), (replace(RUN, shutdown="Stop"), "run run-5 was stopped")]
)
def test_a_run_that_somebody_ended(run: Run | None, said: str) -> None:
    last = concluded(DONE[0], run=run).history[-1]
    assert (last.event, last.message) == ("Failed", f"admin.reindex: 1 of 2 steps done; {said}")


def test_a_lever_that_was_used_meanwhile_is_noted_too() -> None:
    before = asked(claim=CLAIM, stop=Mark("bob", AT, "wrong one").dump())
    after = conclude_admin(before, CLAIM, None, replace(RUN, shutdown="Stop"), NOW)
    assert events(after) == ["Stopped", "Failed"]
