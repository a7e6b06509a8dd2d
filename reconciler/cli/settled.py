"""Waiting until environments are settled, for the commands that ask the controller for something."""

import time
from collections.abc import Collection

from reconciler.adapters.kube import Kube
from reconciler.cli.output import note
from reconciler.cli.records import find_record, record_of
from reconciler.core.errors import TimedOut
from reconciler.core.names import Key
from reconciler.core.record import Record, conditions_by_type

PAUSE = 0.5


def wait_settled(kube: Kube, keys: list[Key], mark: str, timeout: float, new: Collection[Key] = ()) -> int:
    """Wait until each was looked at and is settled, with a line per change; exit code 1 when one is Stalled.

    `mark`: the request (`Record.reconcile`) that has to be handled first; `new` are those that have no record yet, so
    nothing could be asked by it. Raises TimedOut.
    """
    deadline = time.monotonic() + timeout
    states = dict.fromkeys([*keys, *new], "")
    while pending := [key for key, state in states.items() if not _settled(state)]:
        for key in pending:
            state = _new_state(kube, key) if key in new else _state(record_of(kube, key), mark)
            if state != states[key]:
                note(f"{key}: {state}")
            states[key] = state
        if time.monotonic() > deadline:
            waiting = "; ".join(f"{key}: {states[key]}" for key in pending if not _settled(states[key]))
            raise TimedOut(
                f"not settled after {timeout:g} s: {waiting}; see 'tenantctl logs', or is no controller running?"
            )
        time.sleep(PAUSE)
    return 1 if any(state.startswith("Stalled") for state in states.values()) else 0


def _settled(state: str) -> bool:
    return state.startswith(("Ready", "Stalled"))


def _new_state(kube: Kube, key: Key) -> str:
    record = find_record(kube, key)
    if record is None:
        return "not known yet"
    return _state(record, record.handled) if record.conditions else "not looked at yet"


def _state(record: Record, mark: str) -> str:
    if record.handled != mark:
        return "not looked at yet"
    conditions = conditions_by_type(record)
    if conditions["Ready"].status:
        return "Ready"
    stalled = conditions["Stalled"]
    return f"Stalled: {stalled.reason}: {stalled.message}" if stalled.status else conditions["Ready"].message
