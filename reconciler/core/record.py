"""Records: what the control plane knows of one environment, in a ConfigMap of its own namespace.

Written by the reconciler as a whole, guarded by the resourceVersion; levers (`retry`, `stop`, `pause`, `approval`,
`admin`, `reconcile`) are keys of their own that people patch with the command line. Nothing else is remembered: a
restart begins from these.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import labels, plain_json
from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim
from reconciler.core.condition import Condition
from reconciler.core.declaration import Policy
from reconciler.core.errors import Damaged
from reconciler.core.move import Move
from reconciler.core.names import Key
from reconciler.core.plain_json import typed

Json = dict[str, Any]

HISTORY_MAX = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history: a run that is over, or what a person did."""

    at: str
    event: str
    message: str
    run: str = ""
    region: str = ""
    revision: str = ""
    attempt: int = 0
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Record:
    """What the control plane knows of one environment.

    `retry`, `stop` and `pause` are marks (`core.mark`), `approval` is an approval (`core.approval`), `admin` a request
    for an admin process, the last of each; `noted` are digests of those in the history. `gone`: when it was
    decommissioned (RFC 3339); the record is a tombstone since then. `destructive`: when the last destructive action was
    claimed, for the budget.
    """

    key: Key
    policy: Policy = field(default_factory=Policy)
    region: str = ""
    epoch: int = 1
    seq: int = 0
    attempted_revision: str = ""
    applied_revision: str = ""
    applied_digest: str = ""
    claim: Claim | None = None
    move: Move | None = None
    gone: str = ""
    destructive: str = ""
    attempts: Attempts = field(default_factory=Attempts)
    conditions: tuple[Condition, ...] = ()
    history: tuple[Entry, ...] = ()
    retry: str = ""
    stop: str = ""
    pause: str = ""
    approval: str = ""
    admin: str = ""
    noted: Mapping[str, str] = field(default_factory=dict)
    reconcile: str = ""
    handled: str = ""
    uid: str = ""
    resource_version: str = ""

    def with_entry(self, entry: Entry) -> "Record":
        """The record with one more line of history; the oldest falls off."""
        return replace(self, history=(*self.history, entry)[-HISTORY_MAX:])


def read_record(config_map: Json) -> Record:
    """Read a record from its ConfigMap. Raises Damaged, naming record and key, when it is damaged."""
    metadata, data = config_map["metadata"], config_map.get("data") or {}
    try:
        return Record(
            key=Key.parse(metadata["name"]),
            policy=typed(Policy.from_json(plain_json.loads(data["policy"]))),
            region=data["region"],
            epoch=int(data["epoch"]),
            seq=int(data["seq"]),
            attempted_revision=data.get("attemptedRevision", ""),
            applied_revision=data.get("appliedRevision", ""),
            applied_digest=data.get("appliedDigest", ""),
            claim=Claim.load(data["claim"]) if data.get("claim") else None,
            move=Move.load(data["move"]) if data.get("move") else None,
            gone=data.get("gone", ""),
            destructive=data.get("destructive", ""),
            attempts=typed(Attempts(**plain_json.loads(data.get("attempts", "{}")))),
            conditions=tuple(typed(Condition(**item)) for item in plain_json.loads(data.get("conditions", "[]"))),
            history=read_entries(data.get("history", "[]")),
            retry=data.get("retry", ""),
            stop=data.get("stop", ""),
            pause=data.get("pause", ""),
            approval=data.get("approval", ""),
            admin=data.get("admin", ""),
            noted=dict(plain_json.loads(data.get("noted", "{}"))),
            reconcile=data.get("reconcile", ""),
            handled=data.get("handled", ""),
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
        )
    except KeyError as error:
        raise Damaged(f"record {metadata['name']}: key {error} is missing") from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Damaged(f"record {metadata['name']}: {error}") from error


def read_entries(text: str) -> tuple[Entry, ...]:
    """Read lines of a history. Raises ValueError or TypeError when they are none."""
    return tuple(typed(Entry(**item)) for item in plain_json.loads(text))


def config_map_of(record: Record, namespace: str) -> Json:
    """The ConfigMap of a record; with a resourceVersion it replaces the one that was read."""
    key = record.key
    metadata: Json = {
        "name": key.dotted,
        "namespace": namespace,
        "labels": labels.managed("record") | {labels.TENANT: key.tenant, labels.ENVIRONMENT: key.environment},
    }
    if record.resource_version:
        metadata["resourceVersion"] = record.resource_version
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": _data(record)}


def _data(record: Record) -> dict[str, str]:
    data = {
        "policy": _compact(record.policy.to_json()),
        "region": record.region,
        "epoch": str(record.epoch),
        "seq": str(record.seq),
        "attemptedRevision": record.attempted_revision,
        "appliedRevision": record.applied_revision,
        "appliedDigest": record.applied_digest,
        "claim": record.claim.dump() if record.claim else "",
        "move": record.move.dump() if record.move else "",
        "gone": record.gone,
        "destructive": record.destructive,
        "attempts": _compact(record.attempts.to_json()) if record.attempts != Attempts() else "",
        "conditions": _compact([_fields(item) for item in record.conditions]),
        "history": _compact([_fields(item) for item in record.history]),
        "retry": record.retry,
        "stop": record.stop,
        "pause": record.pause,
        "approval": record.approval,
        "admin": record.admin,
        "noted": _compact(dict(record.noted)) if record.noted else "",
        "reconcile": record.reconcile,
        "handled": record.handled,
    }
    return {key: value for key, value in data.items() if value}


def _fields(item: Any) -> Json:
    return {name: getattr(item, name) for name in item.__slots__ if getattr(item, name) not in ("", 0)}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def condition(record: Record, type_: str) -> Condition | None:
    """The record's condition of one type."""
    return next((item for item in record.conditions if item.type == type_), None)


def conditions_by_type(record: Record) -> Mapping[str, Condition]:
    """All conditions of a record by their type."""
    return {item.type: item for item in record.conditions}
