"""The reconciler is killed after every write of a move: each environment arrives all the same, one run per step."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.killing import POINTS
from tests.e2e.move_kills import Moving, assert_whole, move_all, ready
from tests.light.regions import LightRegions
from tests.light.tenant import LightTenant

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def killed(both: LightRegions, moving: Fleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Moving]:
    """One environment for each point, all moving at once; then a controller that lives goes on with all of them."""
    service = both.add_ledger()
    moving.start()
    tenants = ready(moving, {point: LightTenant(both, moving.declare(point, service), service) for point in POINTS})
    move_all(moving, tenants, tmp_path_factory.mktemp("killing"))
    return tenants


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_after_any_write_of_a_move_loses_nothing_and_doubles_nothing(
    moving: Fleet, both: LightRegions, killed: dict[str, Moving], point: str
) -> None:
    assert_whole(moving, both, killed[point])
