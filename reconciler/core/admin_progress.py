"""How far a request for an admin process is, read off the record by who asked for it (`core.admin` answers it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.admin import LEVER, AdminRequest, Event, is_admin
from reconciler.core.lever import is_new
from reconciler.core.record import Entry, Record


class Stage(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (Stage.WAITING, Stage.RUNNING)


ENDS: Mapping[str, Stage] = {Event.SUCCEEDED: Stage.SUCCEEDED, Event.FAILED: Stage.FAILED}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, the run once there is one, and what the history says of it."""

    stage: Stage
    run: str = ""
    message: str = ""


def progress(record: Record, request: AdminRequest, run: str = "") -> Progress:
    """How far a request is that was written to this record. `run`: its run, where that was seen earlier."""
    own = [entry for entry in record.history if request.reference in entry.message]
    refused = _last(own, Event.REFUSED)
    if refused:
        return Progress(Stage.REFUSED, "", refused.message)
    started = _last(own, Event.STARTED)
    name = run or (started.run if started else _claimed(record, request))
    if name:
        return _of_run(record, name)
    if record.admin != request.dump():
        return Progress(Stage.LOST, "", "another request took its place before it began")
    if not is_new(record, LEVER, record.admin):
        return Progress(Stage.LOST, "", "the history has forgotten how it ended")
    waits = _last(own, Event.WAITS)
    return Progress(Stage.WAITING, "", _waits_for(record, waits))


def _last(entries: list[Entry], event: Event) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.event == event), None)


def _claimed(record: Record, request: AdminRequest) -> str:
    """The run in progress, if it is that of this request: it was answered last, whatever the history still has."""
    answered = record.admin == request.dump() and not is_new(record, LEVER, record.admin)
    return record.claim.run if answered and record.claim and is_admin(record.claim.verb) else ""


def _of_run(record: Record, name: str) -> Progress:
    if record.claim and record.claim.run == name:
        return Progress(Stage.RUNNING, name, f"run {name}")
    for entry in reversed(record.history):
        if entry.run == name and entry.event in ENDS:
            return Progress(ENDS[entry.event], name, entry.message)
    return Progress(Stage.LOST, name, f"the history has forgotten how run {name} ended")


def _waits_for(record: Record, waits: Entry | None) -> str:
    if record.claim:
        return f"run {record.claim.run} is in progress"
    return waits.message.partition("; asked for: ")[0] if waits else "the reconciler has not looked at it yet"
