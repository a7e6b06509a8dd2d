"""Tombstones: the last record of an environment that was decommissioned, from which a restored file brings it back."""

from dataclasses import replace

from reconciler.core.lever import with_levers
from reconciler.core.record import Entry, Record
from reconciler.core.times import rfc3339


def tombstone(record: Record, now: float, *, counts: bool) -> Record:
    """The record once nothing of the environment is left; what was approved for it is used up.

    `counts`: nothing had to run, so no claim has said yet that something was taken away (the budget counts it).
    """
    at = rfc3339(now)
    entry = Entry(
        at=at,
        event="Decommissioned",
        message=f"nothing of it is left in {record.region}",
        region=record.region,
        revision=record.applied_revision,
    )
    gone = replace(with_levers(record, now), gone=at, applied_digest="", approval="")
    return replace(gone, destructive=at if counts else gone.destructive).with_entry(entry)
