"""A run that a person submits with Argo's own command line, on real pods: its first step has to discover."""

import pytest

from tests.light.test_by_hand import (
    test_what_a_run_by_hand_did_counts,
)

__all__ = ["test_what_a_run_by_hand_did_counts"]
pytestmark = [pytest.mark.cluster, pytest.mark.together]
