"""From an action to a run: record, placement, claim, POST, note — in this order, each write guarded.

The placement comes before the claim, so that everything after the claim follows from the claim alone: a process that
dies between any two writes leaves either nothing to undo, or a claim that the next one finishes
(docs/decisions/0002-placement-before-claim.md).
"""

from dataclasses import replace

from reconciler.controller.ports import Json, RecordStore, RegionCluster
from reconciler.core.action import Action
from reconciler.core.claim import Claim, claim_mark, run_name, workflow_of
from reconciler.core.declaration import Declaration
from reconciler.core.errors import AlreadyExists, Conflict, Unprocessable
from reconciler.core.observed import read_run
from reconciler.core.placement import Placement, placement_of, read_placement, replace_patch
from reconciler.core.record import Record, read_record
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


def place(cluster: RegionCluster, record: Record, declaration: Declaration, revision: str) -> Json:
    """Make the region's placement say what is declared; returns it as it is now on the server.

    Raises Conflict when an overlapping reconciler was faster: look again.
    """
    wanted = placement_of(declaration, revision, record.epoch)
    raw = cluster.find_placement(record.key)
    try:
        if raw is None:
            return cluster.create_placement(wanted)
        before = read_placement(raw)
        if before.digest == wanted.digest:
            wanted = replace(wanted, revision=before.revision)
        patch = replace_patch(before, wanted)
        return cluster.patch_placement(record.key, patch) if patch else raw
    except (AlreadyExists, Unprocessable) as error:
        raise Conflict(f"placement {record.key.dotted} was changed by somebody else: {error}") from error


def claim_of(record: Record, action: Action, revision: str, basis: str, now: float) -> Claim:
    """The next claim of a record for an upsert."""
    seq = record.seq + 1
    return Claim(
        seq=seq,
        verb=Verb.UPSERT.value,
        region=action.target,
        epoch=record.epoch,
        digest=action.digest,
        revision=revision,
        steps=action.steps or (),
        attempt=action.attempt,
        run=run_name(record.key, Verb.UPSERT, record.uid, seq),
        at=rfc3339(now),
        basis=basis,
    )


def claimed(record: Record, claim: Claim) -> Record:
    """The record with the claim on it."""
    return replace(
        record,
        claim=claim,
        seq=claim.seq,
        region=claim.region,
        attempted_revision=claim.revision,
    )


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
