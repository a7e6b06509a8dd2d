"""Why a run was made: which fields of the declaration, which commits, which Jobs, or whose hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.action import Action, ActionKind, Reason
from reconciler.core.claim import verb_of_run
from reconciler.core.decide import Decision
from reconciler.core.outcome import Outcome
from reconciler.core.record import Entry, Record
from reconciler.core.step import Step

SUCCEEDED = "Succeeded"
MOVING = ("migrate-in", "decommission")
ADMIN_STARTED = "AdminStarted"  # it names its run, whose own line follows


@dataclass(frozen=True, slots=True)
class Cause:
    """One run of an environment; `base` is the revision that was applied before it, else the one that was tried before
    it, empty where it is the first.
    """

    entry: Entry
    base: str
    before: tuple[Entry, ...]

    @property
    def same_declaration(self) -> bool:
        """Whether no commit lies between it and what was applied before."""
        return self.base == self.entry.revision


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause with what git and the placement tell of it."""

    cause: Cause
    reasons: tuple[str, ...]
    commits: tuple[tuple[str, str, str], ...] = ()
    steps: tuple[Step, ...] = ()


def causes(record: Record) -> list[Cause]:
    """Each run that the record knows of, with the one in progress, the newest first."""
    history = [*record.history, *_in_progress(record)]
    found: list[Cause] = []
    applied, tried = "", ""
    since: list[Entry] = []
    for entry in history:
        if not entry.run or entry.event == ADMIN_STARTED:
            since.append(entry)
            continue
        found.append(Cause(entry, applied or tried, tuple(since)))
        since = [] if entry.event == SUCCEEDED else [entry]
        if verb_of_run(entry.run) != "admin":
            applied, tried = (entry.revision if entry.event == SUCCEEDED else applied), entry.revision
    return found[::-1]


def _in_progress(record: Record) -> Iterable[Entry]:
    claim = record.claim
    if claim:
        message = f"attempt {claim.attempt}"
        yield Entry(claim.at, "InProgress", message, claim.run, claim.region, claim.revision, claim.attempt)


def ran(cause: Cause, outcomes: Iterable[Outcome]) -> tuple[Step, ...]:
    """The steps whose last outcome is of this run; what a later run did again is that run's."""
    return tuple(sorted(outcome.step for outcome in outcomes if outcome.run == cause.entry.run))


def reasons(cause: Cause, changed: Decision | None) -> tuple[str, ...]:
    """What made the run, in words; `changed` is what git says between the two revisions (None: it cannot tell)."""
    said = [f"after {entry.event}: {entry.message}" for entry in cause.before]
    if cause.entry.attempt > 1:
        said.append(f"attempt {cause.entry.attempt} of the same")
    if not cause.base:
        return (*said, "the first run that the record remembers")
    if changed is None:
        return (*said, "git cannot say what changed: a commit is not in this repository")
    fields = _reasons(changed)
    if fields:
        return (*said, *map(str, fields))
    if said:
        return tuple(said)
    verb = verb_of_run(cause.entry.run)
    if verb in MOVING:
        return (f"the move goes on: {verb} in {cause.entry.region}",)
    return ("no field changed: a lifecycle Job was new or changed, or was asked for by hand",)


def _reasons(changed: Decision) -> Sequence[Reason]:
    action: Action | None = changed.action or next((hold.action for hold in changed.holds if hold.action), None)
    if action is None:
        return ()
    kept = [reason for reason in action.reasons if reason.code != "placement"]
    return kept or [Reason("kind", "", action.kind.value)] if action.kind is not ActionKind.UPSERT else kept
