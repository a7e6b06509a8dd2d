"""Admin processes on real pods; their kills and limits are in tests/light."""

import pytest

from tests.light.test_admin import (
    test_run_twice_runs_twice_and_parameters_arrive,
)

__all__ = ["test_run_twice_runs_twice_and_parameters_arrive"]
pytestmark = pytest.mark.cluster
