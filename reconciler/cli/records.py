"""Reading records for the commands that show or change one environment."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.core import labels
from reconciler.core.errors import NotFound, TenantctlError
from reconciler.core.finding import suggest
from reconciler.core.fleet import Fleet, Suspension, read_fleet, suspensions
from reconciler.core.names import Key
from reconciler.core.record import Entry, Record, read_record
from reconciler.core.times import rfc3339

Json = dict[str, Any]
LISTED = "; 'tenantctl get environments' lists those that are"


def all_records(kube: Kube) -> Iterator[Record]:
    """Every readable record, sorted by key. Raises TenantctlError, naming the damaged one, after the others."""
    damaged = []
    found = []
    for raw in kube.list(CONFIG_MAPS, labels.CONTROL_NAMESPACE, labelSelector=labels.selects("record")):
        try:
            found.append(read_record(raw))
        except ValueError as error:
            damaged.append(str(error))
    yield from sorted(found, key=lambda record: record.key)
    if damaged:
        raise TenantctlError("; ".join(damaged))


def record_of(kube: Kube, key: Key) -> Record:
    """The record of one environment. Raises NotFound with what to do."""
    found = find_record(kube, key)
    if found is None:
        near = suggest(str(key), _names(kube))
        raise NotFound(f"no environment {key} is known here{near or LISTED}")
    return found


def find_record(kube: Kube, key: Key) -> Record | None:
    """The same; None where there is none."""
    raw = kube.find(CONFIG_MAPS, labels.CONTROL_NAMESPACE, key.dotted)
    try:
        return read_record(raw) if raw else None
    except ValueError as error:
        raise TenantctlError(str(error)) from error


def _names(kube: Kube) -> list[str]:
    """What a name may have been meant to be; nothing where the records cannot be listed."""
    try:
        raws = kube.list(CONFIG_MAPS, labels.CONTROL_NAMESPACE, labelSelector=labels.selects("record"))
        return [raw["metadata"]["name"].replace(".", "/", 1) for raw in raws]
    except TenantctlError:
        return []


def fleet_of(kube: Kube) -> Fleet:
    """What holds for many environments at once; nothing where the ConfigMap is missing."""
    return read_fleet(kube.find(CONFIG_MAPS, labels.CONTROL_NAMESPACE, labels.FLEET) or {})


def suspensions_of(record: Record, fleet: Fleet) -> list[Suspension]:
    """Every pause that is in force now where the environment is."""
    return suspensions(record.key, record, fleet, {record.region}, time.time())


def last_run(record: Record) -> str:
    """The run in progress, else the last one that is over. Raises NotFound when there was none."""
    if record.claim:
        return record.claim.run
    for entry in reversed(record.history):
        if entry.run:
            return entry.run
    raise NotFound(f"{record.key} has had no run yet")


def record_json(record: Record) -> Json:
    """A record as `-o json` shows it."""
    key = record.key
    return {
        "tenant": key.tenant,
        "environment": key.environment,
        "region": record.region,
        "epoch": record.epoch,
        "attemptedRevision": record.attempted_revision,
        "appliedRevision": record.applied_revision,
        "appliedDigest": record.applied_digest,
        "policy": record.policy.to_json(),
        "gone": record.gone or None,
        "move": record.move.to_json() if record.move else None,
        "claim": _claim_json(record),
        "attempts": _attempts_json(record),
        "conditions": [_fields(item) for item in record.conditions],
        "history": entries_json(record.history),
    }


def entries_json(entries: Iterable[Entry]) -> list[Json]:
    """A history as `-o json` shows it."""
    return [_fields(item) for item in entries]


def suspensions_json(found: Iterable[Suspension]) -> list[Json]:
    """Suspensions as `-o json` shows them."""
    return [
        {"of": each.what, "by": each.mark.by, "at": each.mark.since, "until": each.mark.until or None}
        | {"reason": each.mark.reason}
        for each in found
    ]


def _attempts_json(record: Record) -> Json:
    attempts = record.attempts
    after = rfc3339(attempts.next_at) if attempts.next_at else None
    return {
        "count": attempts.count, "nextAt": after, "stalled": attempts.stalled, "message": attempts.message,
    }  # fmt: skip


def _claim_json(record: Record) -> Json | None:
    claim = record.claim
    return None if claim is None else _fields(claim) | {"steps": [str(step) for step in claim.steps]}


def _fields(item: Any) -> Json:
    return {name: getattr(item, name) for name in item.__slots__}
