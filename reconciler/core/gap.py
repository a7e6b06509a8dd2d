"""The gap between what is declared and what is observed of one environment: the action that closes it, and why.

What stands in its way is for `core.guard` to say.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.core import saga
from reconciler.core.action import Action, ActionKind, Reason
from reconciler.core.attempts import Attempts
from reconciler.core.declaration import DECOMMISSIONED, Declaration
from reconciler.core.declaration import wanted as wanted_part
from reconciler.core.desired import Desired
from reconciler.core.difference import differences, text
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, State
from reconciler.core.record import Record
from reconciler.core.step import Kind, Step, Verb
from reconciler.core.wanted import expected_steps, leaving_steps, pending_steps, unwanted_steps, wanted_steps


def gap(key: Key, desired: Desired, observed: Observed, now: float) -> Action | None:
    """The action that closes the gap, whatever stands in its way; not for an environment on the move."""
    declaration, record = desired.environments.get(key), observed.record
    if declaration is None or declaration.state == DECOMMISSIONED:
        return decommission(key, declaration, observed) if record and not record.gone else None
    if record and not record.gone and record.region != declaration.region and _placed(record, observed):
        return saga.begin(declaration, desired.revision, observed, now)
    return upsert(declaration, observed)


def _placed(record: Record, observed: Observed) -> bool:
    """Whether anything may exist in the recorded region; before that, another region is only another plan."""
    site = observed.site(record.region)
    return bool(record.applied_digest or record.claim or (site and site.placement))


def decommission(key: Key, declaration: Declaration | None, observed: Observed) -> Action:
    """The action that takes an environment away, where it is."""
    record = observed.record
    assert record is not None
    site = observed.site(record.region)
    placement = site.placement if site else None
    expected = expected_steps(Verb.DECOMMISSION, placement, site.offered) if site else {}
    steps = None if site is None else tuple(sorted(pending_steps(expected, placement, "")))
    return Action(
        key=key,
        kind=ActionKind.DECOMMISSION,
        source=record.region,
        target="",
        digest=record.applied_digest or (placement.digest if placement else ""),
        reasons=(_why_gone(declaration),),
        steps=() if never_launched(record) and placement is None else steps,
        verb=Verb.DECOMMISSION.value,
        site=record.region,
        epoch=placement.epoch if placement else 0,
        basis=basis([Verb.DECOMMISSION.value, record.region, record.retry], expected),
    )


def _why_gone(declaration: Declaration | None) -> Reason:
    if declaration:
        return Reason("state", "spec.state", DECOMMISSIONED)
    return Reason("removed", "", "the declaration was removed")


def never_launched(record: Record) -> bool:
    """Whether tenantctl has launched nothing for it, ever: then nothing of ours can be anywhere."""
    return record.seq == 0 and not record.applied_digest


def upsert(declaration: Declaration, observed: Observed) -> Action | None:
    """The action that makes the environment what is declared, in its region; None when it is that."""
    record, placement = observed.record, observed.placement
    wanted = wanted_steps(declaration, observed.upserts or {})
    live = placement if _is_live(record, placement) else None
    pending = pending_steps(wanted, live, declaration.digest)
    pending += tuple(step for step in wanted if step in observed.applications.gone and step not in pending)
    removals = unwanted_steps(declaration, live, _offered(observed))
    applied = record is not None and record.applied_digest == declaration.digest and not record.gone
    if applied and not pending and not removals and not _lost(declaration, observed, live):
        return None
    return Action(
        key=declaration.key,
        kind=ActionKind.UPSERT,
        source=record.region if record and record.applied_digest and not record.gone else "",
        target=declaration.region,
        digest=declaration.digest,
        reasons=_reasons(declaration, observed, wanted, pending, removals),
        steps=None if observed.upserts is None else tuple(sorted(pending)),
        removals=removals,
        ring=declaration.policy.ring,
        asked=not applied or bool(removals),
        site=declaration.region,
        epoch=_epoch(record, placement),
        basis=basis_of(declaration, wanted | leaving_steps(declaration, live, _offered(observed)), record),
        declaration=declaration,
    )


def _is_live(record: Record | None, placement: Placement | None) -> bool:
    """Whether what the placement says was done still stands: nothing was frozen, taken away or thawed since."""
    return placement is not None and placement.state is State.ACTIVE and (not record or record.epoch <= placement.epoch)


def _epoch(record: Record | None, placement: Placement | None) -> int:
    """The epoch in which the environment lives here; one that was frozen or released begins a new one."""
    recorded, placed = record.epoch if record else 1, placement.epoch if placement else 0
    dead = placement is not None and placement.state is not State.ACTIVE
    return max(recorded, placed + 1 if dead else placed)


def _lost(declaration: Declaration, observed: Observed, live: Placement | None) -> bool:
    """Whether the region, which answers, holds no living placement: made again, so that a run by hand finds it."""
    return live is None and declaration.region not in observed.silent


def _offered(observed: Observed) -> Mapping[Step, str]:
    site = observed.site(observed.region)
    return site.offered if site else {}


def jobless(declaration: Declaration, observed: Observed) -> list[str]:
    """The services that it names and that offer nothing: not there yet, or misspelt. No error: Jobs come any time."""
    if observed.upserts is None:
        return []
    offered = {step.namespace for step in observed.upserts}
    return [name for name in declaration.services or () if name not in offered]


def basis_of(declaration: Declaration, wanted: Mapping[Step, str], record: Record | None) -> str:
    """What an attempt is an attempt at; a change of the declaration, a Job or a person's `retry` begins anew."""
    return basis([declaration.digest, declaration.region, record.retry if record else ""], wanted)


