"""Bridges that end, are killed, deleted and evicted: what real pods do to them, the stand-in does, too."""

import pytest

from tests.e2e.test_bridge_pod import test_a_lost_bridge_is_followed_by_another_that_takes_up_the_copy
from tests.e2e.test_bridge_retry import namespace, test_only_a_lost_bridge_is_repeated

__all__ = [
    "namespace",
    "test_a_lost_bridge_is_followed_by_another_that_takes_up_the_copy",
    "test_only_a_lost_bridge_is_repeated",
]
pytestmark = pytest.mark.cluster
