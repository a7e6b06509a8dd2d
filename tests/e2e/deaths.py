"""Deaths of controllers at one write (`dying`): what is left when they happen, and what must have become of it."""

import signal
import sys
from dataclasses import dataclass

from tests.e2e.dying import WRITES
from tests.e2e.fleet import Fleet
from tests.e2e.lab import is_complete

SECONDS_TO_DIE = 180


@dataclass(frozen=True)
class Left:
    """What a controller had written when it was killed."""

    record: bool
    placement: bool
    claim: bool
    run: bool
    noted: bool


def die(fleet: Fleet, service: str, where: str, when: str) -> tuple[str, Left]:
    """Declare an environment whose controller is killed at that write; returns its key, and what was written."""
    key = fleet.declare(f"{where}-{when}", service)
    program = [sys.executable, "-m", "tests.e2e.dying", where, when, key]
    process = fleet.start_only(program=program).process
    assert process.wait(SECONDS_TO_DIE) == -signal.SIGKILL, fleet.controller.tail()
    fleet.controllers.pop()
    record = fleet.lab.record(key)
    claim = record.claim if record else None
    placement, runs = fleet.lab.placement(key), fleet.lab.runs(key)
    return key, Left(
        record is not None, placement is not None, claim is not None, bool(runs), claim is not None and claim.noted
    )


def assert_whole(fleet: Fleet, key: str, left: Left, where: str, when: str) -> None:
    """Just what comes before the kill was written, and the next controller made one run of it."""
    order = ["record", "placement", "claim", "run", "noted"]
    written = [name for name in order if getattr(left, name)]
    assert written == order[: list(WRITES).index(where) + (when == "after")]

    record = fleet.ready(key)
    assert len(fleet.lab.runs(key)) == 1
    assert [is_complete(copy) for copy in fleet.lab.copies(key)] == [True]
    assert (record.seq, record.claim) == (1, None)
    assert [(entry.event, entry.attempt) for entry in record.history] == [("Succeeded", 1)]