def basis(parts: Iterable[str], steps: Mapping[Step, str]) -> str:
    """The digest of what is tried: a change of any part begins anew."""
    lines = [*parts, *sorted(f"{step}={job_hash}" for step, job_hash in steps.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def numbered(action: Action, attempts: Attempts) -> Action:
    """The action with the number of its attempt."""
    return replace(action, attempt=attempts.after(action.basis))


def _reasons(
    declaration: Declaration,
    observed: Observed,
    wanted: Mapping[Step, str],
    pending: Iterable[Step],
    removals: tuple[Step, ...],
) -> tuple[Reason, ...]:
    found = [*_field_reasons(declaration, observed), *_job_reasons(declaration, observed, wanted, pending)]
    found += [Reason("service", name, "no lifecycle Job is there") for name in jobless(declaration, observed)]
    found += [Reason("removal", "/".join(step.target), "no longer wanted") for step in removals]
    return tuple(found)


def _field_reasons(declaration: Declaration, observed: Observed) -> list[Reason]:
    record, placement = observed.record, observed.placement
    if record is not None and record.gone:
        return [Reason("back", "", f"declared again; it was decommissioned at {record.gone}")]
    if record is not None and record.applied_digest == declaration.digest:
        return _placement_reasons(record, placement)
    if placement is None:
        return [Reason("new", "", "new environment")]
    before, after = wanted_part(placement.spec), declaration.wanted
    found = [Reason("field", path, text(old, new)) for path, old, new in differences(before, after)]
    return found or [Reason("unapplied", "", "not applied yet")]


def _placement_reasons(record: Record, placement: Placement | None) -> list[Reason]:
    if placement is None:
        return [Reason("placement", "", "the region holds no placement of it")]
    if not _is_live(record, placement):
        return [Reason("placement", "", f"its placement is {placement.state} at epoch {placement.epoch}")]
    return []


def _job_reasons(
    declaration: Declaration, observed: Observed, wanted: Mapping[Step, str], pending: Iterable[Step]
) -> list[Reason]:
    placement = observed.placement
    if placement is None or not _is_live(observed.record, placement):
        return []
    found = (
        (step, _step_reason(step, placement.outcomes.get(step), wanted[step], declaration.digest))
        for step in pending
        if step not in observed.applications.gone
    )
    gone = ((step, "not in Argo CD any more") for step in pending if step in observed.applications.gone)
    return [Reason(step.kind.value, "/".join(step.target), why) for step, why in sorted([*found, *gone]) if why]


def _step_reason(step: Step, outcome: Outcome | None, job_hash: str, digest: str) -> str:
    if outcome is None:
        return "not run here yet"
    if outcome.hash != job_hash:
        return "the Job changed" if step.kind is Kind.JOB else "it is declared otherwise"
    if outcome.digest == digest:
        return f"{outcome.result.value.lower()} in run {outcome.run}" + (
            f": {outcome.message}" if outcome.failed else ""
        )
    return ""
