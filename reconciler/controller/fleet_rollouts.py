"""The rollouts of all regions: joins what regions hold with what the control plane knows of the same environments."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from reconciler.controller.rollouts import Facts, RegionRollouts
from reconciler.core.fleet import Fleet
from reconciler.core.held import held_in
from reconciler.core.names import Key
from reconciler.core.placement import Placement
from reconciler.core.record import Record
from reconciler.core.rollout import Rollout, Turn
from reconciler.core.standing import is_settled
from reconciler.core.step import Step


class Watch(Protocol):
    """What is needed of a region's watch."""

    name: str
    rollouts: RegionRollouts
    placements: Any

    @property
    def upserts(self) -> Mapping[Step, str]: ...

    def placement(self, key: Key) -> Any: ...


class FleetRollouts:
    """Whose turn it is, in every region; fulfils `core.rollout.Rollouts`."""

    def __init__(
        self,
        regions: Callable[[], Mapping[str, Watch]],
        record: Callable[[Key], Record | None],
        fleet: Callable[[], Fleet],
        clock: Callable[[], float],
    ) -> None:
        """`clock`: suspensions end by it."""
        self._regions, self._record, self._fleet, self._clock = regions, record, fleet, clock

    def turn(self, region: str, step: Step, job_hash: str, key: Key) -> Turn:
        """Whether an environment may begin with this hash of a Job now."""
        watch = self._regions().get(region)
        return watch.rollouts.turn(step, job_hash, key, self._facts(watch)) if watch else Turn.GO

    def turn_now(self, region: str, step: Step, key: Key) -> Turn:
        """The same for the Job as it is now; one that is gone makes nobody wait."""
        watch = self._regions().get(region)
        job_hash = watch.upserts.get(step) if watch else None
        return Turn.GO if job_hash is None else self.turn(region, step, job_hash, key)

    def rollout(self, region: str, step: Step) -> Rollout | None:
        """How far the rollout of a Job as it is now may go; None where there is no such Job."""
        watch = self._regions().get(region)
        job_hash = watch.upserts.get(step) if watch else None
        return watch.rollouts.rollout(step, job_hash, self._facts(watch)) if watch and job_hash is not None else None

    def _facts(self, watch: Watch) -> Facts:
        def placement(key: Key) -> Placement | None:
            found = watch.placement(key)
            return found if isinstance(found, Placement) else None

        return Facts(
            keys=lambda: [found.key for found in watch.placements.values() if isinstance(found, Placement)],
            placement=placement,
            settled=lambda placed: is_settled(placed, self._record(placed.key), watch.name),
            held=lambda placed: self._held(watch, placed),
        )

    def _held(self, watch: Watch, placement: Placement) -> bool:
        record = self._record(placement.key)
        if record is None:
            return False
        return held_in(placement, record, self._fleet(), watch.name, watch.upserts, self._clock())
