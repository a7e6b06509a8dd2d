"""A controller that is killed when its run exists and is not noted yet, on real pods; all kills are in tests/light."""

import pytest

from tests.e2e.deaths import assert_whole, die
from tests.e2e.fleet import Fleet
from tests.e2e.service import QUICK, lifecycle_job

pytestmark = pytest.mark.cluster


def test_a_kill_after_the_launch_loses_nothing_and_doubles_nothing(own_fleet: Fleet) -> None:
    service = own_fleet.lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key, left = die(own_fleet, service, "post", "after")
    own_fleet.start()
    assert_whole(own_fleet, key, left, "post", "after")
