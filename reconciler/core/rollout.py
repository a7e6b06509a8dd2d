"""A rollout: how a new or changed lifecycle Job reaches the environments that use it, by ring and in waves.

Pure, without a state of its own: from the standings of all environments, in order, it says how far the rollout may go
now (design §4, *Backfill*). Waves are cut where a ring ends, so that a ring begins when the ones before it have passed.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reconciler.core.names import Key
from reconciler.core.standing import Place, Standing
from reconciler.core.step import Step

WAVE_SHARE, WAVE_LEAST = 100, 1  # the first wave: one in a hundred, at least one
FAILURES_SHARE, FAILURES_LEAST = 20, 2  # how many may fail: one in twenty, at least two


class Turn(StrEnum):
    """Whether an environment may begin now."""

    GO = "Go"
    WAIT = "Wait"
    HALTED = "Halted"

    def clause(self, job: str) -> str:
        """One clause for people, the same however far the rollout is: a record that waits is not written again."""
        return {
            Turn.GO: f"it is its turn in the rollout of {job}",
            Turn.WAIT: f"its turn in the rollout of {job} comes when the environments before it succeeded",
            Turn.HALTED: f"the rollout of {job} is halted by its failures; 'tenantctl get rollouts -o wide' shows them",
        }[self]


class Rollouts(Protocol):
    """All rollouts of all regions, as they are observed."""

    def turn(self, region: str, step: Step, job_hash: str, key: Key) -> Turn: ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a rollout may go. `front`: the last one whose turn it is; None: everybody's. `wave` is the open one."""

    front: Place | None
    halted: bool
    wave: int

    def turn(self, place: Place, standing: Standing) -> Turn:
        """Whose turn it is. Where the Job was started already, it is tried again as attempts allow, halted or not."""
        if standing.begun:
            return Turn.GO
        if self.halted:
            return Turn.HALTED
        return Turn.GO if self.front is None or place <= self.front else Turn.WAIT


def failures_allowed(environments: int) -> int:
    """How many failures do not halt a rollout."""
    return max(FAILURES_LEAST, environments // FAILURES_SHARE)


def rollout_of(places: Sequence[Place], standings: bytes | bytearray) -> Rollout:
    """How far the rollout may go. `places` are sorted; `standings` holds the `Standing` of each."""
    total = len(places)
    too_many = standings.count(Standing.FAILED) > failures_allowed(total)
    size = least = max(WAVE_LEAST, total // WAVE_SHARE)
    start, wave = 0, 0
    while start < total:
        wave += 1
        end = _end(places, start, size)
        if _is_open(standings, start, end):
            return Rollout(places[end - 1], too_many, wave)
        done = standings.count(Standing.DONE, start, end)
        if not done and standings.count(Standing.FAILED, start, end):
            return Rollout(places[end - 1], True, wave)
        size = max(least, (end - start) * (2 if done == end - start else 1))
        start = end
    return Rollout(None, too_many, wave)


def _end(places: Sequence[Place], start: int, size: int) -> int:
    """Where the wave that begins at `start` ends: after so many, or with the ring."""
    end = min(start + size, len(places))
    return bisect_right(places, places[start].ring, start, end, key=lambda place: place.ring)


def _is_open(standings: bytes | bytearray, start: int, end: int) -> bool:
    """Whether anybody of the wave is still to end; those that something else holds are not waited for."""
    return any(standings.find(standing, start, end) >= 0 for standing in (Standing.PENDING, Standing.RUNNING))
