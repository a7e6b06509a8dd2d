"""Environments move between two real clusters with their data, by a commit; and back again.

The pieces are tested one by one in test_archives.py; here the reconciler does it by itself.
"""

from collections.abc import Iterator

import pytest

from reconciler.core.placement import State
from reconciler.core.record import Record
from tests.e2e.fleet import Fleet
from tests.e2e.regions import EAST, WEST, Regions
from tests.e2e.tenant import Tenant

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def service(both: Regions, moving: Fleet) -> str:
    return both.add_ledger()


@pytest.fixture(scope="module", autouse=True)
def controller(moving: Fleet, service: str) -> Iterator[None]:
    moving.start()
    yield
    moving.stop()


@pytest.fixture
def tenant(both: Regions, moving: Fleet, service: str) -> Tenant:
    """One that is Ready in the west and has 1,000 rows there."""
    made = Tenant(both, moving.declare("tenant", service), service)
    moving.ready(made.key)
    made.write(WEST, 1000)
    return made


def test_a_tenant_moves_there_and_back_with_every_row(moving: Fleet, tenant: Tenant) -> None:
    rows = tenant.rows(WEST)
    record = _moved(moving, tenant, EAST, follow=True)
    assert (record.region, record.epoch, record.move) == (EAST, 2, None)
    assert tenant.rows(EAST) == rows != ""
    assert not tenant.exists(WEST)
    assert tenant.placement(WEST).state is State.RELEASED
    assert [entry.event for entry in record.history][-6:] == [
        "Moving", "Succeeded", "Succeeded", "Moved", "Succeeded", "Cleaned",
    ]  # fmt: skip

    tenant.write(EAST, 5)  # it is open there
    rows = tenant.rows(EAST)
    record = _moved(moving, tenant, WEST)
    assert (record.region, record.epoch) == (WEST, 3)
    assert tenant.rows(WEST) == rows
    assert not tenant.exists(EAST)


def _moved(fleet: Fleet, tenant: Tenant, region: str, *, follow: bool = False) -> Record:
    """Commit the move and wait until it is over, or follow its logs to the end."""
    commit = fleet.repository.declare(tenant.key, fleet.spec(tenant.service) | {"region": region})
    if follow:
        fleet.eventually(tenant.key, lambda: _begun(fleet, tenant), "the move to begin")
        said = fleet.tenantctl("logs", tenant.key, "--follow").stdout
        verbs = [line.partition("/")[0].lstrip("[") for line in said.splitlines() if f"/{tenant.service}/" in line]
        assert list(dict.fromkeys(verbs)) == ["migrate-out", "upsert", "migrate-in", "decommission"]
    return fleet.eventually(tenant.key, lambda: _settled(fleet, tenant, commit), f"moved to {region}")


def _begun(fleet: Fleet, tenant: Tenant) -> bool:
    record = fleet.lab.record(tenant.key)
    return bool(record and record.move and record.claim)


def _settled(fleet: Fleet, tenant: Tenant, commit: str) -> Record | None:
    record = fleet.ready(tenant.key, commit)
    return record if record.move is None else None
