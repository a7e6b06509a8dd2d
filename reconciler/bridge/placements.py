"""The environment's placement: read at the start of a step, and given the step's outcome under its fence."""

import time

from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.bridge.exits import Superseded
from reconciler.bridge.patience import patiently
from reconciler.bridge.world import World
from reconciler.core.archive import Archive, imports_of
from reconciler.core.errors import NotFound, TenantctlError, Unprocessable
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, State, outcome_patch, read_placement
from reconciler.core.step import Step
from reconciler.core.times import rfc3339


class NoPlacement(TenantctlError):
    """The region holds nothing of the environment, so there is no declaration and no epoch to run for."""


def now() -> str:
    """The time in RFC 3339, as outcomes and stopped copies carry it."""
    return rfc3339(time.time())


def placement_of(kube: Kube, world: World) -> Placement:
    """Read the placement. Raises NoPlacement."""
    if world.trial:
        return world.trial.placement
    try:
        return read_placement(_raw(kube, world))
    except ValueError as error:
        raise TenantctlError(str(error)) from error


def imports(kube: Kube, world: World) -> dict[Step, Archive]:
    """The archives that the placement names, by the step that imports each."""
    if world.trial:
        return dict(world.trial.imports)
    try:
        return imports_of(_raw(kube, world)["data"])
    except ValueError as error:
        raise TenantctlError(f"placement {world.key.dotted}: {error}") from error


def _raw(kube: Kube, world: World) -> Json:
    raw = patiently(lambda: kube.find(CONFIG_MAPS, world.namespace, world.key.dotted))
    if raw is None:
        raise NoPlacement(
            f"NoPlacement: {world.namespace} has no placement of {world.key}; tenantctl makes it when it first"
            " reconciles the environment"
        )
    return raw


def write(kube: Kube, world: World, state: State, outcome: Outcome) -> None:
    """Add or replace the outcome. Raises Superseded when the placement has another epoch or state by now."""
    if world.trial:
        world.trial.outcomes.append(outcome)
        return
    patch = outcome_patch(outcome.epoch, state, outcome)
    try:
        patiently(lambda: kube.patch(CONFIG_MAPS, world.namespace, world.key.dotted, patch))
    except (Unprocessable, NotFound) as error:
        raise _fenced(kube, world, state, outcome, error) from error


def _fenced(kube: Kube, world: World, state: State, outcome: Outcome, error: TenantctlError) -> TenantctlError:
    """A 422 is also what a ConfigMap that grew too large answers; only another epoch or state is a fence."""
    try:
        found = placement_of(kube, world)
    except NoPlacement:
        return Superseded(f"Superseded: the placement of {world.key} is gone")
    if (found.epoch, found.state) == (outcome.epoch, state):
        return error
    return Superseded(
        f"Superseded: the placement of {world.key} is at epoch {found.epoch}, {found.state};"
        f" this step was made for epoch {outcome.epoch}, {state}"
    )
