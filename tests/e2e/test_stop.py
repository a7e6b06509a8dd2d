"""A run that is stopped, on real pods; the other ends of runs are in tests/light."""

import pytest

from tests.light.test_stop import (
    test_a_stopped_run_ends_its_copies_and_retry_begins_again,
)

__all__ = ["test_a_stopped_run_ends_its_copies_and_retry_begins_again"]
pytestmark = [pytest.mark.cluster, pytest.mark.together]
