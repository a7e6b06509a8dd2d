"""Stages: every step of a run is in one of them, and only where the templates look for it."""

import json
import re
from pathlib import Path

import pytest

from reconciler.core.claim import Claim, workflow_of
from reconciler.core.names import Key
from reconciler.core.stages import staged
from reconciler.core.step import Step

TEMPLATES = Path(__file__).parents[2] / "reconciler/manifests/templates"
STEPS = {
    "upsert": (
        "application/decommission/old",
        "application/upsert/portal",
        "job/decommission/gone/gone-lifecycle",
        "job/upsert/billing/billing-lifecycle",
    ),
    "migrate-out": ("job/migrate-out/ledger/ledger-lifecycle",),
    "migrate-in": ("job/migrate-in/ledger/l", "job/upsert/ledger/l", "application/upsert/portal"),
    "decommission": ("job/decommission/ledger/l", "application/decommission/portal"),
    "admin.reindex": ("job/admin.reindex/billing/b",),
}


def steps_of(verb: str) -> tuple[Step, ...]:
    return tuple(Step.parse(text) for text in STEPS[verb])


def parameters(verb: str, steps: tuple[Step, ...]) -> dict[str, str]:
    claim = Claim(3, verb, "eu-west", 1, "d", "r", steps, 1, "acme-production-up-x", "2026-01-01T00:00:00Z")
    body = workflow_of(Key("acme", "production"), "uid", claim, "workflows")
    return {entry["name"]: entry["value"] for entry in body["spec"]["arguments"]["parameters"]}


def test_what_an_upsert_takes_away_comes_last() -> None:
    assert staged("upsert", steps_of("upsert")) == {
        "jobs": ["upsert/billing/billing-lifecycle"],
        "resources": [],
        "applications": ["upsert/portal"],
        "removals": ["application/decommission/old", "job/decommission/gone/gone-lifecycle"],
    }


def test_a_move_builds_up_before_it_imports() -> None:
    found = staged("migrate-in", steps_of("migrate-in"))
    assert (found["jobs"], found["imports"]) == (["upsert/ledger/l"], ["migrate-in/ledger/l"])


@pytest.mark.parametrize(
    ("verb", "step"), [("upsert", "migrate-out"), ("decommission", "upsert"), ("admin.a", "upsert")]
)
def test_a_step_that_no_stage_does_is_refused(verb: str, step: str) -> None:
    with pytest.raises(ValueError, match=f"{step}/a/b is no step of a {verb}; its verbs are"):
        staged(verb, [Step.parse(f"job/{step}/a/b")])


@pytest.mark.parametrize("verb", STEPS)
def test_every_stage_with_something_to_do_is_one_of_the_template(verb: str) -> None:
    """A list that a template asks for and a claim lacks is an error in Argo; one that it does not ask for, nothing."""
    name = "admin" if verb.startswith("admin.") else verb
    text = (TEMPLATES / f"tenant-{name}.yaml").read_text()
    asked = set(re.findall(r"fromJSON\(inputs\.parameters\.given\)\.(\w+)", text))
    assert asked == set(re.findall(r"withParam: .*steps\.stages\.outputs\.parameters\.(\w+)", text))
    given = json.loads(parameters(verb, steps_of(verb))["stages"])
    assert {stage for stage, items in given.items() if items} <= asked <= set(given)


def test_a_claim_says_its_steps_by_kind_too() -> None:
    found = parameters("upsert", steps_of("upsert"))
    assert json.loads(found["jobs"]) == ["decommission/gone/gone-lifecycle", "upsert/billing/billing-lifecycle"]
    assert json.loads(found["stages"])["jobs"] == ["upsert/billing/billing-lifecycle"]


def test_an_admin_process_that_nothing_can_do_is_left_to_the_run_to_refuse() -> None:
    assert parameters("admin.reindex", ())["stages"] == ""
    assert json.loads(parameters("upsert", ())["stages"])["jobs"] == []
