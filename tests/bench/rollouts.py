"""Rollouts: what a waiting environment's pass asks, and what one outcome costs, in a fleet of 100 and of 10,000.

A turn is O(1) while nothing changes, so its ratio is about 1. After an outcome the waves are counted again,
which has to stay small beside a pass (`decide`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.controller.rollouts import Facts, RegionRollouts
from reconciler.core.names import Key
from reconciler.core.outcome import Result
from reconciler.core.placement import Placement
from tests.bench.decide import LARGE, SMALL, fleet, seconds_per_key
from tests.core.fleet import BILLING, declaration, outcome, placed

SAMPLE = 2_000


@dataclass
class Region:
    """So many environments, four to a tenant, in three rings, none of which has the new version yet."""

    size: int
    rollouts: RegionRollouts = field(default_factory=RegionRollouts)
    placements: dict[Key, Placement] = field(default_factory=dict)
    done: dict[Key, Placement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(self.size):
            of = declaration(Key(f"tenant-{number // 4}", f"environment-{number % 4}"), ring=number * 3 // self.size)
            self.placements[of.key] = placed(of)
            self.done[of.key] = placed(of, outcome(BILLING, of, "new", result=Result.SUCCEEDED))
        self.keys = list(self.placements)
        self.facts = Facts(lambda: self.placements, self.placements.get, lambda found: True, lambda found: False)
        self.turn(0)

    def turn(self, number: int) -> None:
        """What the pass of a waiting environment asks."""
        self.rollouts.turn(BILLING, "new", self.keys[number * 7 % self.size], self.facts)

    def outcome(self, number: int) -> None:
        """One succeeds, and the next one asks."""
        key = self.keys[number % self.size]
        self.placements[key] = self.done[key]
        self.rollouts.touch(key)
        self.turn(number + 1)


def seconds(action: Callable[[int], None]) -> float:
    """The time of one action, the least of a few rounds."""
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for number in range(SAMPLE):
            action(number)
        rounds.append((time.perf_counter() - started) / SAMPLE)
    return min(rounds)


def main() -> None:
    """Print the times and their ratios."""
    small, large = Region(SMALL), Region(LARGE)
    turns = [seconds(region.turn) for region in (small, large)]
    outcomes = [seconds(region.outcome) for region in (small, large)]
    decided = seconds_per_key(fleet(LARGE))
    print(
        f"a turn: {turns[0] * 1e6:.1f} µs of {SMALL}, {turns[1] * 1e6:.1f} µs of {LARGE}, "
        f"ratio {turns[1] / turns[0]:.2f} (goal: about 1); to decide: {turns[1] / decided:.2f}"
    )
    print(
        f"an outcome: {outcomes[0] * 1e6:.0f} µs of {SMALL}, {outcomes[1] * 1e6:.0f} µs of {LARGE}; "
        f"to decide: {outcomes[1] / decided:.1f}"
    )


if __name__ == "__main__":
    main()
