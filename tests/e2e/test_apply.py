"""The command line without a controller, on real pods: apply, and the logs of what it ran."""

import pytest

from tests.light.test_apply import (
    applied,
    test_apply_ends_ready,
    test_describe_history_and_logs,
)

__all__ = ["applied", "test_apply_ends_ready", "test_describe_history_and_logs"]
pytestmark = pytest.mark.cluster
