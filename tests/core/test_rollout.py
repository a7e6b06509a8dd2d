"""Waves: how large they are, when they pass, what halts them, and that no order of events lets more begin."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout import Rollout, Turn, failures_allowed, rollout_of
from reconciler.core.standing import Place, Standing

P, H, R, D, F = Standing.PENDING, Standing.HELD, Standing.RUNNING, Standing.DONE, Standing.FAILED


def places(*rings: int) -> list[Place]:
    """One environment for each ring that is given, in the order of rollouts."""
    return sorted(Place(ring, "acme", f"e{number:05}") for number, ring in enumerate(rings))


def front(sizes: list[int], *standings: Standing) -> tuple[int | None, bool]:
    """How many have their turn in rings of these sizes (None: everybody), and whether the rollout is halted."""
    order = places(*(ring for ring, size in enumerate(sizes) for _ in range(size)))
    known = bytes([*standings, *[P] * (len(order) - len(standings))])
    found = rollout_of(order, known)
    return (order.index(found.front) + 1 if found.front else None), found.halted


@pytest.mark.parametrize(
    ("sizes", "standings", "expected"),
    [
        ([], [], (None, False)),
        ([1], [P], (1, False)),
        ([1], [D], (None, False)),
        ([1], [F], (1, True)),
        ([99], [], (1, False)),
        ([250], [], (2, False)),
        ([1000], [], (10, False)),
        ([250], [D], (2, False)),
        ([250], [D, R], (2, False)),
        ([250], [D, D], (6, False)),
        ([250], [D, F], (4, False)),
        ([250], [F, D, D, D], (8, False)),
        ([250], [F, R], (2, False)),
        ([250], [F, F], (2, True)),
        ([250], [D] * 2 + [F] * 4, (6, True)),
        ([3, 7], [D], (3, False)),
        ([3, 7], [D, D, R], (3, False)),
        ([3, 7], [D, D, D], (7, False)),
        ([1000 - 990, 990], [D] * 10, (30, False)),
        ([2, 998], [D] * 2, (12, False)),
        ([2, 998], [D, F], (12, False)),
        ([100], [H], (2, False)),
        ([100], [H, F], (2, True)),
        ([100], [H, H, D], (5, False)),
        ([100], [D, H, R], (3, False)),
        ([3], [H, H, H], (None, False)),
        ([6], [D, D, F, F, D, D], (None, False)),
        ([6], [D, F, F], (3, True)),
        ([7], [D, F, D, F, D, F, D], (None, True)),
        ([200], [D] * 100 + [F] * 11, (126, True)),
        ([200], [D] * 100 + [F] * 10, (126, False)),
    ],
    ids=str,
)
def test_how_far_it_may_go(sizes: list[int], standings: list[Standing], expected: tuple[int | None, bool]) -> None:
    assert front(sizes, *standings) == expected


def test_a_wave_begins_again_at_its_least_where_a_ring_of_one_ended() -> None:
    """The ring of one proves as much as one environment does; the wave after it is never less than one in a hundred."""
    assert front([1, 399], D) == (5, False)


@pytest.mark.parametrize(
    ("place", "standing", "halted", "turn"),
    [
        (1, P, False, Turn.GO),
        (2, P, False, Turn.WAIT),
        (2, H, False, Turn.WAIT),
        (1, P, True, Turn.HALTED),
        (2, P, True, Turn.HALTED),
        (1, F, True, Turn.GO),
        (2, F, True, Turn.GO),
        (2, R, False, Turn.GO),
    ],
    ids=str,
)
def test_turns(place: int, standing: Standing, halted: bool, turn: Turn) -> None:
    order = places(0, 0, 0)
    assert Rollout(order[1], halted, 1).turn(order[place], standing) is turn


def test_it_is_everybodys_turn_when_all_waves_passed() -> None:
    order = places(0, 1)
    assert rollout_of(order, bytes([D, D])).turn(Place(7, "zeta", "new"), P) is Turn.GO


def test_a_clause_does_not_change_while_it_is_waited() -> None:
    assert len({turn.clause("billing/lifecycle") for turn in Turn}) == 3


# -- whatever the order of events --------------------------------------------------------------------------------------


@dataclass
class Fleet:
    """Environments that ask, begin and end; the waves are counted here in another way."""

    order: list[Place]
    standings: bytearray
    begun: set[int] = field(default_factory=set)

    def ask(self, at: int) -> Turn:
        turn = rollout_of(self.order, self.standings).turn(self.order[at], Standing(self.standings[at]))
        if turn is Turn.GO and self.standings[at] in (P, H):
            self.begun.add(at)
            assert self.allowed(at), (at, list(self.standings))
            self.standings[at] = R
        return turn

    def allowed(self, at: int) -> bool:
        """Whether every wave before this one's has passed: by the words of the design, wave by wave."""
        total, start = len(self.order), 0
        size = least = max(1, total // 100)
        if self.standings.count(F) > max(2, total * 5 // 100):
            return False
        while True:
            ring = self.order[start].ring
            wave = [i for i in range(start, min(start + size, total)) if self.order[i].ring == ring]
            if at in wave:
                return True
            known = [self.standings[i] for i in wave if self.standings[i] != H]
            if any(each in (P, R) for each in known) or (known and all(each == F for each in known)):
                return False
            whole = len(known) == len(wave) and all(each == D for each in known)
            size = max(least, len(wave) * 2 if whole else len(wave))
            start += len(wave)

    def settle(self, good: bool) -> None:
        """Everybody asks in turn and ends, until nobody begins any more."""
        begun = -1
        while begun != len(self.begun):
            begun = len(self.begun)
            for at in range(len(self.order)):
                self.ask(at)
            for at, standing in enumerate(self.standings):
                self.standings[at] = (D if good else F) if standing == R else standing


rings = st.lists(st.integers(0, 3), min_size=1, max_size=350)


@given(rings, st.data())
def test_no_order_of_events_lets_one_begin_before_its_wave(numbers: list[int], data: st.DataObject) -> None:
    order = places(*numbers)
    held = data.draw(st.sets(st.integers(0, len(order) - 1), max_size=len(order) // 3))
    fleet = Fleet(order, bytearray(H if at in held else P for at in range(len(order))))
    for _ in range(data.draw(st.integers(1, 40))):
        for at in data.draw(st.lists(st.integers(0, len(order) - 1), max_size=20)):
            if at not in held:
                fleet.ask(at)
        for at in data.draw(st.lists(st.sampled_from(sorted(fleet.begun)), max_size=20)) if fleet.begun else ():
            fleet.standings[at] = data.draw(st.sampled_from((D, D, D, F))) if fleet.standings[at] == R else D


@given(rings)
def test_a_broken_job_never_gets_further_than_its_first_wave(numbers: list[int]) -> None:
    fleet = Fleet(places(*numbers), bytearray(len(numbers)))
    fleet.settle(good=False)
    first = max(1, len(numbers) // 100)
    assert len(fleet.begun) <= first
    assert fleet.begun == set(range(len(fleet.begun)))
    assert {fleet.ask(at) for at in range(len(numbers))} <= {Turn.GO, Turn.HALTED}


@given(rings)
def test_a_sound_job_reaches_everybody_ring_by_ring(numbers: list[int]) -> None:
    fleet = Fleet(places(*numbers), bytearray(len(numbers)))
    for _ in range(len(numbers)):
        rollout = rollout_of(fleet.order, fleet.standings)
        if rollout.front is None:
            break
        unfinished = {place.ring for place, each in zip(fleet.order, fleet.standings, strict=True) if each != D}
        assert rollout.front.ring == min(unfinished)
        for at in range(len(numbers)):
            fleet.ask(at)
        fleet.standings[:] = fleet.standings.replace(bytes([R]), bytes([D]))
    assert set(fleet.standings) == {D}


@given(st.integers(1, 5000))
def test_doubling_takes_few_waves(total: int) -> None:
    order, waves = places(*[0] * total), 0
    standings = bytearray(total)
    while (rollout := rollout_of(order, standings)).front:
        waves += 1
        assert rollout.wave == waves
        end = order.index(rollout.front) + 1
        standings[:end] = bytes([D]) * end
    assert waves <= total.bit_length()


def test_failures_that_are_allowed() -> None:
    assert [failures_allowed(total) for total in (0, 1, 40, 59, 60, 1000)] == [2, 2, 2, 2, 3, 50]
