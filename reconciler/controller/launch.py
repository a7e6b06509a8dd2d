"""From an action to a run: record, placement, claim, POST, note — in this order, each write guarded.

The placement comes before the claim, so that everything after the claim follows from the claim alone: a process that
dies between any two writes leaves either nothing to undo, or a claim that the next one finishes
(docs/decisions/0002-placement-before-claim.md).
"""

from dataclasses import replace

from reconciler.controller.ports import Json, RecordStore, RegionCluster
from reconciler.core.action import Action, ActionKind
from reconciler.core.claim import Claim, claim_mark, run_name, workflow_of
from reconciler.core.declaration import Declaration
from reconciler.core.errors import AlreadyExists, Conflict, Unprocessable
from reconciler.core.observed import Site, read_run
from reconciler.core.placement import Placement, read_placement, replace_patch
from reconciler.core.placing import STATES, placing
from reconciler.core.record import Record, read_record
from reconciler.core.saga import entered, imports_of
from reconciler.core.step import Verb
from reconciler.core.times import rfc3339


def new_record(declaration: Declaration, placement: Placement | None) -> Record:
    """The first record of an environment; it goes on from a placement that outlived an earlier record."""
    return Record(
        key=declaration.key,
        policy=declaration.policy,
        region=declaration.region,
        epoch=placement.epoch if placement else 1,
    )


def prepared(record: Record, action: Action, now: float) -> Record:
    """The record as it has to be before anything is placed: it names region, epoch and move first.

    A placement that only its region knows of would read as one that has to be moved.
    """
    if action.kind is ActionKind.MIGRATE:
        assert action.move is not None
        return entered(record, action.move, now)
    if action.kind is ActionKind.DECOMMISSION:
        return record
    if record.gone:
        record = replace(record, gone="", applied_digest="", applied_revision="", conditions=())
    return replace(record, region=action.target, epoch=max(action.epoch, record.epoch))


def place(
    cluster: RegionCluster, action: Action, seen: Site | None, revision: str
) -> tuple[Json | None, Placement | None]:
    """Make the site's placement say what the action needs; returns it as it is now on the server.

    Raises Conflict when an overlapping reconciler was faster, or outcomes came that the decision did not know.
    """
    raw = cluster.find_placement(action.key)
    before = read_placement(raw) if raw else None
    known = seen.placement if seen else None
    if (before.outcomes if before else {}) != (known.outcomes if known else {}):
        raise Conflict(f"placement {action.key.dotted} has other outcomes than were known: look again")
    if action.verb in STATES and (before.epoch if before else 0) != (known.epoch if known else 0):
        raise Conflict(
            f"placement {action.key.dotted} is another one than was known: nothing of it is taken away unseen"
        )
    imports = imports_of(action.move, seen) if action.move and seen and action.verb == Verb.MIGRATE_IN else {}
    wanted = placing(action, before, revision, seen.offered if seen else {}, imports)
    if wanted is None:
        return None, None
    try:
        raw = _write(cluster, before, wanted, raw)
    except (AlreadyExists, Unprocessable) as error:
        raise Conflict(f"placement {action.key.dotted} was changed by somebody else: {error}") from error
    return raw, read_placement(raw)


def _write(cluster: RegionCluster, before: Placement | None, wanted: Placement, raw: Json | None) -> Json:
    if before is None or raw is None:
        return cluster.create_placement(wanted)
    if wanted.epoch < before.epoch:
        raise Conflict(f"placement {wanted.key.dotted} is at epoch {before.epoch} by now: look again")
    patch = replace_patch(before, wanted)
    return cluster.patch_placement(wanted.key, patch) if patch else raw


def claim_of(record: Record, action: Action, placement: Placement | None, revision: str, now: float) -> Claim:
    """The next claim of a record, for the action's steps and removals on the placement as it is."""
    seq = record.seq + 1
    return Claim(
        seq=seq,
        verb=action.verb,
        region=action.where,
        epoch=placement.epoch if placement else record.epoch,
        digest=placement.digest if placement else action.digest,
        revision=action.move.revision if action.move else revision,
        steps=(*(action.steps or ()), *action.removals),
        attempt=action.attempt,
        run=run_name(record.key, action.verb, record.uid, seq),
        at=rfc3339(now),
        basis=action.basis,
    )


def claimed(record: Record, action: Action, claim: Claim) -> Record:
    """The record with the claim on it; the first claim of what takes something away counts for the budget."""
    after = replace(record, claim=claim, seq=claim.seq)
    if action.kind is ActionKind.UPSERT:
        after = replace(after, attempted_revision=claim.revision)
    if action.attempt == 1 and (action.kind is ActionKind.DECOMMISSION or action.removals):
        after = replace(after, destructive=claim.at)
    return after


def post(cluster: RegionCluster, record: Record, placement: Placement | None) -> tuple[Json | None, str]:
    """Make sure that the claim's run exists; returns its Workflow, if it was read, and why it can never exist, if so.

    A run that any outcome names has been there: it is not POSTed again, even when its Workflow is gone.
    """
    claim = record.claim
    assert claim is not None
    if placement and any(outcome.run == claim.run for outcome in placement.outcomes.values()):
        return None, ""
    try:
        return cluster.launch(workflow_of(record.key, record.uid, claim, cluster.namespace)), ""
    except AlreadyExists:
        raw = cluster.find_run(claim.run)
        if raw is None:  # deleted a moment ago; a second POST would undo what somebody just did
            return None, ""
        if read_run(raw).mark == claim_mark(record.uid, claim):
            return raw, ""
        return None, f"a Workflow named {claim.run} exists and is not ours"


def noted(record: Record) -> Record:
    """The record with its claim's run known to exist."""
    assert record.claim is not None
    return replace(record, claim=replace(record.claim, noted=True))


def save(records: RecordStore, record: Record) -> tuple[Record, Json]:
    """Write a record; returns it as stored, and the raw object."""
    raw = records.replace(record) if record.resource_version else _create(records, record)
    return read_record(raw), raw


def _create(records: RecordStore, record: Record) -> Json:
    try:
        return records.create(record)
    except AlreadyExists as error:
        raise Conflict(f"record {record.key.dotted} was made by somebody else") from error
