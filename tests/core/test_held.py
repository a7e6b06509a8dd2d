"""Whom a rollout does not wait for."""

import pytest

from reconciler.core.action import HoldReason
from reconciler.core.attempts import Attempts
from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.held import is_held
from tests.core.fleet import declaration, record

OF = declaration()


@pytest.mark.parametrize(
    ("reason", "stalled", "basis", "held"),
    [
        ("", "", "", False),
        (HoldReason.ROLLOUT_HALTED, "", "", False),
        (HoldReason.PAUSED, "", "", False),
        (HoldReason.INVALID_DECLARATION, "", "", True),
        ("Refused", "", "", True),
        ("LifecycleJobFailed", "LifecycleJobFailed", "now", True),
        ("LifecycleJobFailed", "LifecycleJobFailed", "before", False),
        ("", "AttemptsUsedUp", "now", True),
        (HoldReason.ROLLOUT_HALTED, "AttemptsUsedUp", "now", True),
        (HoldReason.INVALID_DECLARATION, "AttemptsUsedUp", "before", True),
    ],
)
def test_whom_something_else_holds(reason: str, stalled: str, basis: str, held: bool) -> None:
    conditions = (Condition(READY, False, reason, ""), Condition(STALLED, bool(reason), reason, ""))
    found = record(OF, conditions=conditions, attempts=Attempts(basis, 5, 0, stalled))
    assert is_held(found, False, lambda: "now") is held
    assert is_held(found, True, lambda: "now")
