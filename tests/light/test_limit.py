"""The in-flight limit of a region is never exceeded."""

import pytest

from tests.e2e.claims import assert_never_more
from tests.e2e.fleet import Fleet

pytestmark = pytest.mark.cluster


def test_never_more_runs_than_the_region_allows(own_fleet: Fleet) -> None:
    assert_never_more(own_fleet, limit=5, environments=50)
