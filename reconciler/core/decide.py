"""`decide`: what to do about one environment, from what is declared and what is observed.

Pure, and O(1) in the size of the fleet. `plan`, `apply` and the loop share it, so the preview is the deed. The gap is
worked out first (`core.gap`, for environments on the move `core.saga`), then guards turn it into a hold (`core.guard`).
"""

from dataclasses import dataclass, replace

from reconciler.core import guard, saga
from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.declaration import DECOMMISSIONED, Declaration
from reconciler.core.desired import Desired
from reconciler.core.gap import gap, jobless, never_launched, numbered, upsert
from reconciler.core.move import Move, Phase
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.rollout_guard import rollout_hold
from reconciler.core.wanted import thing


@dataclass(frozen=True, slots=True)
class Decision:
    """At most one action to make now, and what is held. Neither: everything that is wanted is done.

    `notice`: what a person should know though nothing is wrong. `unwell`: what is wrong though all was done, as Argo CD
    says of applications. Each is None where it cannot be known now.
    """

    key: Key
    action: Action | None = None
    holds: tuple[Hold, ...] = ()
    notice: str | None = ""
    unwell: str | None = ""

    @property
    def settled(self) -> bool:
        """Whether nothing of what is declared is left to do; what was left behind elsewhere may wait beside it."""
        return self.action is None and all(hold.beside for hold in self.holds)


def decide(key: Key, desired: Desired, observed: Observed, now: float) -> Decision:
    """What to do about one environment at `now` (seconds since the epoch)."""
    problems = desired.problems(key)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return Decision(key, None, (Hold(key, HoldReason.INVALID_DECLARATION, f"{problems[0]}{more}"),))
    declaration = desired.environments.get(key)
    notice = _notice(declaration, observed)
    if observed.record and observed.record.move:
        return replace(_moving(key, observed.record.move, desired, observed, now), notice=notice)
    action = gap(key, desired, observed, now)
    if action is None:
        damaged = (Hold(key, HoldReason.STATE_DAMAGED, observed.damaged),) if observed.damaged else ()
        return Decision(key, None, damaged, notice, observed.applications.unwell)
    return replace(_guarded(action, desired, observed, now), notice=notice)


def takes_away(key: Key, desired: Desired, observed: Observed, now: float) -> bool:
    """Whether it counts as planned for the destructive budget: not begun yet, and nobody's protection holds it."""
    if desired.problems(key) or observed.damaged:
        return False
    action = whole_gap(key, desired, observed, now)
    if action is None or not _destructive(action) or guard.begun(action, observed):
        return False
    return guard.protected(action, desired, observed, now) is None


def whole_gap(key: Key, desired: Desired, observed: Observed, now: float) -> Action | None:
    """The gap, also of an environment whose old region is still to be cleaned: what is declared goes on beside that."""
    move = observed.record.move if observed.record else None
    if move is None:
        return gap(key, desired, observed, now)
    declaration = desired.environments.get(key)
    if move.phase is not Phase.CLEANING or declaration is None or not _stays(declaration, observed):
        return None
    return upsert(declaration, observed)


def _destructive(action: Action) -> bool:
    return action.kind.destructive or bool(action.removals)


def _notice(declaration: Declaration | None, observed: Observed) -> str | None:
    if declaration is None:
        return ""
    if declaration.region in observed.silent:
        return None
    return "; ".join(f"no lifecycle Job of service {name} is there" for name in jobless(declaration, observed))


# -- environments that stay where they are -----------------------------------------------------------------------------


def _guarded(action: Action, desired: Desired, observed: Observed, now: float) -> Decision:
    """The action as far as no guard holds it."""
    if action.kind is ActionKind.DECOMMISSION and action.steps == () and _nowhere(observed):
        return Decision(action.key, action)
    action = _ready(action, observed, now)
    hold = guard.first(guard.GENERAL, action, desired, observed, now)
    if hold is None and action.kind.destructive and not guard.begun(action, observed):
        hold = guard.first(guard.DESTRUCTIVE, action, desired, observed, now)
    hold = hold or guard.attempts(action, desired, observed, now)
    if hold:
        return _without_source(hold, desired, observed, now) or Decision(action.key, None, (hold,))
    return _split(action, desired, observed, now)


def _nowhere(observed: Observed) -> bool:
    """Whether nothing of it can be anywhere, so that no region has to be asked."""
    return observed.record is not None and never_launched(observed.record) and observed.placement is None


