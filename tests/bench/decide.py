"""Deciding: the time per environment in a fleet of 100 and of 10,000; O(1) per key means a ratio of about 1."""

import time
import tracemalloc

from reconciler.core.decide import decide
from reconciler.core.desired import Desired
from reconciler.core.names import Key
from tests.core.fleet import NOW, declaration, desired, observed

SMALL, LARGE = 100, 10_000
SAMPLE = 2_000


def fleet(size: int) -> Desired:
    """So many environments, four to a tenant."""
    return desired(*(declaration(Key(f"tenant-{i // 4}", f"environment-{i % 4}")) for i in range(size)))


def seconds_per_key(wanted: Desired) -> float:
    """The time of one decision, the least of a few rounds."""
    keys = list(wanted.environments)
    cases = [(key, observed(wanted.environments[key])) for key in (keys * (SAMPLE // len(keys) + 1))[:SAMPLE]]
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for key, seen in cases:
            decide(key, wanted, seen, NOW)
        rounds.append((time.perf_counter() - started) / SAMPLE)
    return min(rounds)


def main() -> None:
    """Print the times, their ratio, and what a declaration weighs in memory."""
    small = seconds_per_key(fleet(SMALL))
    tracemalloc.start()
    large_fleet = fleet(LARGE)
    weight = tracemalloc.get_traced_memory()[0] / LARGE
    tracemalloc.stop()
    large = seconds_per_key(large_fleet)
    print(
        f"decide: {small * 1e6:.0f} µs a key of {SMALL}, {large * 1e6:.0f} µs of {LARGE}, ratio {large / small:.2f}; "
        f"{weight:.0f} bytes a declaration"
    )


if __name__ == "__main__":
    main()
