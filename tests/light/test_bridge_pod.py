"""A bridge that is deleted or evicted: what becomes of it on real pods becomes of it on the stand-in, too."""

import pytest

from tests.e2e.test_bridge_pod import test_a_lost_bridge_is_followed_by_another_that_takes_up_the_copy

__all__ = ["test_a_lost_bridge_is_followed_by_another_that_takes_up_the_copy"]
pytestmark = [pytest.mark.cluster, pytest.mark.together]
