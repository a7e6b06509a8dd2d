"""The guard of rollouts: which steps of a backfill may go now, and the hold of those whose turn has not come.

What commits ask for passes at once, and so does everything where nobody counts rollouts (offline).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.gap import basis
from reconciler.core.guard import approval_of
from reconciler.core.observed import Observed
from reconciler.core.rollout import Turn
from reconciler.core.step import Step


@dataclass(frozen=True, slots=True)
class Allowed:
    """The steps of an action that may go now (None: not looked), and the hold of the others."""

    steps: tuple[Step, ...] | None
    hold: Hold | None = None


def rollout_hold(action: Action, observed: Observed, now: float) -> Allowed:
    """Which steps of the action may go at `now`. An approval lets those go that a halt holds, of the versions it names.

    Of these alone: what is released later, and breaks too, halts anew.
    """
    if action.asked or action.kind is not ActionKind.UPSERT or observed.rollouts is None or not action.steps:
        return Allowed(action.steps)
    turns: dict[Turn, list[Step]] = defaultdict(list)
    for step in action.steps:
        turns[_turn(step, action, observed)].append(step)
    held = [turn for turn in (Turn.HALTED, Turn.WAIT) if turns[turn]]
    halted = _versions(turns[Turn.HALTED], observed)
    approval = approval_of(action, observed, now) if halted else None
    if approval and approval.jobs == halted:
        held.remove(Turn.HALTED)
    left = {step for turn in held for step in turns[turn]}
    going = tuple(step for step in action.steps if step not in left)
    if not held:
        return Allowed(going)
    hold = _hold(action, [(turn, turns[turn]) for turn in held])
    return Allowed(going, replace(hold, jobs=halted) if Turn.HALTED in held else hold)


def _turn(step: Step, action: Action, observed: Observed) -> Turn:
    job_hash = (observed.upserts or {}).get(step)
    if observed.rollouts is None or job_hash is None:
        return Turn.GO
    return observed.rollouts.turn(action.where, step, job_hash, action.key)


def _versions(steps: Sequence[Step], observed: Observed) -> str:
    """The digest of what these steps would run; empty for none."""
    upserts = observed.upserts or {}
    return basis((), {step: upserts[step] for step in steps}) if steps else ""


def _hold(action: Action, held: Sequence[tuple[Turn, list[Step]]]) -> Hold:
    """One hold for all of them; what is halted comes first, since it waits for a person."""
    reason = HoldReason.ROLLOUT_HALTED if held[0][0] is Turn.HALTED else HoldReason.ROLLOUT_WAITING
    steps = tuple(sorted(step for _, found in held for step in found))
    message = "; ".join(turn.clause("/".join(step.target)) for turn, found in held for step in found)
    return Hold(action.key, reason, message, replace(action, steps=steps))
