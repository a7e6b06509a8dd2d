"""Guards: what turns an action into a hold, each with its fixed reason (design §7). A list, read from top to bottom.

Each is `(action, desired, observed, now) -> Hold | None`. Those of `DESTRUCTIVE` are asked before anything is taken
away, and no more once that has begun: half of it gone is worse than either.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from reconciler.core.action import Action, ActionKind, Hold, HoldReason
from reconciler.core.approval import HINT, Approval
from reconciler.core.attempts import Attempts
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.fleet import suspensions
from reconciler.core.gap import never_launched
from reconciler.core.move import Phase
from reconciler.core.observed import Observed
from reconciler.core.placement import State
from reconciler.core.step import Verb
from reconciler.core.times import parse_rfc3339
from reconciler.core.wanted import LAST, MISSING, asymmetries, begun_to_go, expected_steps, missing, not_imported, thing

ATTEMPTS_MAX = 5
SOON = "later releases of tenantctl do this"
STALLED_AS = {
    "AttemptsUsedUp": HoldReason.ATTEMPTS_USED_UP,
    MISSING: HoldReason.LIFECYCLE_JOB_MISSING,
}

Guard = Callable[[Action, Desired, Observed, float], Hold | None]


def first(guards: Sequence[Guard], action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """The hold of the first guard that applies."""
    return next((hold for guard in guards if (hold := guard(action, desired, observed, now))), None)


def approval_of(action: Action, observed: Observed, now: float) -> Approval | None:
    """The approval that is for exactly this action, if there is one."""
    text = observed.record.approval if observed.record else ""
    approval = Approval.load(text) if text else None
    return approval if approval and approval.lifts(action, now) else None


def approved(action: Action, observed: Observed, now: float) -> Action:
    """The action without the steps whose missing Job somebody has approved to do without.

    Only those that were known to be missing then: who approved it for another reason gave up no data.
    """
    if action.steps is None or action.verb not in LAST:
        return action
    site, approval = observed.site(action.where), approval_of(action, observed, now)
    if site is None or site.placement is None or approval is None:
        return action
    told = site.placement.outcomes
    waited = missing(expected_steps(action.verb, site.placement, site.offered), site.placement)
    skipped = {step for step in waited if _known(told[step].at, approval.at)}
    if not skipped:
        return action
    left = tuple(step for step in action.steps if step not in skipped)
    return replace(action, steps=left, basis=f"{action.basis}-without-{len(skipped)}")


def _known(at: str, approved_at: str) -> bool:
    """Whether who approved could have seen what was told then; a time that cannot be read was never told."""
    try:
        return parse_rfc3339(at) <= parse_rfc3339(approved_at)
    except ValueError:
        return False


# -- whether anything can be known and done there ----------------------------------------------------------------------


def regions(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """The regions that the action needs are listed and answer."""
    for region in _needed(action, observed):
        if region not in desired.regions:
            known = ", ".join(sorted(desired.regions))
            message = f"region {region} is not one of {known} (providers/regions.yaml)"
            return Hold(action.key, HoldReason.UNKNOWN_REGION, message, action)
        if region in observed.silent:
            return _silent(action, region, observed.silent[region])
    return None


def _needed(action: Action, observed: Observed) -> list[str]:
    begun_already = observed.record is not None and observed.record.move is not None
    if action.move and (begun_already or action.move.without_source):  # each phase has its own place
        return [action.where]
    recorded = observed.record.region if observed.record and not observed.record.gone else ""
    return list(dict.fromkeys(filter(None, (action.source or recorded, action.target))))


def _silent(action: Action, region: str, why: str) -> Hold:
    message = f"region {region} does not answer: {why}"
    if action.kind is ActionKind.MIGRATE and action.verb == Verb.MIGRATE_OUT and region == action.source:
        hint = f"; 'tenantctl approve {action.key} --without-source' goes on without its data"
        return Hold(action.key, HoldReason.SOURCE_UNREACHABLE, message + hint, action)
    return Hold(action.key, HoldReason.REGION_NOT_ANSWERING, message, action)


def state(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Record and placement can be read, and the placement is not ahead of the record."""
    record, placement = observed.record, observed.placement
    if observed.damaged:
        return Hold(action.key, HoldReason.STATE_DAMAGED, observed.damaged, action)
    if record and placement and record.epoch < placement.epoch and observed.region == record.region and not record.gone:
        message = f"the record is at epoch {record.epoch}, the placement at {placement.epoch}"
        return Hold(action.key, HoldReason.STATE_DAMAGED, message, action)
    return None


