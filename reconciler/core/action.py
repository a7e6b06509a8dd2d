"""Actions and holds: what a plan is made of."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.core.declaration import Declaration
from reconciler.core.move import Move
from reconciler.core.names import Key
from reconciler.core.step import Step, Verb


class ActionKind(StrEnum):
    """One planned change of a tenant environment."""

    UPSERT = "UPSERT"
    MIGRATE = "MIGRATE"
    DECOMMISSION = "DECOMMISSION"

    @property
    def sign(self) -> str:
        """The one printable sign of the action (as terraform's `internal/plans/action.go` has them)."""
        return {"UPSERT": "~", "MIGRATE": ">", "DECOMMISSION": "-"}[self.value]

    @property
    def destructive(self) -> bool:
        """Whether something is taken away from where it is."""
        return self is not ActionKind.UPSERT

    @property
    def order(self) -> int:
        """Decommissions come last, so that what replaces an environment exists before it goes."""
        return list(ActionKind).index(self)


class HoldReason(StrEnum):
    """Why an action that is seen is not made. Fixed words: people search for them, alerts match them."""

    INVALID_DECLARATION = "InvalidDeclaration"
    UNKNOWN_REGION = "UnknownRegion"
    REGION_NOT_ANSWERING = "RegionNotAnswering"
    RUN_IN_PROGRESS = "RunInProgress"
    PAUSED = "Paused"
    STALLED = "Stalled"
    ATTEMPTS_USED_UP = "AttemptsUsedUp"
    RETRY_LATER = "RetryLater"
    IN_FLIGHT_LIMIT = "InFlightLimit"
    STATE_DAMAGED = "StateDamaged"
    NOT_YET_SUPPORTED = "NotYetSupported"
    PROTECTED = "Protected"
    DESTRUCTIVE_BUDGET = "DestructiveBudget"
    SOURCE_NOT_TRUSTED = "SourceNotTrusted"
    LOOKS_RENAMED = "LooksRenamed"
    NOT_REVIEWED = "NotReviewed"
    ROLLOUT_WAITING = "RolloutWaiting"
    ROLLOUT_HALTED = "RolloutHalted"
    VERBS_NOT_SYMMETRIC = "VerbsNotSymmetric"
    RECORDS_LOST = "RecordsLost"
    LIFECYCLE_JOB_MISSING = "LifecycleJobMissing"
    LIFECYCLE_JOB_AWAY = "LifecycleJobAway"
    SOURCE_UNREACHABLE = "SourceUnreachable"

    @property
    def stalls(self) -> bool:
        """Whether only a change by somebody lifts it; the others, and whatever has a time, pass by themselves."""
        return self not in {
            self.RUN_IN_PROGRESS,
            self.RETRY_LATER,
            self.IN_FLIGHT_LIMIT,
            self.REGION_NOT_ANSWERING,
            self.ROLLOUT_WAITING,
            self.RECORDS_LOST,
            self.LIFECYCLE_JOB_AWAY,
        }

    @property
    def approvable(self) -> bool:
        """Whether an approval lifts it (design §7); `Protected` only when the file is gone."""
        return self in {
            self.PROTECTED,
            self.DESTRUCTIVE_BUDGET,
            self.LOOKS_RENAMED,
            self.NOT_REVIEWED,
            self.ROLLOUT_HALTED,
            self.LIFECYCLE_JOB_MISSING,
            self.SOURCE_UNREACHABLE,
        }

    @property
    def blinds(self) -> bool:
        """Whether not even a run in progress can be followed."""
        return self in {self.REGION_NOT_ANSWERING, self.UNKNOWN_REGION, self.STATE_DAMAGED}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an action is planned: `subject` is a field, a Job or a run; `message` is one clause for people."""

    code: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}" if self.subject else self.message


@dataclass(frozen=True, slots=True)
class Action:
    """One planned change. `steps` None: not looked (offline), the run discovers them by itself.

    What it does next: a run of `verb` in region `site`, on a placement of `epoch` (0: there is none yet) that says
    `declaration`; for a moving environment, with `move` on its record first. No steps: only state has to change.
    `basis` is what its attempts are counted by.
    """

    key: Key
    kind: ActionKind
    source: str
    target: str
    digest: str
    reasons: tuple[Reason, ...] = ()
    steps: tuple[Step, ...] | None = ()
    removals: tuple[Step, ...] = ()
    attempt: int = 1
    ring: int = 0
    asked: bool = True
    verb: str = Verb.UPSERT.value
    site: str = ""
    epoch: int = 0
    basis: str = ""
    move: Move | None = None
    declaration: Declaration | None = field(default=None, compare=False, repr=False)

    @property
    def where(self) -> str:
        """The region of its next run."""
        return self.site or self.target or self.source

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it goes into the plan's id: what the declarations ask for, and nothing that the clock moves."""
        removals = ",".join(sorted(map(str, self.removals)))
        return (str(self.key), self.kind.value, self.source, self.target, self.digest, removals)

    @property
    def order(self) -> tuple[int, int, int, Key]:
        """The order of launching: what commits ask for before backfills, then by ring, then by name."""
        return (self.kind.order, 0 if self.asked else 1, self.ring, self.key)


@dataclass(frozen=True, slots=True)
class Hold:
    """An action that is seen and not made. `action` None: what it would be is not known (an unreadable file).

    `until`: it passes by itself then, in seconds since the epoch. `word`: the fixed reason that the conditions say,
    where it is more exact. `beside`: what is declared is applied all the same; only what was left behind waits.
    `twin`: the other half of what looks like a rename. `jobs`: the digest of the versions whose rollout is halted.
    """

    key: Key
    reason: HoldReason
    message: str
    action: Action | None = None
    until: float | None = None
    word: str = ""
    beside: bool = False
    twin: Key | None = None
    jobs: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions and holds at one commit."""

    revision: str
    actions: tuple[Action, ...] = ()
    holds: tuple[Hold, ...] = ()
    unchanged: int = 0
    findings: tuple[Any, ...] = field(default=(), compare=False)

    @property
    def id(self) -> str:
        """12 hex digits; two plans that ask for the same have the same id, whatever else the clusters are doing."""
        return plan_id(self.actions, self.holds)


def plan_id(actions: Sequence[Action], holds: Sequence[Hold]) -> str:
    """The hash of all that declarations ask for, held or not (design §2, *plan*), and of the rollouts that are halted.

    Where an action goes on without what is held of it, the hold carries the whole, so it counts. A halted rollout is
    what an approval may be for: of another version the id is another one.
    """
    seen = {action.key: action for action in actions}
    seen |= {hold.key: hold.action for hold in holds if hold.action is not None}
    identities = sorted(action.identity for action in seen.values() if action.asked)
    identities += sorted((str(hold.key), hold.reason.value, hold.jobs) for hold in holds if hold.jobs)
    return hashlib.sha256(json.dumps(identities).encode()).hexdigest()[:12]
