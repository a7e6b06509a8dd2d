"""How an Application in Argo CD stands: has *our* operation succeeded, and is what came of it in sync and healthy.

Argo CD writes its status piece by piece, so each piece is believed only when it is newer than what it is about: an
operation by our mark, a comparison by our source and by its time (Argo CD 3.2, `status.operationState`, `status.sync`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.core.text import printable

Json = dict[str, Any]

MARK = "tenantctl"  # name of the info that an operation of ours carries; its value is run and step
# Else it is Healthy, Progressing, Suspended, or Missing: then something of a newer commit is not made yet, and an error
# condition says so if it cannot be.
ILL = frozenset({"Degraded", "Unknown"})
SHOWN = 3  # resources named in a message


class Stage(StrEnum):
    """What there is to do about it."""

    ASK = "ask for a sync"
    END = "end Argo CD's own operation, and ask for ours"
    WAIT = "wait"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where it stands, and why, in one clause for people. `revision`: what was synced, once that is known."""

    stage: Stage
    message: str = ""
    revision: str = ""


def judge(live: Json, mark: str, synced: bool = False) -> Judgement:
    """How it stands for the operation with our mark. `synced`: that one was seen to succeed, and may be history now."""
    status = live.get("status") or {}
    last = status.get("operationState") or {}
    pending = live.get("operation")
    if _mark(last.get("operation")) == mark and last.get("phase") in ("Failed", "Error"):
        return Judgement(Stage.FAILED, _why_failed(last))
    if pending and _mark(pending) == mark:
        return Judgement(
            Stage.WAIT, f"Argo CD syncs it{_said(last.get('message')) if _mark(last.get('operation')) == mark else ''}"
        )
    if pending or last.get("phase") in ("Running", "Terminating"):
        stage = Stage.END if not synced and _repeats(pending, last) else Stage.WAIT
        return Judgement(stage, f"Argo CD is busy with another operation on it{_said(_why_failed(last, ''))}")
    ours = _mark(last.get("operation")) == mark and last.get("phase") == "Succeeded"
    if not ours and not synced:
        return Judgement(Stage.ASK)
    return _settled(live, status, last)


def _repeats(pending: Json | None, last: Json) -> bool:
    """Whether it is a sync of Argo CD's own that has failed and is tried again, up to five times in three minutes.

    The failure is to be said now, and ours has no repetitions: the reconciler makes new attempts.
    """
    automated = bool(((pending or {}).get("initiatedBy") or {}).get("automated"))
    return automated and last.get("phase") == "Running" and int(last.get("retryCount") or 0) > 0


def _mark(operation: Json | None) -> str:
    infos = (operation or {}).get("info") or ()
    return next((str(info.get("value", "")) for info in infos if info.get("name") == MARK), "")


def succeeded(live: Json, mark: str) -> bool:
    """Whether our operation is the last one, and succeeded."""
    last = (live.get("status") or {}).get("operationState") or {}
    return _mark(last.get("operation")) == mark and last.get("phase") == "Succeeded"


def in_progress(live: Json, mark: str) -> bool:
    """Whether our operation is still to be ended."""
    return _mark(live.get("operation")) == mark


def _settled(live: Json, status: Json, last: Json) -> Judgement:
    sync, health = status.get("sync") or {}, status.get("health") or {}
    revision = str((last.get("syncResult") or {}).get("revision", ""))
    if (sync.get("comparedTo") or {}).get("source") != live["spec"]["source"] or _is_old(status, last):
        return Judgement(Stage.WAIT, "synced; Argo CD has not compared it yet", revision)
    trouble = "; ".join(_conditions(status))
    if sync.get("status") != "Synced":
        return Judgement(
            Stage.WAIT, f"{sync.get('status')}{_said(trouble or _listed(status, 'status', 'Synced'))}", revision
        )
    if health.get("status") != "Healthy":
        why = trouble or _listed(status, "health", "Healthy")
        return Judgement(Stage.WAIT, f"{health.get('status')}{_said(why)}", revision)
    return Judgement(Stage.DONE, "Synced, Healthy", revision)


def _is_old(status: Json, last: Json) -> bool:
    """Whether the comparison may be from before the operation ended; both times are in whole seconds."""
    compared, ended = status.get("reconciledAt", ""), last.get("finishedAt", "")
    if compared == ended:
        return bool((status.get("sync") or {}).get("revision") != (last.get("syncResult") or {}).get("revision"))
    return bool(compared < ended)


def _why_failed(last: Json, otherwise: str = "the sync failed") -> str:
    results = (last.get("syncResult") or {}).get("resources") or ()
    bad = [
        _named(item, item.get("message", ""))
        for item in results
        if item.get("status") == "SyncFailed" or item.get("hookPhase") in ("Failed", "Error")
    ]
    return f"{printable(str(last.get('message', ''))) or otherwise}{_said('; '.join(bad[:SHOWN]))}"


def _conditions(status: Json) -> Iterator[str]:
    for item in status.get("conditions") or ():
        if str(item.get("type", "")).endswith("Error"):
            yield f"{item['type']}: {printable(str(item.get('message', '')))}"


def _listed(status: Json, field: str, good: str) -> str:
    """Which of its resources are not as they should be."""
    found = []
    for item in status.get("resources") or ():
        value = item.get(field)
        word = value.get("status") if isinstance(value, dict) else value
        if word not in (None, good):
            found.append(_named(item, value.get("message") or word if isinstance(value, dict) else word))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def _named(item: Json, message: object) -> str:
    return f"{item.get('kind')} {item.get('name')}: {printable(str(message))}"


def _said(text: object) -> str:
    return f": {printable(str(text))}" if text else ""


def standing(live: Json) -> str:
    """What Argo CD says of it now, in one line: in sync and healthy, or what is not."""
    status = live.get("status") or {}
    sync = str((status.get("sync") or {}).get("status") or "not compared yet")
    health = status.get("health") or {}
    if live["metadata"].get("deletionTimestamp"):
        return deletion(live)
    trouble = "; ".join(_conditions(status))
    bad = "" if health.get("status") == "Healthy" else _listed(status, "health", "Healthy")
    return f"{sync}, {health.get('status') or 'of unknown health'}{_said(trouble or bad)}"


def ailment(live: Json | None) -> str:
    """Why an application that was brought is not well now; empty when it is, or is on its way to a newer commit."""
    if live is None:
        return "not in Argo CD"
    status = live.get("status") or {}
    ill = (status.get("health") or {}).get("status") in ILL or any(_conditions(status))
    return standing(live) if ill or live["metadata"].get("deletionTimestamp") else ""


def deletion(live: Json) -> str:
    """How far the deletion of an Application is, in one clause."""
    trouble = "; ".join(_conditions(live.get("status") or {}))
    left = len((live.get("status") or {}).get("resources") or ())
    return f"Argo CD deletes it{_said(trouble or (f'{left} resources are left' if left else ''))}"
