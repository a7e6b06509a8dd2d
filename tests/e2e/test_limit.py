"""The in-flight limit of a region, with a few runs on real pods; many are in tests/light."""

import pytest

from tests.e2e.claims import assert_never_more
from tests.e2e.fleet import Fleet

pytestmark = pytest.mark.cluster


def test_never_more_runs_than_the_region_allows(own_fleet: Fleet) -> None:
    assert_never_more(own_fleet, limit=2, environments=5)
