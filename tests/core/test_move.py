"""Moves: what is kept of one, and that damage is told."""

import pytest

from reconciler.core.attempts import Attempts
from reconciler.core.move import Move, Phase
from tests.core.moving import archives, move

ATTEMPTS = Attempts("b", 2, 5.0, "", "why")


@pytest.mark.parametrize("phase", Phase)
def test_a_move_is_read_as_it_was_written(phase: Phase) -> None:
    kept = move(phase, archives=archives(), cleans="eu-west", without_source=True, attempts=ATTEMPTS)
    assert Move.load(kept.dump()) == kept


@pytest.mark.parametrize("text", ["{}", "[]", "null", '"text"', move().dump().replace("Exporting", "Flying")])
def test_anything_else_is_damage(text: str) -> None:
    with pytest.raises(ValueError, match=r"move|Flying"):
        Move.load(text)


def test_another_phase_counts_its_attempts_anew_and_keeps_the_rest() -> None:
    entered = move(attempts=ATTEMPTS, archives=archives()).enter(Phase.CLEANING, cleans="eu-west")
    assert entered == move(Phase.CLEANING, archives=archives(), cleans="eu-west")
    assert entered.enter(Phase.CLEANING).cleans == "eu-west"


def test_it_can_be_turned_around_until_the_commit_point() -> None:
    assert [phase for phase in Phase if phase.revertible] == [Phase.EXPORTING, Phase.IMPORTING]
