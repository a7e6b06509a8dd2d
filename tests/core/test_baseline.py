"""A commit as the baseline: `decide` gives the difference of two commits, and nothing is taken for absent."""

from dataclasses import replace
from time import process_time
from typing import Any

import pytest

from reconciler.core.action import ActionKind
from reconciler.core.baseline import baseline, decision, decisions, new_findings, policy_changes
from reconciler.core.decide import Decision
from reconciler.core.desired import Desired
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from tests.core.fleet import KEY, declaration, desired

OTHER = Key("acme", "staging")
BAD = Finding("tenants/acme/production.yaml", 1, 1, "syntax", "unreadable")


def one(before: Any, after: Any) -> Any:
    """What is seen of one environment, made or held."""
    found = decision(KEY, before, after)
    return found.action or (found.holds[0].action if found.holds else None)


def of(**spec: Any) -> Desired:
    return desired(declaration(**spec))


NONE = desired()
HELD = replace(desired(findings=(BAD,)), held=frozenset({KEY}))


def test_the_same_commit_changes_nothing() -> None:
    assert one(of(services=["billing"]), of(services=["billing"])) is None
    assert one(NONE, NONE) is None


@pytest.mark.parametrize(
    ("before", "after", "kind", "reasons"),
    [
        pytest.param(NONE, of(), ActionKind.UPSERT, ["new environment"], id="new"),
        pytest.param(of(tier="a"), of(tier="b"), ActionKind.UPSERT, ['tier: "a" → "b"'], id="field"),
        pytest.param(
            of(), of(region="us-east"), ActionKind.MIGRATE, ['spec.region: "eu-west" → "us-east"'], id="region"
        ),
        pytest.param(of(), NONE, ActionKind.DECOMMISSION, ["the declaration was removed"], id="removed"),
        pytest.param(
            of(), of(state="Decommissioned"), ActionKind.DECOMMISSION, ["spec.state: Decommissioned"], id="state"
        ),
        pytest.param(of(state="Decommissioned"), of(), ActionKind.UPSERT, ["new environment"], id="back"),
        pytest.param(
            HELD,
            of(),
            ActionKind.UPSERT,
            ["its declaration was invalid before, so what is there is not known"],
            id="mended",
        ),
        pytest.param(HELD, NONE, ActionKind.DECOMMISSION, ["the declaration was removed"], id="removed while invalid"),
    ],
)
def test_what_changes(before: Desired, after: Desired, kind: ActionKind, reasons: list[str]) -> None:
    seen = one(before, after)
    assert seen.kind is kind
    assert [str(reason) for reason in seen.reasons] == reasons


def test_one_that_was_taken_down_before_is_not_taken_down_again() -> None:
    assert one(of(state="Decommissioned"), NONE) is None


@pytest.mark.parametrize(
    ("before", "after", "removed", "said"),
    [
        (["billing", "search"], ["billing"], ["job/decommission/search/*"], "search: no longer wanted"),
        (None, ["billing"], ["job/decommission/*/*"], "services: those that are not listed are no longer wanted"),
        (["billing"], ["billing", "search"], [], ""),
        (["billing"], None, [], ""),
    ],
)
def test_services_that_are_left_out_are_removals(
    before: list[str] | None, after: list[str] | None, removed: list[str], said: str
) -> None:
    specs = [{} if services is None else {"services": services} for services in (before, after)]
    found = decision(KEY, of(**specs[0]), of(**specs[1]))
    seen = [item for item in (found.action, *(hold.action for hold in found.holds)) if item]
    assert {str(step) for item in seen for step in item.removals} == set(removed)
    reasons = {str(reason) for item in seen for reason in item.reasons}
    assert not said or said in reasons


def test_the_policy_of_the_baseline_is_in_its_record() -> None:
    record = baseline(KEY, of(deletionProtection=False)).record
    assert record is not None
    assert record.policy.deletion_protection is False


def test_only_what_differs_is_decided() -> None:
    before = desired(declaration(), declaration(OTHER))
    after = desired(declaration(), declaration(OTHER, tier="b"))
    assert [made.key for made in decisions(before, after, [])] == [OTHER]


def test_a_file_that_was_written_and_stays_invalid_is_held_and_not_passed_over() -> None:
    (made,) = decisions(HELD, HELD, [BAD.path])
    assert [hold.key for hold in made.holds] == [KEY]
    assert decisions(HELD, HELD, ["tenants/other/x.yaml"]) == []


def test_changes_of_policy_launch_nothing_and_are_told() -> None:
    before, after = of(ring=1), of(ring=2, deletionProtection=False)
    assert one(before, after) is None
    told = {(change.field, change.before, change.after) for change in policy_changes(before, after)}
    assert told == {("ring", 1, 2), ("deletionProtection", True, False)}
    assert [c.field for c in policy_changes(before, after) if c.lifts_protection] == ["deletionProtection"]
    assert not any(change.lifts_protection for change in policy_changes(after, before))


def test_findings_are_those_that_the_change_brings_or_touches() -> None:
    elsewhere = Finding("tenants/globex/x.yaml", 1, 1, "syntax", "unreadable")
    before, after = desired(findings=(elsewhere,)), desired(findings=(elsewhere, BAD))
    assert new_findings(before, after, []) == (BAD,)
    assert new_findings(after, after, []) == ()
    assert new_findings(after, after, [elsewhere.path]) == (elsewhere,)


def test_what_looks_renamed_is_held_on_both_sides() -> None:
    moved, spec = Key("acme", "live"), {"services": ["billing"], "deletionProtection": False}
    before, after = desired(declaration(**spec)), desired(declaration(moved, **spec))
    both = [(moved, ["LooksRenamed"]), (KEY, ["LooksRenamed"])]
    assert held(decisions(before, after, [])) == both, "by the same digest"
    other = desired(declaration(moved, **spec | {"services": ["search"]}))
    assert held(decisions(before, other, [])) == [(moved, []), (KEY, [])]
    renamed = {"tenants/acme/production.yaml": "tenants/acme/live.yaml"}
    assert held(decisions(before, other, [], renamed)) == both, "by git's word"


def test_what_goes_is_not_taken_for_what_stays_as_it_was() -> None:
    spec = {"services": ["billing"], "deletionProtection": False}
    before = desired(declaration(**spec), declaration(OTHER, **spec))
    assert held(decisions(before, desired(declaration(OTHER, **spec)), [])) == [(KEY, [])], "of the same digest"


def test_thousands_of_files_that_are_invalid_are_no_work_of_millions_of_steps() -> None:
    keys = [Key(f"t{number}", "production") for number in range(8_000)]
    after = replace(desired(), held=frozenset(keys))
    began = process_time()
    made = decisions(after, after, [f"tenants/{key.tenant}/{key.environment}.yaml" for key in keys])
    assert len(made) == len(keys)
    assert process_time() - began < 10, "each file was compared with each environment"


def held(made: list[Decision]) -> list[tuple[Key, list[str]]]:
    return [(each.key, [hold.reason.value for hold in each.holds]) for each in made]
