"""Which ends of a bridge are repeated: the stand-in repeats those that Argo does."""

import pytest

from tests.e2e.test_bridge_retry import namespace, test_only_a_lost_bridge_is_repeated

__all__ = ["namespace", "test_only_a_lost_bridge_is_repeated"]
pytestmark = pytest.mark.cluster
