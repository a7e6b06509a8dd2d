"""What a placement says before a run: states, epochs, and which outcomes are still true."""

from dataclasses import replace

import pytest

from reconciler.core.action import Action, ActionKind
from reconciler.core.outcome import Result
from reconciler.core.placement import Placement, State
from reconciler.core.placing import placing, without_removed
from reconciler.core.step import Verb
from tests.core.fleet import KEY, declaration
from tests.core.moving import STAYS, done, home, offered, step

UP, DEC = Verb.UPSERT, Verb.DECOMMISSION
ONLY_BILLING = declaration(services=["billing"])
BOTH = offered("billing", "search")


def run(verb: str, of: object = STAYS, epoch: int = 1) -> Action:
    return Action(KEY, ActionKind.UPSERT, "", "eu-west", "d", verb=verb, epoch=epoch, declaration=of)  # type: ignore[arg-type]


def placed(action: Action, before: Placement | None, imports: dict[str, str] | None = None) -> Placement:
    after = placing(action, before, "beef", BOTH, imports or {})
    assert after is not None
    return after


@pytest.mark.parametrize(("verb", "state"), [(Verb.MIGRATE_OUT, State.FROZEN), (DEC, State.RELEASED)])
def test_what_takes_away_changes_the_state_and_nothing_else(verb: str, state: State) -> None:
    assert placed(run(verb), home()) == replace(home(), state=state)
    assert placing(run(verb), None, "beef", BOTH, {}) is None


def test_a_new_one_says_the_declaration_and_what_is_imported() -> None:
    made = placed(run(Verb.MIGRATE_IN, epoch=4), None, {"billing.lifecycle": "{}"})
    assert (made.epoch, made.state, made.digest, made.imports) == (
        4, State.ACTIVE, STAYS.digest, {"billing.lifecycle": "{}"},
    )  # fmt: skip


def test_in_the_same_epoch_outcomes_and_imports_stay_and_the_revision_only_where_nothing_changed() -> None:
    before = replace(home(), imports={"billing.lifecycle": "{}"})
    assert placed(run(UP), before) == before
    changed = placed(run(UP, declaration(parameters={"seats": 9})), before)
    assert (changed.revision, changed.outcomes, changed.imports) == ("beef", before.outcomes, before.imports)


def test_a_new_epoch_thaws_it_with_what_was_not_taken_away() -> None:
    before = home(
        done(UP), done(Verb.MIGRATE_OUT), done(UP, service="search"), done(DEC, service="search"), state=State.FROZEN
    )
    after = placed(run(UP, epoch=3), before)
    assert (after.state, after.epoch, set(after.outcomes)) == (State.ACTIVE, 3, {step(UP)})


def test_a_service_that_is_wanted_again_forgets_that_it_was_being_taken_away() -> None:
    leaving = replace(
        home(done(UP), done(UP, service="search"), done(DEC, service="search", result=Result.FAILED)),
        declaration=ONLY_BILLING.effective,
    )
    assert set(placed(run(UP), leaving).outcomes) == {step(UP)}
    assert set(placed(run(UP, ONLY_BILLING), leaving).outcomes) == set(leaving.outcomes)


def test_what_was_taken_away_is_forgotten_only_while_it_lives() -> None:
    gone = replace(
        home(done(UP), done(UP, service="search"), done(DEC, service="search")), declaration=ONLY_BILLING.effective
    )
    assert set(without_removed(gone, BOTH).outcomes) == {step(UP)}
    released = replace(gone, state=State.RELEASED)
    assert without_removed(released, BOTH) == released
