"""Environments that are taken away, on real pods; removals and failures are in tests/light."""

import pytest

from tests.light.test_decommission import (
    fleet,
    test_a_decommissioned_environment_leaves_a_tombstone_and_comes_back_with_its_history,
    test_a_removed_file_is_a_decommission_once_it_is_approved,
)

__all__ = [
    "fleet",
    "test_a_decommissioned_environment_leaves_a_tombstone_and_comes_back_with_its_history",
    "test_a_removed_file_is_a_decommission_once_it_is_approved",
]
pytestmark = pytest.mark.cluster
