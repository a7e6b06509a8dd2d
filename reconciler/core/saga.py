"""The saga of a move: what its phase asks for next, and what the record says when that is done (design §6, *Migrate*).

Level-based: phase, placements and outcomes say how far it is; nothing else is remembered. `core.move` has the table of
phases. Each phase is a run and then one guarded write of the record, so a process may die anywhere.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.action import Action, ActionKind, Reason
from reconciler.core.attempts import Attempts
from reconciler.core.declaration import DECOMMISSIONED, Declaration
from reconciler.core.difference import text
from reconciler.core.move import Move, Phase
from reconciler.core.names import Key
from reconciler.core.observed import Observed, Site
from reconciler.core.placement import Placement
from reconciler.core.record import Entry, Record
from reconciler.core.step import Step, Verb
from reconciler.core.times import rfc3339
from reconciler.core.wanted import expected_steps, importers, of_verb, pending_steps, wanted_steps

VERBS = {
    Phase.EXPORTING: Verb.MIGRATE_OUT,
    Phase.IMPORTING: Verb.MIGRATE_IN,
    Phase.CLEANING: Verb.DECOMMISSION,
}
SAGA = frozenset(verb.value for verb in VERBS.values())


def begin(declaration: Declaration, revision: str, observed: Observed, now: float) -> Action:
    """The action that starts a move to the declared region, pinned to what is declared now."""
    record = observed.record
    assert record is not None
    move = Move(
        source=record.region,
        to=declaration.region,
        phase=Phase.EXPORTING,
        digest=declaration.digest,
        revision=revision,
        epoch=next_epoch(record, observed),
        at=rfc3339(now),
        declaration=declaration.effective,
        exports=_exports(observed.site(record.region)),
    )
    why = Reason("field", "spec.region", text(record.region, declaration.region))
    return replace(stage(declaration.key, move, observed), reasons=(why,), ring=declaration.policy.ring)


def _exports(site: Site | None) -> tuple[str, ...]:
    """The Jobs that export when the move begins: one that is away for a moment later is waited for."""
    steps = expected_steps(Verb.MIGRATE_OUT, site.placement, site.offered) if site else {}
    return tuple(sorted(map(str, steps)))


def next_epoch(record: Record, observed: Observed) -> int:
    """An epoch above the record's and every placement's, so that nothing that was fenced comes back."""
    placed = (site.placement.epoch for site in observed.sites.values() if site.placement)
    return max([record.epoch, *placed]) + 1


def where(move: Move) -> str:
    """The region that the phase works in."""
    regions = {Phase.EXPORTING: move.source, Phase.IMPORTING: move.to, Phase.CLEANING: move.cleans}
    return regions.get(move.phase, move.source)


def stage(key: Key, move: Move, observed: Observed) -> Action:
    """What the phase asks for: a run of its verb, or no steps when all of it is done."""
    region, verb = where(move), VERBS[move.phase].value
    site = observed.site(region)
    steps = _steps(move, site) if site else {}
    placement = _of_epoch(move, site.placement) if site else None
    return Action(
        key=key,
        kind=ActionKind.MIGRATE,
        source=move.source,
        target=move.to,
        digest=move.digest,
        reasons=(Reason("move", "", f"{move.phase}: {verb} in {region}"),),
        steps=tuple(sorted(pending_steps(steps, placement, move.digest))) if site else None,
        verb=verb,
        site=region,
        epoch=move.epoch if move.phase is Phase.IMPORTING else placement.epoch if placement else 0,
        basis=_basis(move, observed.record, steps),
        move=move,
        declaration=Declaration.of(move.declaration) if move.phase is Phase.IMPORTING else None,
    )


def _basis(move: Move, record: Record | None, steps: Mapping[Step, str]) -> str:
    lines = [move.phase, where(move), str(move.epoch), record.retry if record else ""]
    lines += sorted(f"{step}={job_hash}" for step, job_hash in steps.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _of_epoch(move: Move, placement: Placement | None) -> Placement | None:
    """The placement whose outcomes count: at the target only the one that the move made."""
    if move.phase is Phase.IMPORTING and placement is not None and placement.epoch != move.epoch:
        return None
    return placement


def _steps(move: Move, site: Site) -> dict[Step, str]:
    if move.phase is not Phase.IMPORTING:
        pinned = map(Step.parse, move.exports if move.phase is Phase.EXPORTING else ())
        return dict.fromkeys(pinned, "") | expected_steps(VERBS[move.phase], site.placement, site.offered)
    declared = Declaration.of(move.declaration)
    upserts = wanted_steps(declared, of_verb(site.offered, Verb.UPSERT))
    return upserts | importers(declared.spec, move.archives, site.offered)


def reverted(move: Move, declaration: Declaration | None) -> bool:
    """Whether the environment is no longer wanted where it moves to, and the commit point is still ahead."""
    if declaration is None or declaration.state == DECOMMISSIONED:
        return move.phase.revertible
    return move.phase.revertible and declaration.region != move.to


def way_back(key: Key, move: Move, observed: Observed) -> Action:
    """The one write that turns a move around: the source in a new epoch, whatever the target does."""
    record = observed.record
    assert record is not None
    epoch = max(next_epoch(record, observed), move.epoch + 1)
    thawing = replace(move.enter(Phase.THAWING), epoch=epoch)
    why = Reason("move", "", f"no longer wanted in {move.to}: back to {move.source}")
    return _write(key, thawing, why)


def _write(key: Key, move: Move, why: Reason) -> Action:
    """An action that is a write of the record and nothing else."""
    return Action(
        key, ActionKind.MIGRATE, move.source, move.to, move.digest, (why,), (), verb="", site=move.source, move=move
    )


def thawed_declaration(move: Move, declaration: Declaration | None, observed: Observed) -> Declaration | None:
    """What the source is to be again: what is declared there, else what it was; None while that is not known."""
    if declaration and declaration.state != DECOMMISSIONED and declaration.region == move.source:
        return declaration
    return Declaration.of(observed.placement.declaration) if observed.placement else None


def thaw_is_over(key: Key, move: Move) -> Action:
    """The source lives again: what is left is to clean the target."""
    why = Reason("move", "", f"{move.source} is as it was; {move.to} is cleaned")
    return _write(key, move, why)


def without_source(move: Move) -> Move:
    """The move that gives up the data of a source that does not answer."""
    return replace(move.enter(Phase.IMPORTING), without_source=True)


def entered(record: Record, move: Move, now: float) -> Record:
    """The record with the move on it, before anything of its phase is done; equal to it when it is there.

    An approval is used up when the source is given up by it, and when the move turns around: what is declared again
    later is another decision.
    """
    if record.move == move:
        return record
    given_up = move.without_source and not (record.move and record.move.without_source)
    used = given_up or move.phase is Phase.THAWING
    after = replace(record, move=move, approval="" if used else record.approval)
    if record.move is None:
        text_ = f"from {move.source} to {move.to}" + (" without its source" if move.without_source else "")
        return replace(after, destructive=rfc3339(now)).with_entry(_entry(now, "Moving", text_, move))
    if move.phase is Phase.THAWING:
        text_ = f"back to {move.source}, epoch {move.epoch}; {move.to} is cleaned afterwards"
        after = replace(after, epoch=move.epoch, claim=None, attempts=Attempts())
        return after.with_entry(_entry(now, "Reverted", text_, move))
    return after


def arrived(record: Record, move: Move, placement: Placement | None, now: float) -> Record:
    """The record after everything that the phase asks for is done: the next phase, or no move any more.

    `placement`: of the place where the phase worked; of an export it says what the archives are.
    """
    if move.phase is Phase.EXPORTING:
        archives = archives_of(placement) if placement else {}
        return replace(record, move=replace(move.enter(Phase.IMPORTING), archives=archives))
    if move.phase is Phase.IMPORTING:
        return _committed(record, move, now)
    if move.phase is Phase.THAWING:
        return replace(record, move=move.enter(Phase.CLEANING, cleans=move.to))
    text_ = f"nothing of it is left in {move.cleans}"
    return replace(record, move=None).with_entry(_entry(now, "Cleaned", text_, move))


def archives_of(placement: Placement) -> dict[str, Mapping[str, Any]]:
    """What was exported in this epoch, by service."""
    outs = ((step, outcome) for step, outcome in placement.outcomes.items() if step.verb == Verb.MIGRATE_OUT)
    return {
        step.namespace: outcome.archive.dump()
        for step, outcome in outs
        if outcome.archive and outcome.epoch == placement.epoch and not outcome.failed
    }


def imports_of(move: Move, site: Site) -> dict[str, str]:
    """Which archive each migrate-in Job at the target is given, by `<namespace>.<Job>`, as JSON."""
    steps = importers(move.declaration["spec"], move.archives, site.offered)
    return {".".join(step.target): json.dumps(move.archives[step.namespace], separators=(",", ":")) for step in steps}


def _committed(record: Record, move: Move, now: float) -> Record:
    """The commit point: one write of region and epoch."""
    after = replace(
        record,
        region=move.to,
        epoch=move.epoch,
        attempted_revision=move.revision,
        applied_revision=move.revision,
        applied_digest=move.digest,
        attempts=Attempts(),
        approval="",
        move=move.enter(Phase.CLEANING, cleans=move.source),
    )
    return after.with_entry(_entry(now, "Moved", f"from {move.source} to {move.to}, epoch {move.epoch}", move))


def _entry(now: float, event: str, message: str, move: Move) -> Entry:
    return Entry(at=rfc3339(now), event=event, message=message, region=move.to, revision=move.revision)
