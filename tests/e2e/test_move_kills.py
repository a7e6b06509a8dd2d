"""The reconciler is killed after every write of a move: each environment arrives all the same, one run per step."""

import signal
import sys
from pathlib import Path

import pytest

from reconciler.core import labels
from tests.e2e.fleet import Fleet
from tests.e2e.killing import POINTS
from tests.e2e.lab import Json, Lab
from tests.e2e.regions import EAST, WEST, Regions
from tests.e2e.tenant import Tenant

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

SECONDS_TO_DIE = 300


@pytest.fixture(scope="module")
def killed(both: Regions, moving: Fleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Tenant, str]]:
    """One environment for each point, all moving at once; then a controller that lives goes on with all of them."""
    tenants = _ready(both, moving, both.add_ledger())
    folder = tmp_path_factory.mktemp("killing")
    for point, (tenant, _) in tenants.items():
        (folder / tenant.key.replace("/", ".")).write_text(point)
    with moving.repository.locked():
        for tenant, _ in tenants.values():
            moving.repository.write_environment(tenant.key, moving.spec(tenant.service) | {"region": EAST})
        moving.repository.commit("All move")
    moving.approve(*(tenant.key for tenant, _ in tenants.values()))  # so many at once are more than the budget allows
    while any(folder.iterdir()):
        _die(moving, folder)
    moving.start()
    return tenants


def _ready(both: Regions, fleet: Fleet, service: str) -> dict[str, tuple[Tenant, str]]:
    fleet.start()
    made = {point: Tenant(both, fleet.declare(point, service), service) for point in POINTS}
    for tenant in made.values():
        fleet.ready(tenant.key)
        tenant.write(WEST, 10)
    fleet.stop()
    return {point: (tenant, tenant.rows(WEST)) for point, tenant in made.items()}


def _die(fleet: Fleet, folder: Path) -> None:
    process = fleet.start_only(program=[sys.executable, "-m", "tests.e2e.killing", str(folder)]).process
    assert process.wait(SECONDS_TO_DIE) == -signal.SIGKILL, fleet.controller.tail()
    fleet.controllers.pop()


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_after_any_write_of_a_move_loses_nothing_and_doubles_nothing(
    moving: Fleet, both: Regions, killed: dict[str, tuple[Tenant, str]], point: str
) -> None:
    tenant, rows = killed[point]
    record = moving.eventually(tenant.key, lambda: _arrived(moving, tenant), "arrived", 600)
    assert (record.epoch, record.move, record.claim) == (2, None, None)
    assert tenant.rows(EAST) == rows != ""
    assert not tenant.exists(WEST)
    assert _verbs(both.west, tenant) == ["decommission", "migrate-out", "upsert"]
    assert _verbs(both.east, tenant) == ["migrate-in"]


def _arrived(fleet: Fleet, tenant: Tenant):
    record = fleet.lab.record(tenant.key)
    return record if record and record.region == EAST and record.move is None else None


def _verbs(lab: Lab, tenant: Tenant) -> list[str]:
    runs: list[Json] = lab.runs(tenant.key)
    return sorted(run["metadata"]["labels"][labels.VERB] for run in runs)
