"""Whether the source is trusted, and what the fleet accepts of it afterwards."""

from dataclasses import replace

import pytest

from reconciler.core.desired import Desired
from reconciler.core.fleet import Fleet
from reconciler.core.names import Key
from reconciler.core.trust import Lineage, accepted_after, untrusted
from tests.core.fleet import declaration, desired

OLD, NEW, OTHER = "a" * 40, "b" * 40, "c" * 40
SOME = replace(desired(declaration()), revision=NEW)
NONE = replace(desired(), revision=NEW)
UNREADABLE = replace(NONE, held=frozenset({Key("acme", "production")}))
FOLLOWS, REWRITTEN = Lineage(follows=True), Lineage()
NOT_CONTAINED, EMPTY = "does not contain aaaaaaaaaaaa", "declares nothing"


@pytest.mark.parametrize(
    ("read", "fleet", "live", "lineage", "message", "written"),
    [
        (SOME, Fleet(), 3, REWRITTEN, "", {"accepted": NEW}),
        (SOME, Fleet(accepted=OLD), 3, FOLLOWS, "", {"accepted": NEW}),
        (SOME, Fleet(accepted=NEW), 3, FOLLOWS, "", {}),
        (SOME, Fleet(accepted=OLD), 3, REWRITTEN, NOT_CONTAINED, {}),
        (SOME, Fleet(accepted=OLD, source=OTHER), 3, REWRITTEN, NOT_CONTAINED, {}),
        (SOME, Fleet(accepted=OLD, source=NEW), 3, REWRITTEN, "", {"accepted": NEW, "source": None}),
        (SOME, Fleet(accepted=OLD, source=OTHER), 3, Lineage(approved=True), "", {"accepted": NEW, "source": None}),
        (SOME, Fleet(accepted=OLD, source=OTHER), 3, FOLLOWS, "", {"accepted": NEW}),
        (SOME, Fleet(accepted=OLD), 3, Lineage(trouble="no answer"), "is not known: no answer", {}),
        (NONE, Fleet(accepted=OLD), 3, FOLLOWS, EMPTY, {}),
        (NONE, Fleet(), 3, FOLLOWS, EMPTY, {}),
        (NONE, Fleet(accepted=OLD), 0, FOLLOWS, "", {}),
        (NONE, Fleet(accepted=OLD, source=NEW), 3, FOLLOWS, "", {"accepted": NEW, "source": None}),
        (NONE, Fleet(accepted=OLD, source=OTHER), 3, Lineage(True, True), EMPTY, {}),
        (NONE, Fleet(accepted=NEW), 3, FOLLOWS, "", {}),
        (UNREADABLE, Fleet(accepted=OLD), 3, FOLLOWS, "", {"accepted": NEW}),
    ],
    ids=[
        "the first commit",
        "a commit that follows",
        "the same commit",
        "a rewritten branch",
        "another commit was approved",
        "this commit was approved",
        "it follows from the approved one",
        "an approval that is not used up",
        "git does not answer",
        "an empty branch",
        "an empty branch from the start",
        "nothing declared, nothing recorded",
        "an empty branch that was approved",
        "emptied after an approval",
        "an empty branch that was accepted",
        "unreadable is not empty",
    ],
)  # fmt: skip
def test_trust(
    read: Desired, fleet: Fleet, live: int, lineage: Lineage, message: str, written: dict[str, str | None]
) -> None:
    why = untrusted(read, fleet, live, lineage)
    assert message in why
    assert bool(why) == bool(message)
    assert accepted_after(read, fleet, live, lineage) == written


def test_what_was_written_is_trusted_from_then_on_and_an_approval_serves_once() -> None:
    fleet = Fleet(accepted=OLD, source=NEW)
    values = accepted_after(NONE, fleet, 3, REWRITTEN)
    fleet = Fleet(accepted=str(values["accepted"]))
    assert untrusted(NONE, fleet, 3, FOLLOWS) == ""
    back = replace(SOME, revision=OLD)
    assert untrusted(back, fleet, 3, REWRITTEN)


@pytest.mark.parametrize(("read", "lineage"), [(SOME, REWRITTEN), (NONE, FOLLOWS)])
def test_it_says_what_to_do(read: Desired, lineage: Lineage) -> None:
    assert "'tenantctl approve --source bbbbbbbbbbbb'" in untrusted(read, Fleet(accepted=OLD), 1, lineage)


def test_one_environment_is_recorded() -> None:
    assert "and 1 environment is recorded" in untrusted(NONE, Fleet(), 1, FOLLOWS)
