"""The standing of one environment in the rollout of a lifecycle Job: where it is in the order, and how far.

Read from what is observed only, its placement and its record, so that everybody who counts comes to the same result.
"""

from enum import IntEnum
from typing import NamedTuple

from reconciler.core.move import Phase
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement, State
from reconciler.core.record import Record
from reconciler.core.step import Step


class Place(NamedTuple):
    """Where an environment comes in every rollout: by ring, then by name."""

    ring: int
    tenant: str
    environment: str


class Standing(IntEnum):
    """How far one environment is with one hash of a Job; small numbers, so that thousands are counted in one go.

    HELD: pending, and something else than the rollout keeps it from beginning, so that nobody waits for it.
    """

    PENDING = 0
    HELD = 1
    RUNNING = 2
    DONE = 3
    FAILED = 4

    @property
    def begun(self) -> bool:
        """Whether the Job was started there."""
        return self >= Standing.RUNNING


RESULTS = {Result.RUNNING: Standing.RUNNING, Result.SUCCEEDED: Standing.DONE, Result.FAILED: Standing.FAILED}


def place_of(placement: Placement) -> Place:
    """The place of an environment, whether it takes part in a rollout or not."""
    ring = placement.spec.get("ring", 0)
    return Place(ring if type(ring) is int else 0, placement.key.tenant, placement.key.environment)


def is_settled(placement: Placement, record: Record | None, region: str) -> bool:
    """Whether it lives in the region as it was declared, so that a new Job is all that is left to do.

    What commits ask for, a move too, does not wait for rollouts, and is not counted by them until it is done. Once only
    the remains of a move are left, it lives where it is.
    """
    if record is None or record.gone or record.region != region:
        return False
    if record.move and record.move.phase is not Phase.CLEANING:
        return False
    return placement.state is State.ACTIVE and placement.digest == record.applied_digest


def uses_step(placement: Placement, step: Step) -> bool:
    """Whether it uses the step's service; a placement that somebody edited must not keep the others from going on."""
    services = placement.spec.get("services")
    return (services is None or isinstance(services, list)) and placement.uses(step.namespace)


def standing_of(outcome: Outcome | None, job_hash: str) -> Standing:
    """How far a step is with this hash of its Job; what was done with another one counts as nothing."""
    return RESULTS[outcome.result] if outcome is not None and outcome.hash == job_hash else Standing.PENDING
