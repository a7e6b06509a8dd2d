"""Records, claims, placements and outcomes: what is written is read back, and damage is a named error."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import placement, record
from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim, run_name, workflow_of
from reconciler.core.condition import Condition
from reconciler.core.declaration import Policy
from reconciler.core.names import ENVIRONMENT_MAX, TENANT_MAX, Key
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.record import Entry, Record
from reconciler.core.stages import staged
from reconciler.core.step import Kind, Step, Verb
from tests.core.fleet import BILLING, KEY, SEARCH, all_done, declaration

CLAIM = Claim(
    4, "upsert", "eu-west", 2, "d1", "c0ffee", (BILLING, SEARCH), 3, "run-4", "2027-01-15T08:00:00Z", "b", True
)
FULL = Record(
    key=KEY,
    policy=Policy(deletion_protection=False, owners=("a@example.com",), display_name="Acme", ring=2),
    region="eu-west",
    epoch=2,
    seq=4,
    attempted_revision="c0ffee",
    applied_revision="beef",
    applied_digest="d0",
    claim=CLAIM,
    attempts=Attempts("b", 2, 1.5, "RunStopped", "why"),
    conditions=(Condition("Ready", False, "Progressing", "x", "2027-01-15T08:00:00Z"),),
    history=(Entry("2027-01-15T08:00:00Z", "Failed", "boom", "run-3", "eu-west", "beef", 1, 4.5),),
    retry="r",
    stop="s",
    pause="p",
    noted={"retry": "0123456789ab"},
    reconcile="1",
    handled="1",
    uid="u1",
    resource_version="9",
)


def stored(config_map: dict) -> dict:  # type: ignore[type-arg]
    config_map["metadata"] |= {"uid": "u1", "resourceVersion": "9"}
    return config_map


def test_a_record_is_read_back_as_it_was_written() -> None:
    assert record.read_record(stored(record.config_map_of(FULL, "tenantctl"))) == FULL


def test_a_record_replaces_only_the_version_that_was_read() -> None:
    assert record.config_map_of(FULL, "tenantctl")["metadata"]["resourceVersion"] == "9"


@pytest.mark.parametrize("key", ["policy", "region", "epoch", "seq"])
def test_a_damaged_record_names_what_is_missing(key: str) -> None:
    raw = stored(record.config_map_of(FULL, "tenantctl"))
    del raw["data"][key]
    with pytest.raises(ValueError, match=f"record acme.production: key '{key}' is missing"):
        record.read_record(raw)


@pytest.mark.parametrize(
    ("key", "text"), [("claim", "{"), ("claim", "{}"), ("epoch", "x"), ("history", '[{"a":1}]'), ("noted", "1")]
)
def test_a_record_with_nonsense_is_a_named_error(key: str, text: str) -> None:
    raw = stored(record.config_map_of(FULL, "tenantctl"))
    raw["data"][key] = text
    with pytest.raises(ValueError, match=r"record acme\.production"):
        record.read_record(raw)


def test_a_placement_is_read_back_with_its_outcomes() -> None:
    before = all_done(declaration())
    raw = placement.config_map_of(before, "w")
    raw["data"] |= {step.data_key: outcome.dump() for step, outcome in before.outcomes.items()}
    assert placement.read_placement(raw) == before


def test_the_reconcilers_patch_tests_what_it_read_and_leaves_outcomes_alone() -> None:
    before = all_done(declaration())
    after = placement.placement_of(declaration(parameters={"seats": 6}), "new", 1)
    patch = placement.replace_patch(before, after)
    assert {step["path"] for step in patch if step["op"] == "test"} == {
        "/data/epoch", "/data/state", "/data/digest", "/data/revision",
    }  # fmt: skip
    assert {step["path"] for step in patch if step["op"] == "replace"} == {
        "/data/declaration", "/data/digest", "/data/revision",
    }  # fmt: skip


def test_an_unchanged_placement_is_not_written() -> None:
    before = all_done(declaration())
    assert placement.replace_patch(before, replace(before)) == []


def test_outcomes_that_say_nothing_any_more_are_taken_away_and_none_is_written() -> None:
    before = all_done(declaration())
    patch = placement.replace_patch(before, replace(before, outcomes={}))
    removed = [each["path"] for each in patch if each["op"] == "remove"]
    assert removed == [f"/data/{step.data_key}" for step in before.outcomes]
    assert {each["op"] for each in patch} == {"test", "remove"}


def test_a_bridges_patch_is_fenced_by_epoch_and_state() -> None:
    outcome = all_done(declaration()).outcomes[BILLING]
    patch = placement.outcome_patch(7, placement.State.ACTIVE, outcome)
    assert patch[:2] == [
        {"op": "test", "path": "/data/epoch", "value": "7"},
        {"op": "test", "path": "/data/state", "value": "Active"},
    ]
    assert patch[2]["path"] == "/data/outcome.job_upsert_billing_billing-lifecycle"


def test_outcomes_that_a_run_left_running_are_ended_and_no_others() -> None:
    before = all_done(declaration())
    raw = placement.config_map_of(before, "w")
    texts = {
        BILLING: replace(before.outcomes[BILLING], run="run-4", result=Result.RUNNING).dump(),
        SEARCH: replace(before.outcomes[SEARCH], run="run-3", result=Result.RUNNING).dump(),
    }
    raw["data"] |= {step.data_key: text for step, text in texts.items()}
    patch = placement.ended_patch(raw, "run-4", "cut off", "now")
    assert [step["op"] for step in patch] == ["test", "test", "replace"]
    assert patch[1]["value"] == texts[BILLING]
    ended = Outcome.load(patch[2]["value"])
    assert (ended.step, ended.result, ended.message) == (BILLING, Result.FAILED, "cut off")
    assert placement.ended_patch(raw, "run-5", "cut off", "now") == []


@pytest.mark.parametrize(
    ("state", "admitted"),
    [
        ("Active", {"upsert", "migrate-in", "admin.reindex"}),
        ("Frozen", {"migrate-out"}),
        ("Released", {"decommission"}),
    ],
)
def test_states_admit_verbs(state: str, admitted: set[str]) -> None:
    verbs = {*Verb, "admin.reindex"}
    assert {verb for verb in verbs if placement.State(state).admits(verb)} == admitted


WORD = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
TENANTS = st.from_regex(rf"[a-z0-9]([a-z0-9-]{{0,{TENANT_MAX - 2}}}[a-z0-9])?", fullmatch=True)
ENVIRONMENTS = st.from_regex(rf"[a-z0-9]([a-z0-9-]{{0,{ENVIRONMENT_MAX - 2}}}[a-z0-9])?", fullmatch=True)
VERBS = st.sampled_from([*Verb, "admin.reindex"])
STEPS = st.one_of(
    st.builds(lambda v, a, b: Step(Kind.JOB, str(v), (a, b)), VERBS, WORD, WORD),
    st.builds(lambda v, a, b: Step(Kind.RESOURCE, str(v), (a, b)), VERBS, WORD, WORD),
    st.builds(lambda v, a: Step(Kind.APPLICATION, str(v), (a,)), VERBS, WORD),
)


@given(STEPS)
def test_every_name_made_of_a_step_leads_back_to_it(step: Step) -> None:
    assert Step.parse(str(step)) == step
    assert Step.of_item(step.kind, step.item) == step
    assert Step.of_data_key(step.data_key) == step


@pytest.mark.parametrize(
    "text", ["", "job", "job/upsert", "job/upsert/a", "job/fly/a/b", "cat/upsert/a/b", "job/upsert/a/"]
)
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no step"):
        Step.parse(text)


@given(TENANTS, ENVIRONMENTS, st.sampled_from(["upsert", "migrate-out", "admin.reindex"]), st.integers(1, 10**9))
def test_a_runs_name_is_a_label_and_never_used_twice(tenant: str, environment: str, verb: str, seq: int) -> None:
    key = Key(tenant, environment)
    name = run_name(key, verb, "uid", seq)
    assert len(name) <= 63
    assert name[0].isalnum()
    assert name[-1].isalnum()
    assert name != run_name(key, verb, "uid", seq + 1)
    assert name != run_name(key, verb, "another record", seq)


@given(st.builds(Outcome, STEPS, st.text(), st.integers(0, 9), st.text(), st.sampled_from(Result),
                 failure=st.sampled_from([None, *FailureClass]), message=st.text()))  # fmt: skip
def test_an_outcome_is_read_back_as_it_was_written(outcome: Outcome) -> None:
    assert Outcome.load(outcome.dump()) == outcome


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"step": 3}', '{"step": "job/upsert/a/b"}'])
def test_what_is_no_outcome_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Outcome.load(text)


def test_a_run_carries_a_reference_and_names_and_nothing_else() -> None:
    workflow = workflow_of(KEY, "u1", CLAIM, "w")
    assert set(workflow["spec"]) == {"workflowTemplateRef", "arguments"}
    values = {item["name"]: item["value"] for item in workflow["spec"]["arguments"]["parameters"]}
    assert values == {
        "tenant": "acme",
        "environment": "production",
        "jobs": '["upsert/billing/billing-lifecycle", "upsert/search/search-lifecycle"]',
        "resources": "[]",
        "applications": "[]",
        "stages": json.dumps(staged("upsert", (BILLING, SEARCH))),
    }
