"""Levers in the history: what people did to an environment, from the marks that they left on its record.

People patch marks, only the reconciler writes the history. So it remembers which marks it has written down (`noted`),
since the history is bounded and forgets.
"""

import hashlib
from dataclasses import replace

from reconciler.core.mark import Mark
from reconciler.core.record import Entry, Record
from reconciler.core.times import rfc3339

HELD = "held"


def with_levers(record: Record, now: float) -> Record:
    """The record with a line of history for each new mark; equal to it when there is none."""
    marks = {"retry": record.retry, "stop": record.stop, "pause": record.pause}
    fresh = [(Mark.load(text), lever) for lever, text in marks.items() if text and _is_new(record, lever, text)]
    for mark, lever in sorted(fresh, key=lambda item: item[0].at):
        record = _noted(record, lever, marks[lever], Entry(mark.since or rfc3339(now), _event(lever, mark), str(mark)))
    return record


def with_hold(record: Record, message: str, now: float) -> Record:
    """The record with a line that says what suspension held an action, once for each."""
    if not _is_new(record, HELD, message):
        return record
    return _noted(record, HELD, message, Entry(rfc3339(now), "Paused", message))


def _event(lever: str, mark: Mark) -> str:
    if lever == "pause":
        return "Resumed" if mark.lifted else "Suspended"
    return {"retry": "Retried", "stop": "Stopped"}[lever]


def _is_new(record: Record, lever: str, text: str) -> bool:
    return record.noted.get(lever) != _digest(text)


def _noted(record: Record, lever: str, text: str, entry: Entry) -> Record:
    return replace(record, noted={**record.noted, lever: _digest(text)}).with_entry(entry)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
