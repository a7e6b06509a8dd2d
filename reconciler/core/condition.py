"""Conditions of a record: Ready, Reconciling and Stalled, with the meanings of kstatus.

Ready: what is declared is applied. Reconciling: something is being done about it. Stalled: nothing will be done until
somebody changes something. A source for the meanings: sigs.k8s.io/cli-utils, pkg/kstatus.
"""

from dataclasses import dataclass, replace

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
EXPIRED = "Expired"  # only where expiresAt is declared


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `since` is when `status` last changed (RFC 3339)."""

    type: str
    status: bool = False
    reason: str = ""
    message: str = ""
    since: str = ""


def merge(before: tuple[Condition, ...], after: tuple[Condition, ...], now: str) -> tuple[Condition, ...]:
    """The new conditions, each with the time of its last change of status; equal ones stay byte for byte."""
    old = {item.type: item for item in before}
    return tuple(_dated(old.get(item.type), item, now) for item in after)


def _dated(old: Condition | None, new: Condition, now: str) -> Condition:
    unchanged = old is not None and old.status == new.status
    return replace(new, since=old.since if old is not None and unchanged else now)
