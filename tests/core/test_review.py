"""What git shows of a destructive action, and which removed and new keys are one."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import Action, ActionKind
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from reconciler.core.record import Record
from reconciler.core.review import base_of, is_new, is_removed, twin, unknown, unreviewed
from reconciler.core.step import Step
from tests.core.fleet import KEY, declaration, desired, record

BEFORE = declaration()
RECORD = record(BEFORE)
GONE = declaration(state="Decommissioned")
EAST = declaration(region="us-east")
DECOMMISSION = Action(KEY, ActionKind.DECOMMISSION, "eu-west", "", BEFORE.digest)
MIGRATE = Action(KEY, ActionKind.MIGRATE, "eu-west", "us-east", EAST.digest)


def removal(*steps: str) -> Action:
    return Action(KEY, ActionKind.UPSERT, "eu-west", "eu-west", "d", removals=tuple(map(Step.parse, steps)))


BILLING, SEARCH = "job/decommission/billing/billing-lifecycle", "job/decommission/search/search-lifecycle"
PET, PORTAL = "resource/decommission/pets/bark", "application/decommission/portal"
BARK = {"provider": "pets", "name": "bark"}
WITH: dict[str, Any] = {"resources": [BARK], "applications": [{"name": "portal"}]}
ONE, BOTH = declaration(services=["billing"]), declaration(services=["billing", "search"])


@pytest.mark.parametrize(
    ("action", "before", "now"),
    [
        (DECOMMISSION, BEFORE, None),
        (DECOMMISSION, BEFORE, GONE),
        (MIGRATE, BEFORE, EAST),
        (removal(SEARCH), BEFORE, ONE),
        (removal(SEARCH), BOTH, ONE),
        (removal(SEARCH, BILLING), BOTH, declaration(services=[])),
        (removal(PET, PORTAL), declaration(**WITH), BEFORE),
    ],
    ids=["file removed", "state", "region", "of all services", "of two", "all of two", "resource and application"],
)
def test_what_git_shows_is_reviewed(action: Action, before: Declaration, now: Declaration | None) -> None:
    assert unreviewed(action, RECORD, before, now) == ""


@pytest.mark.parametrize(
    ("action", "of", "before", "now", "why"),
    [
        (DECOMMISSION, RECORD, None, None, "does not declare the environment as Active"),
        (DECOMMISSION, RECORD, GONE, None, "does not declare the environment as Active"),
        (DECOMMISSION, RECORD, BEFORE, BEFORE, "still declared as Active"),
        (MIGRATE, replace(RECORD, region="us-west"), BEFORE, EAST, "region eu-west, and the record says us-west"),
        (MIGRATE, RECORD, None, EAST, "does not declare the environment"),
        (MIGRATE, RECORD, EAST, EAST, "region us-east, and the record says eu-west"),
        (MIGRATE, RECORD, BEFORE, BEFORE, "the declared region is eu-west, not us-east"),
        (MIGRATE, RECORD, BEFORE, None, "the declared region is none, not us-east"),
        (removal(SEARCH), RECORD, ONE, ONE, "search was not taken out"),
        (removal(SEARCH, BILLING), RECORD, BOTH, ONE, "billing was not taken out"),
        (removal(SEARCH), RECORD, None, ONE, "does not declare the environment"),
        (removal(PET), RECORD, declaration(**WITH), declaration(**WITH), "pets was not taken out"),
        (removal(PORTAL), RECORD, BEFORE, BEFORE, "portal was not taken out"),
    ],
)
def test_what_git_does_not_show_is_not(
    action: Action, of: Record, before: Declaration | None, now: Declaration | None, why: str
) -> None:
    message = unreviewed(action, of, before, now)
    assert why in message
    assert message.endswith("'tenantctl plan' shows the id that 'tenantctl approve' takes")


def test_the_base_is_what_was_applied_else_what_was_tried() -> None:
    tried = replace(RECORD, applied_revision="", attempted_revision="beef")
    assert (base_of(RECORD), base_of(tried)) == ("c0ffee", "beef")
    assert "no answer" in unknown(RECORD, "no answer")
    assert "no applied commit is recorded" in unknown(replace(RECORD, applied_revision=""), "x")


# -- renamed -------------------------------------------------------------------------------------------------------

OLD, NEW, OTHER = Key("acme", "production"), Key("acme", "prod"), Key("globex", "production")
UNLIKE = declaration(NEW, parameters={"seats": 9})


def held(of: Record) -> Record:
    return replace(of, applied_digest="", applied_revision="")


@pytest.mark.parametrize(
    ("read", "records", "renamed", "twins"),
    [
        (desired(declaration(NEW)), [RECORD], {}, {OLD: NEW, NEW: OLD}),
        (desired(declaration(NEW)), [RECORD, held(record(declaration(NEW)))], {}, {OLD: NEW, NEW: OLD}),
        (desired(declaration(NEW)), [RECORD, replace(record(declaration(NEW)), gone="x")], {}, {OLD: NEW, NEW: OLD}),
        (desired(declaration(NEW)), [RECORD, record(declaration(NEW))], {}, {}),
        (desired(UNLIKE), [RECORD], {}, {}),
        (desired(UNLIKE), [RECORD], {OLD: NEW}, {OLD: NEW, NEW: OLD}),
        (desired(UNLIKE), [RECORD, record(UNLIKE)], {OLD: NEW}, {OLD: NEW}),
        (desired(UNLIKE), [RECORD], {OLD: OTHER}, {}),
        (desired(declaration(OTHER), UNLIKE), [RECORD], {OLD: NEW}, {OLD: NEW, NEW: OLD, OTHER: OLD}),
        (desired(declaration(OTHER), declaration(NEW)), [RECORD], {}, {OLD: NEW, NEW: OLD, OTHER: OLD}),
        (desired(BEFORE, declaration(NEW)), [RECORD], {}, {}),
        (desired(GONE, declaration(NEW)), [RECORD], {}, {}),
        (desired(declaration(NEW)), [replace(RECORD, gone="2027-01-01T00:00:00Z")], {}, {}),
        (replace(desired(declaration(NEW)), held=frozenset({OLD})), [RECORD], {}, {}),
        (replace(desired(), held=frozenset({NEW})), [RECORD], {OLD: NEW}, {OLD: NEW, NEW: OLD}),
        (desired(declaration(NEW)), [held(RECORD)], {}, {}),
        (desired(declaration(NEW)), [replace(held(RECORD), attempted_revision="x")], {OLD: NEW}, {OLD: NEW, NEW: OLD}),
    ],
    ids=[
        "the same digest",
        "the new one is recorded and held",
        "the new one is a tombstone",
        "the new one is applied",
        "another digest",
        "git says so",
        "git says so and the new one is applied",
        "git says so of what is not declared",
        "git's word before the digest",
        "the same tenant first",
        "nothing removed",
        "decommissioned by its state",
        "gone already",
        "the old file is there and unreadable",
        "the new file is unreadable",
        "never tried",
        "tried and never applied",
    ],
)
def test_twins(read: Desired, records: list[Record], renamed: dict[Key, Key], twins: dict[Key, Key]) -> None:
    known = {each.key: each for each in records}
    removed = {key: each for key, each in known.items() if is_removed(each, read)}
    found = {key: twin(key, read, removed, known.get, renamed) for key in (OLD, NEW, OTHER)}
    assert {key: other for key, other in found.items() if other} == twins


def test_two_removed_and_one_new_are_all_held() -> None:
    other = record(declaration(OTHER))
    known = {OLD: RECORD, OTHER: other}
    read = desired(declaration(NEW))
    assert [twin(key, read, known, known.get, {}) for key in (OLD, OTHER, NEW)] == [NEW, NEW, OLD]


def test_an_unreadable_list_of_regions_removes_nothing() -> None:
    finding = Finding("providers/regions.yaml", 1, 1, "missing-regions", "x")
    assert is_removed(RECORD, desired())
    assert not is_removed(RECORD, desired(findings=(finding,)))


def test_what_is_new() -> None:
    read = desired(declaration(NEW))
    assert is_new(NEW, read, None)
    assert not is_new(NEW, read, record(declaration(NEW)))
    assert not is_new(OLD, read, None)