def in_progress(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """No run of the environment is open where the action would start another."""
    claim = observed.record.claim if observed.record else None
    site = observed.site(action.where)
    runs = [claim.run] if claim else list(site.active if site else observed.active)
    if not runs:
        return None
    return Hold(action.key, HoldReason.RUN_IN_PROGRESS, f"run {runs[0]} is in progress", action)


def paused(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Nobody suspended it. Only launching is held: where every step is done, the state may say so."""
    if action.kind is ActionKind.UPSERT and action.steps == () and not action.removals:
        return None
    recorded = observed.record.region if observed.record else ""
    covered = {recorded, action.source, action.target} - {""}
    found = suspensions(action.key, observed.record, observed.fleet, covered, now)
    if not found:
        return None
    ends = [each.mark.until for each in found]
    until = max(map(parse_rfc3339, ends)) if all(ends) else None
    return Hold(action.key, HoldReason.PAUSED, "; ".join(map(str, found)), action, until)


def lost(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """A missing record means a new environment, unless records were lost and a region may still know of it."""
    if observed.record is not None or not observed.lost:
        return None
    return Hold(action.key, HoldReason.RECORDS_LOST, observed.lost, action)


def renamed(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """It is not one half of what looks like a rename, which would take data away and begin without it."""
    if observed.twin is None or approval_of(action, observed, now):
        return None
    message = (
        f"{action.key} and {observed.twin} look like one environment that was renamed, which is not possible: its data"
        f" would be lost; declare it under its old name again, or approve both: {HINT}"
    )
    return Hold(action.key, HoldReason.LOOKS_RENAMED, message, action, twin=observed.twin)


def unsupported(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Nothing is declared that this version cannot do."""
    declaration = Declaration.of(action.move.declaration) if action.move else action.declaration
    if declaration and declaration.resources:
        return Hold(action.key, HoldReason.NOT_YET_SUPPORTED, f"spec.resources is declared; {SOON}", action)
    return None


def attempts(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """It may be tried again now."""
    if action.attempt == 1 or not (action.steps != () or action.removals):  # a run by hand did what was left to try
        return None
    tried = attempts_of(action, observed)
    if tried.stalled:
        reason = STALLED_AS.get(tried.stalled, HoldReason.STALLED)
        return Hold(action.key, reason, tried.message, action, word=tried.stalled)
    if now < tried.next_at:
        message = f"attempt {action.attempt} of {ATTEMPTS_MAX} follows: {tried.message}"
        return Hold(action.key, HoldReason.RETRY_LATER, message, action, tried.next_at)
    return None


def attempts_of(action: Action, observed: Observed) -> Attempts:
    """The attempts that count for it: those of the move, or those of the record."""
    record = observed.record
    if record is None:
        return Attempts()
    return record.move.attempts if record.move and action.kind is ActionKind.MIGRATE else record.attempts


# -- before anything is taken away -------------------------------------------------------------------------------------


def begun(action: Action, observed: Observed) -> bool:
    """Whether taking away has begun already."""
    if action.kind is ActionKind.MIGRATE:
        return observed.record is not None and observed.record.move is not None
    site = observed.site(action.where)
    placement = site.placement if site else None
    if action.kind is ActionKind.DECOMMISSION:
        return placement is not None and placement.state is State.RELEASED
    return {thing(step) for step in action.removals} <= begun_to_go(placement)


def trusted(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """The source is one that may take things away; `approve --source` accepts it."""
    return Hold(action.key, HoldReason.SOURCE_NOT_TRUSTED, observed.untrusted, action) if observed.untrusted else None


def reviewed(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """What is taken away can be seen in git."""
    if not observed.unreviewed or approval_of(action, observed, now):
        return None
    return Hold(action.key, HoldReason.NOT_REVIEWED, observed.unreviewed, action)


def protected(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """deletionProtection is off; when the file is gone, an approval does instead. A move takes the data along."""
    if action.kind is ActionKind.MIGRATE:
        return None
    declaration, record = desired.environments.get(action.key), observed.record
    policy = declaration.policy if declaration else record.policy if record else None
    if policy is None or not policy.deletion_protection:
        return None
    if declaration is None and approval_of(action, observed, now):
        return None
    what = "deletionProtection is on (it is unless a declaration says false)"
    remedy = "set it to false in a commit" if declaration else f"the file is gone, so an approval lifts it: {HINT}"
    return Hold(action.key, HoldReason.PROTECTED, f"{what}; {remedy}", action)


def known(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """What is there is known: without its placement nothing would be exported, and nothing taken away."""
    record, site = observed.record, observed.site(action.source)
    later = action.kind is ActionKind.UPSERT or (action.move and action.move.phase is not Phase.EXPORTING)
    if later or record is None or never_launched(record) or site is None or site.placement:
        return None
    message = (
        f"region {action.source} holds no placement of it any more, so what is there is not known;"
        f" declare it in {action.source} again, which makes the placement again"
    )
    return Hold(action.key, HoldReason.STATE_DAMAGED, message, action)


def there(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """No Job that has to run first went a moment ago: Argo CD replaces a Job by deleting it, and this passes."""
    site = observed.site(action.where)
    steps = {*(action.steps or ()), *action.removals} & (site.away.keys() if site else set())
    if site is None or not steps:
        return None
    names = ", ".join(sorted({"/".join(step.target) for step in steps}))
    message = f"Job {names} went a moment ago; it is waited for, for five minutes at most"
    return Hold(action.key, HoldReason.LIFECYCLE_JOB_AWAY, message, action, max(site.away[step] for step in steps))


def imported(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Whatever was exported is imported: a move that went on without would lose it."""
    move, site = action.move, observed.site(action.where)
    if move is None or move.phase is not Phase.IMPORTING or site is None:
        return None
    left = not_imported(move.declaration["spec"], move.archives, site.offered)
    if not left:
        return None
    message = f"{', '.join(left)}: exported, and not exactly one Job with {Verb.MIGRATE_IN} is there"
    return Hold(action.key, HoldReason.VERBS_NOT_SYMMETRIC, message, action)


def symmetric(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Every service that exports data can import it at the target, and the reverse."""
    source, target = observed.site(action.source), observed.site(action.target)
    declared = desired.environments.get(action.key)
    if action.verb != Verb.MIGRATE_OUT or source is None or target is None or declared is None:
        return None
    found = list(asymmetries(source, target, declared.spec))
    return Hold(action.key, HoldReason.VERBS_NOT_SYMMETRIC, "; ".join(found), action) if found else None


def budget(action: Action, desired: Desired, observed: Observed, now: float) -> Hold | None:
    """Not too much is taken away at once, in the whole fleet."""
    if not observed.over_budget or approval_of(action, observed, now):
        return None
    return Hold(action.key, HoldReason.DESTRUCTIVE_BUDGET, observed.over_budget, action, observed.over_budget_until)


GENERAL: tuple[Guard, ...] = (regions, state, in_progress, paused, lost, renamed, unsupported)
DESTRUCTIVE: tuple[Guard, ...] = (known, trusted, reviewed, protected, there, symmetric, budget)
MOVING: tuple[Guard, ...] = (regions, state, in_progress, known, there, imported, paused, attempts)
GIVING_UP: tuple[Guard, ...] = (unsupported, trusted)  # the other guards are lifted by the approval itself
