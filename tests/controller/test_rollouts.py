"""The orders of a region's rollouts: whatever changes and when it is noted, they are as if they were made anew."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.controller.rollouts import Facts, RegionRollouts
from reconciler.core.declaration import Declaration
from reconciler.core.names import Key
from reconciler.core.outcome import Result
from reconciler.core.placement import Placement
from reconciler.core.rollout import Rollout, Turn, rollout_of
from reconciler.core.standing import Standing, place_of, standing_of, uses_step
from tests.core.fleet import BILLING, SEARCH, declaration, outcome, placed

KEYS = [Key("acme", f"e{number}") for number in range(8)]
NEW, OLD = "new", "old"


@dataclass
class Region:
    """What a region holds, with everything that asks for it counted."""

    placements: dict[Key, Placement] = field(default_factory=dict)
    unapplied: set[Key] = field(default_factory=set)
    held: set[Key] = field(default_factory=set)
    looked: int = 0

    def put(
        self, key: Key, ring: int = 0, result: Result | None = None, job_hash: str = NEW, **spec: list[str]
    ) -> None:
        of: Declaration = declaration(key, ring=ring, **spec)
        outcomes = [outcome(BILLING, of, job_hash, result=result)] if result else []
        self.placements[key] = placed(of, *outcomes)

    def facts(self) -> Facts:
        return Facts(lambda: list(self.placements), self.placement, self.settled, lambda found: found.key in self.held)

    def placement(self, key: Key) -> Placement | None:
        self.looked += 1
        return self.placements.get(key)

    def settled(self, found: Placement) -> bool:
        return found.key not in self.unapplied

    def anew(self, job_hash: str = NEW) -> Rollout:
        """The rollout of BILLING, counted without an index."""
        part = sorted(
            (place_of(found), self._standing(found, job_hash))
            for found in self.placements.values()
            if self.settled(found) and uses_step(found, BILLING)
        )
        return rollout_of([place for place, _ in part], bytes(standing for _, standing in part))

    def _standing(self, found: Placement, job_hash: str) -> Standing:
        standing = standing_of(found.outcomes.get(BILLING), job_hash)
        return Standing.HELD if standing is Standing.PENDING and found.key in self.held else standing


def region(*results: Result | None) -> tuple[Region, RegionRollouts]:
    made = Region()
    for key, result in zip(KEYS, results, strict=False):
        made.put(key, result=result)
    return made, RegionRollouts()


def turns(rollouts: RegionRollouts, made: Region) -> list[Turn]:
    return [rollouts.turn(BILLING, NEW, key, made.facts()) for key in made.placements]


def test_one_goes_and_then_two() -> None:
    made, rollouts = region(None, None, None, None)
    assert turns(rollouts, made) == [Turn.GO, Turn.WAIT, Turn.WAIT, Turn.WAIT]
    made.put(KEYS[0], result=Result.SUCCEEDED)
    assert turns(rollouts, made)[1] is Turn.WAIT, "nobody told of it yet"
    rollouts.touch(KEYS[0])
    assert turns(rollouts, made) == [Turn.GO, Turn.GO, Turn.GO, Turn.WAIT]


def test_a_new_version_of_the_job_begins_a_new_rollout() -> None:
    made, rollouts = region(Result.SUCCEEDED, Result.SUCCEEDED)
    assert turns(rollouts, made) == [Turn.GO, Turn.GO]
    assert [rollouts.turn(BILLING, "newer", key, made.facts()) for key in KEYS[:2]] == [Turn.GO, Turn.WAIT]


def test_who_has_no_placement_has_nothing_to_wait_for() -> None:
    made, rollouts = region(Result.FAILED)
    assert rollouts.turn(BILLING, NEW, KEYS[5], made.facts()) is Turn.GO


def test_a_failure_halts_and_the_next_attempt_goes_on() -> None:
    made, rollouts = region(Result.FAILED, None, None)
    assert turns(rollouts, made) == [Turn.GO, Turn.HALTED, Turn.HALTED]
    made.put(KEYS[0], result=Result.SUCCEEDED)
    rollouts.touch(KEYS[0])
    assert turns(rollouts, made) == [Turn.GO, Turn.GO, Turn.GO]


def test_who_is_suspended_is_passed_over_and_comes_first_when_it_is_resumed() -> None:
    made, rollouts = region(None, None, None, Result.SUCCEEDED)
    made.held = {KEYS[0], KEYS[1]}
    rollout = rollouts.rollout(BILLING, NEW, made.facts())
    assert rollout.turn(place_of(made.placements[KEYS[2]]), Standing.PENDING) is Turn.GO
    made.held = set()
    assert rollouts.turn(BILLING, NEW, KEYS[2], made.facts()) is Turn.GO, "nobody told of it yet"
    assert rollouts.turn(BILLING, NEW, KEYS[1], made.facts()) is Turn.WAIT, (
        "who asks is held no more, nor who is before"
    )
    assert rollouts.turn(BILLING, NEW, KEYS[2], made.facts()) is Turn.WAIT
    assert rollouts.turn(BILLING, NEW, KEYS[0], made.facts()) is Turn.GO


@pytest.mark.parametrize("touch", [RegionRollouts.touch_held, RegionRollouts.touch_all], ids=["a Job", "a suspension"])
def test_what_holds_many_is_looked_at_again(touch: Callable[[RegionRollouts], None]) -> None:
    made, rollouts = region(None, None, None)
    made.held = {KEYS[0]}
    assert rollouts.rollout(BILLING, NEW, made.facts()).front == place_of(made.placements[KEYS[1]])
    made.held = set()
    touch(rollouts)
    assert rollouts.rollout(BILLING, NEW, made.facts()).front == place_of(made.placements[KEYS[0]])


def test_nothing_is_looked_at_again_while_nothing_changes() -> None:
    made, rollouts = region(*[None] * 8)
    turns(rollouts, made)
    made.looked = 0
    turns(rollouts, made)
    assert made.looked == 8, "each asks for its own placement, and no other"
    rollouts.touch(KEYS[3])
    turns(rollouts, made)
    assert made.looked == 17


changes = st.one_of(
    st.tuples(
        st.just("put"),
        st.sampled_from(KEYS),
        st.integers(0, 2),
        st.sampled_from([None, *Result]),
        st.sampled_from([NEW, NEW, OLD]),
        st.sampled_from([{}, {}, {"services": ["search"]}]),
    ),
    st.tuples(st.sampled_from(["remove", "apply", "unapply", "hold", "free"]), st.sampled_from(KEYS)),
)


@given(st.lists(st.tuples(changes, st.booleans(), st.sampled_from([NEW, NEW, NEW, OLD])), max_size=60))
def test_the_index_is_as_if_it_were_made_anew(steps: list[tuple[tuple, bool, str]]) -> None:  # type: ignore[type-arg]
    made, rollouts = region(None, None)
    for (what, key, *rest), asked, job_hash in steps:
        if what == "put":
            made.put(key, rest[0], rest[1], rest[2], **rest[3])
        elif what == "remove":
            made.placements.pop(key, None)
        elif key in made.placements:
            {"apply": made.unapplied.discard, "unapply": made.unapplied.add, "hold": made.held.add}.get(
                what, made.held.discard
            )(key)
        rollouts.touch(key)
        if asked:
            rollouts.turn(SEARCH, "s", key, made.facts())
            assert rollouts.rollout(BILLING, job_hash, made.facts()) == made.anew(job_hash)
    assert rollouts.rollout(BILLING, NEW, made.facts()) == made.anew()