def _ready(action: Action, observed: Observed, now: float) -> Action:
    action = guard.approved(action, observed, now)
    return numbered(action, guard.attempts_of(action, observed))


def _without_source(hold: Hold, desired: Desired, observed: Observed, now: float) -> Decision | None:
    """A move whose source does not answer goes on without its data, if somebody has approved just that."""
    action = hold.action
    if hold.reason is not HoldReason.SOURCE_UNREACHABLE or action is None or action.move is None:
        return None
    approval = guard.approval_of(action, observed, now)
    if approval is None or not approval.without_source:
        return None
    held = guard.first(guard.GIVING_UP, action, desired, observed, now)
    if held:
        return Decision(action.key, None, (held,))
    return _staged(action.key, saga.without_source(action.move), desired, observed, now)


def _split(action: Action, desired: Desired, observed: Observed, now: float) -> Decision:
    """What waits apart: removals that a guard holds, and Jobs whose turn in a rollout has not come."""
    allowed = rollout_hold(action, observed, now)
    if allowed.hold:
        return Decision(action.key, replace(action, steps=allowed.steps) if allowed.steps else None, (allowed.hold,))
    if not action.removals or guard.begun(action, observed):
        return Decision(action.key, action)
    hold = guard.first(guard.DESTRUCTIVE, action, desired, observed, now)
    if hold is None:
        return Decision(action.key, action)
    names = ", ".join(sorted({thing(step) for step in action.removals}))
    hold = replace(hold, message=f"removal of {names}: {hold.message}")
    reasons = tuple(reason for reason in action.reasons if reason.code != "removal")
    rest = replace(action, removals=(), reasons=reasons)
    applied = observed.record is not None and observed.record.applied_digest == action.digest
    return Decision(action.key, None if applied and not action.steps else rest, (hold,))


# -- environments on the move ------------------------------------------------------------------------------------------


def _moving(key: Key, move: Move, desired: Desired, observed: Observed, now: float) -> Decision:
    declaration = desired.environments.get(key)
    if saga.reverted(move, declaration):
        return Decision(key, saga.way_back(key, move, observed))
    if move.phase is Phase.THAWING:
        return _thawing(key, move, desired, observed, now)
    staged = _staged(key, move, desired, observed, now)
    if move.phase is Phase.CLEANING and staged.action is None:
        return _beside(staged, desired, observed, now)
    return staged


def _staged(key: Key, move: Move, desired: Desired, observed: Observed, now: float) -> Decision:
    """The move's next run, as far as no guard holds it."""
    action = _ready(saga.stage(key, move, observed), observed, now)
    hold = guard.first(guard.MOVING, action, desired, observed, now)
    if hold is None:
        return Decision(key, action)
    hold = replace(hold, message=f"{move.phase}, {move.source} → {move.to}: {hold.message}")
    return _without_source(hold, desired, observed, now) or Decision(key, None, (hold,))


def _thawing(key: Key, move: Move, desired: Desired, observed: Observed, now: float) -> Decision:
    """The source is made what it was, or what is declared of it by now; nothing is taken away meanwhile."""
    declaration = saga.thawed_declaration(move, desired.environments.get(key), observed)
    action = upsert(declaration, observed) if declaration else None
    if action is None:
        over = saga.thaw_is_over(key, move)
        hold = guard.first((guard.regions, guard.state), over, desired, observed, now)
        return Decision(key, None, (hold,)) if hold else Decision(key, over)
    action = _ready(replace(action, removals=(), asked=True), observed, now)
    hold = guard.first(guard.MOVING, action, desired, observed, now)
    return Decision(key, None, (hold,)) if hold else Decision(key, action)


def _beside(staged: Decision, desired: Desired, observed: Observed, now: float) -> Decision:
    """Cleaning has to wait, maybe for long: what is declared goes on at the target meanwhile."""
    waiting = tuple(replace(hold, beside=True) for hold in staged.holds)
    declaration = desired.environments.get(staged.key)
    if declaration is None or not _stays(declaration, observed):
        return Decision(staged.key, None, staged.holds)
    action = whole_gap(staged.key, desired, observed, now)
    if action is None:
        return Decision(staged.key, None, waiting)
    decision = _guarded(action, desired, observed, now)
    return replace(decision, holds=(*decision.holds, *waiting))


def _stays(declaration: Declaration, observed: Observed) -> bool:
    """Whether the environment is wanted where it is."""
    record = observed.record
    return record is not None and declaration.state != DECOMMISSIONED and record.region == declaration.region
