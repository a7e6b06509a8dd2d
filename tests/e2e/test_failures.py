"""A lifecycle Job that fails, on real pods; other failures are in tests/light."""

import pytest

from tests.light.test_failures import (
    test_a_failure_that_the_user_must_mend_stalls_at_once_until_the_job_changes,
)

__all__ = ["test_a_failure_that_the_user_must_mend_stalls_at_once_until_the_job_changes"]
pytestmark = [pytest.mark.cluster, pytest.mark.together]
