"""A controller that is killed in a move of the real ledger on real pods; all points are in tests/light.

Before anything of the tenant is at the target, while it is placed there, and right after the commit point.
"""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.move_kills import Moving, assert_whole, move_all, ready
from tests.e2e.regions import Regions
from tests.e2e.tenant import Tenant

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

POINTS = ("frozen", "target-placed", "committed")


@pytest.fixture(scope="module")
def killed(both: Regions, moving: Fleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Moving]:
    """One environment for each point, all moving at once; then a controller that lives goes on with all of them."""
    service = both.add_ledger()
    moving.start()
    tenants = ready(moving, {point: Tenant(both, moving.declare(point, service), service) for point in POINTS})
    move_all(moving, tenants, tmp_path_factory.mktemp("killing"))
    return tenants


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_after_a_write_of_a_move_loses_nothing_and_doubles_nothing(
    moving: Fleet, both: Regions, killed: dict[str, Moving], point: str
) -> None:
    assert_whole(moving, both, killed[point])
