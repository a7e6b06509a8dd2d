"""Levers in the history: what people did to an environment, from the marks that they left on its record.

People patch marks, only the reconciler writes the history. So it remembers which marks it has written down (`noted`),
since the history is bounded and forgets.
"""

import hashlib
from dataclasses import replace

from reconciler.core.approval import Approval
from reconciler.core.mark import Mark
from reconciler.core.record import Entry, Record
from reconciler.core.text import cut, printable
from reconciler.core.times import rfc3339

HELD = "held"
APPROVAL = "approval"
SHOWN = 60


def with_levers(record: Record, now: float) -> Record:
    """The record with a line of history for each new mark; equal to it when there is none."""
    texts = {"retry": record.retry, "stop": record.stop, "pause": record.pause, APPROVAL: record.approval}
    fresh = {lever: _said(lever, text) for lever, text in texts.items() if text and is_new(record, lever, text)}
    for lever, said in sorted(fresh.items(), key=lambda item: item[1][0].at):
        mark, message = said
        record = written(record, lever, texts[lever], Entry(mark.since or rfc3339(now), _event(lever, mark), message))
    return record


def _said(lever: str, text: str) -> tuple[Mark, str]:
    """Who used the lever, and its line. What is no approval approves nothing, and the line says so."""
    if lever != APPROVAL:
        return Mark.load(text), str(Mark.load(text))
    approval = Approval.load(text)
    return (approval.mark, str(approval)) if approval else (Mark(), f"nothing: '{cut(printable(text), SHOWN)}' is none")


def with_hold(record: Record, message: str, now: float) -> Record:
    """The record with a line that says what suspension held an action, once for each."""
    if not is_new(record, HELD, message):
        return record
    return written(record, HELD, message, Entry(rfc3339(now), "Paused", message))


def _event(lever: str, mark: Mark) -> str:
    if lever == "pause":
        return "Resumed" if mark.lifted else "Suspended"
    return {"retry": "Retried", "stop": "Stopped", APPROVAL: "Approved"}[lever]


def is_new(record: Record, lever: str, text: str) -> bool:
    """Whether what was said last by a lever is not in the history yet."""
    return record.noted.get(lever) != _digest(text)


def written(record: Record, lever: str, text: str, entry: Entry) -> Record:
    """The record with a line of history for what a lever said, which is new no more."""
    return replace(record, noted={**record.noted, lever: _digest(text)}).with_entry(entry)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
