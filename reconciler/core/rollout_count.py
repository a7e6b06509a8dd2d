"""How a rollout stands, in numbers for people: the same count as the one that decides whose turn it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.fleet import Fleet
from reconciler.core.held import held_in
from reconciler.core.lifecycle_job import LifecycleJob
from reconciler.core.names import Key
from reconciler.core.placement import Placement
from reconciler.core.record import Record
from reconciler.core.rollout import Rollout, failures_allowed, rollout_of
from reconciler.core.standing import Place, Standing, is_settled, place_of, standing_of, uses_step
from reconciler.core.step import Step, Verb


class Stage(StrEnum):
    """How a rollout goes on."""

    ROLLING = "Rolling"
    HALTED = "Halted"
    COMPLETE = "Complete"


@dataclass(frozen=True)
class Fleetwide:
    """What is known beside the placements. `records` None: they are in another cluster, and nobody looked there.

    `upserts`: the region's Jobs, step → hash. `now` in seconds since the epoch.
    """

    region: str
    records: Mapping[Key, Record] | None
    fleet: Fleet
    now: float
    upserts: Mapping[Step, str]

    def settled(self, placement: Placement) -> bool:
        """Whether rollouts count it."""
        if self.records is None:
            return placement.state.admits(Verb.UPSERT)
        return is_settled(placement, self.records.get(placement.key), self.region)

    def standing(self, placement: Placement, job: LifecycleJob) -> Standing:
        """How far it is with a Job."""
        standing = standing_of(placement.outcomes.get(job.step(Verb.UPSERT)), job.hash)
        record = self.records.get(placement.key) if self.records else None
        if standing is not Standing.PENDING or record is None:
            return standing
        held = held_in(placement, record, self.fleet, self.region, self.upserts, self.now)
        return Standing.HELD if held else standing


@dataclass(frozen=True)
class Count:
    """One rollout: the Job, how far it may go, and who stands how."""

    job: LifecycleJob
    rollout: Rollout
    standings: Mapping[Key, Standing]

    def keys(self, *standings: Standing) -> list[Key]:
        """Those that stand so, in the order of the rollout."""
        return [key for key, standing in self.standings.items() if standing in standings]

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return len(self.keys(Standing.PENDING, Standing.HELD))

    @property
    def failures_allowed(self) -> int:
        """How many failures do not halt it."""
        return failures_allowed(len(self.standings))

    @property
    def stage(self) -> Stage:
        """Whether it goes on, is halted, or has nobody left."""
        if not self.waiting and not self.keys(Standing.RUNNING):
            return Stage.COMPLETE
        return Stage.HALTED if self.rollout.halted and self.waiting else Stage.ROLLING


def count_of(job: LifecycleJob, placements: Iterable[Placement], known: Fleetwide) -> Count:
    """How the rollout of a Job stands in a region."""
    step = job.step(Verb.UPSERT)
    part = [found for found in placements if known.settled(found) and uses_step(found, step)]
    order: list[tuple[Place, Key, Standing]] = sorted(
        (place_of(found), found.key, known.standing(found, job)) for found in part
    )
    rollout = rollout_of([place for place, _, _ in order], bytes(standing for _, _, standing in order))
    return Count(job, rollout, {key: standing for _, key, standing in order})
