"""Whom a rollout does not wait for: who is kept from beginning by something else, until somebody does something."""

from collections.abc import Callable, Mapping

from reconciler.core.action import HoldReason
from reconciler.core.condition import STALLED
from reconciler.core.declaration import Declaration
from reconciler.core.fleet import Fleet, suspensions
from reconciler.core.gap import basis_of
from reconciler.core.placement import Placement
from reconciler.core.record import Record, condition
from reconciler.core.step import Step
from reconciler.core.wanted import wanted_steps

PASSING = frozenset({"", HoldReason.ROLLOUT_HALTED, HoldReason.PAUSED})  # the rollout's own; `suspended` says the other


def held_in(
    placement: Placement, record: Record, fleet: Fleet, region: str, upserts: Mapping[Step, str], now: float
) -> bool:
    """Whether a rollout in a region does not wait for an environment at `now`. `upserts`: its Jobs, step → hash."""
    suspended = suspensions(record.key, record, fleet, {region}, now)
    return is_held(record, bool(suspended), lambda: _basis(placement, record, upserts))


def is_held(record: Record, suspended: bool, basis: Callable[[], str]) -> bool:
    """Whether something else than a rollout keeps an environment from being launched, until somebody does something.

    `basis`: what an attempt would be an attempt at now (`gap.basis_of`); a new Job begins anew, so what stalled the
    old one no longer counts.
    """
    attempts, stalled = record.attempts, condition(record, STALLED)
    reason = stalled.reason if stalled and stalled.status else ""
    if suspended or reason not in PASSING | {attempts.stalled}:
        return True
    return bool(attempts.stalled) and attempts.basis == basis()


def _basis(placement: Placement, record: Record, upserts: Mapping[Step, str]) -> str:
    """What an attempt would be an attempt at now; empty where somebody edited the placement so that nobody can tell."""
    try:
        declaration = Declaration.of(placement.declaration)
        return basis_of(declaration, wanted_steps(declaration, upserts), record)
    except (KeyError, TypeError, AttributeError):
        return ""
