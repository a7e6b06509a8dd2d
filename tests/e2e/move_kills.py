"""Moves under a controller that is killed after certain writes: how they are begun, and what must have become of them.

For tenants of the real ledger on real pods, and for those of `tests.light`, which have rows in files.
"""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.core import labels
from reconciler.core.record import Record
from tests.e2e.fleet import Fleet
from tests.e2e.lab import Json, Lab
from tests.e2e.regions import EAST, WEST, Regions
from tests.e2e.tenant import Tenant

SECONDS_TO_DIE = 300
BUDGET = 3  # moves within an hour that a small fleet needs no approval for


@dataclass(frozen=True)
class Moving:
    """A tenant, and the rows that it had before its move began."""

    tenant: Tenant
    rows: str


def ready(fleet: Fleet, tenants: Mapping[str, Tenant]) -> dict[str, Moving]:
    """Tenants that were declared become Ready, and get rows; the controller is stopped."""
    for tenant in tenants.values():
        fleet.ready(tenant.key)
        tenant.write(WEST, 10)
    fleet.stop()
    return {point: Moving(tenant, tenant.rows(WEST)) for point, tenant in tenants.items()}


def move_all(fleet: Fleet, moving: Mapping[str, Moving], folder: Path) -> None:
    """All move at once, each with a kill at its point; then a controller that lives goes on with all of them."""
    for point, each in moving.items():
        (folder / each.tenant.key.replace("/", ".")).write_text(point)
    with fleet.repository.locked():
        for each in moving.values():
            spec = fleet.spec(each.tenant.service) | {"region": EAST}
            fleet.repository.write_environment(each.tenant.key, spec)
        fleet.repository.commit("All move")
    if len(moving) > BUDGET:
        fleet.approve(*(each.tenant.key for each in moving.values()))
    while any(folder.iterdir()):
        _die(fleet, folder)
    fleet.start()


def _die(fleet: Fleet, folder: Path) -> None:
    process = fleet.start_only(program=[sys.executable, "-m", "tests.e2e.killing", str(folder)]).process
    assert process.wait(SECONDS_TO_DIE) == -signal.SIGKILL, fleet.controller.tail()
    fleet.controllers.pop()


def assert_whole(fleet: Fleet, both: Regions, moving: Moving) -> None:
    """The tenant arrived, once, with every row, and nothing of it is left behind."""
    tenant = moving.tenant
    record = fleet.eventually(tenant.key, lambda: _arrived(fleet, tenant), "arrived", 600)
    assert (record.epoch, record.move, record.claim) == (2, None, None)
    assert tenant.rows(EAST) == moving.rows != ""
    assert not tenant.exists(WEST)
    assert _verbs(both.west, tenant) == ["decommission", "migrate-out", "upsert"]
    assert _verbs(both.east, tenant) == ["migrate-in"]


def _arrived(fleet: Fleet, tenant: Tenant) -> Record | None:
    record = fleet.lab.record(tenant.key)
    return record if record and record.region == EAST and record.move is None else None


def _verbs(lab: Lab, tenant: Tenant) -> list[str]:
    runs: list[Json] = lab.runs(tenant.key)
    return sorted(run["metadata"]["labels"][labels.VERB] for run in runs)
