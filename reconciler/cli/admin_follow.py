"""Asking for an admin process in one environment after the other, a few at a time, and following each to its end.

The request is a key of the record; what becomes of it is read off the record again (`core.admin_progress`).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.state import Records
from reconciler.cli.output import count
from reconciler.cli.records import fleet_of, record_of, suspensions_of
from reconciler.core import labels
from reconciler.core.admin import LEVER, AdminRequest, request_of
from reconciler.core.admin_progress import Progress, Stage, progress
from reconciler.core.errors import Conflict, NotFound, Refused, TenantctlError, TimedOut
from reconciler.core.names import Key
from reconciler.core.record import Record

PAUSE = 0.5
TRIES = 5
GOOD = (Stage.WAITING, Stage.RUNNING, Stage.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Asked:
    """One environment: what was asked of it, and how far that is. `request` is None where nothing could be asked."""

    key: Key
    request: AdminRequest | None
    progress: Progress

    def __str__(self) -> str:
        said = f"{self.key}: {self.progress.stage}"
        return f"{said}: {self.progress.message}" if self.progress.message else said

    @property
    def log(self) -> str:
        """How to see what a run that went wrong has said; empty where there is none."""
        bad = self.progress.stage in (Stage.FAILED, Stage.LOST) and self.progress.run
        return f"tenantctl logs {self.key} --run {self.progress.run}" if bad else ""


@dataclass
class Follower:
    """Asks for each target in order, while fewer than `limit` of them are unfinished.

    `made`: a request is made once for each, so that writing it again after a lost answer asks for nothing new.
    `trouble`: why the control plane could not be asked just now.
    """

    kube: Kube
    targets: list[Key]
    request: Callable[[], AdminRequest]
    limit: int
    asked: dict[Key, Asked] = field(default_factory=dict)
    made: dict[Key, AdminRequest] = field(default_factory=dict)
    trouble: str = ""

    # -- what it does ----------------------------------------------------------------------------------------------

    def run(self, show: Callable[[Asked], None], *, wait: bool, timeout: float) -> None:
        """Ask for all and, where `wait` is set, follow all to their end.

        Raises TimedOut, saying what is not over, when none came to its end for `timeout` seconds.
        """
        over, deadline = 0, time.monotonic() + timeout
        while True:
            self._turn(show)
            if not self.unasked and not (wait and self.unfinished):
                return
            if over != len(self.asked) - len(self.unfinished):
                over, deadline = len(self.asked) - len(self.unfinished), time.monotonic() + timeout
            if time.monotonic() > deadline:
                raise TimedOut(self._late(timeout))
            time.sleep(PAUSE)

    def _turn(self, show: Callable[[Asked], None]) -> None:
        """Look at all that are unfinished, then fill up. A control plane that does not answer is asked again later."""
        try:
            for each in self.unfinished:
                self._tell(each, self._look(each), show)
            for key in self.unasked[: max(0, self.limit - len(self.unfinished))]:
                self._tell(None, self._ask(key), show)
            self.trouble = ""
        except TenantctlError as error:
            if not error.transient:
                raise
            self.trouble = str(error)

    def _tell(self, before: Asked | None, after: Asked, show: Callable[[Asked], None]) -> None:
        self.asked[after.key] = after
        if before != after:
            show(after)

    def _look(self, asked: Asked) -> Asked:
        assert asked.request is not None
        try:
            record = record_of(self.kube, asked.key)
        except NotFound as error:
            return replace(asked, progress=Progress(Stage.LOST, asked.progress.run, str(error)))
        return self._with_pauses(replace(asked, progress=progress(record, asked.request, asked.progress.run)), record)

    def _ask(self, key: Key) -> Asked:
        if key not in self.made:
            self.made[key] = self.request()
        request = self.made[key]
        try:
            record = ask(self.kube, key, request)
        except (Refused, NotFound) as error:
            return Asked(key, None, Progress(Stage.REFUSED, "", str(error)))
        return self._with_pauses(Asked(key, request, progress(record, request)), record)

    def _with_pauses(self, asked: Asked, record: Record) -> Asked:
        """One that waits says what suspends it, which the reconciler may not have written down yet."""
        if asked.progress.stage is not Stage.WAITING or record.claim:
            return asked
        found = "; ".join(map(str, suspensions_of(record, fleet_of(self.kube))))
        return replace(asked, progress=replace(asked.progress, message=found)) if found else asked

    # -- what is to be said ----------------------------------------------------------------------------------------

    @property
    def unasked(self) -> list[Key]:
        """Those that were not asked yet, in order."""
        return [key for key in self.targets if key not in self.asked]

    @property
    def unfinished(self) -> list[Asked]:
        """Those that were asked and are not over."""
        return [each for each in self.asked.values() if not each.progress.stage.over]

    @property
    def stages(self) -> Counter[Stage]:
        """How many are how far."""
        return Counter(each.progress.stage for each in self.asked.values())

    @property
    def exit_code(self) -> int:
        """1 when one failed, else 6 when one was refused, else 0."""
        if any(stage in self.stages for stage in (Stage.FAILED, Stage.LOST)):
            return 1
        return Refused.exit_code if Stage.REFUSED in self.stages else 0

    def summary(self, *, wait: bool) -> str:
        """How many came to what, and where the others are seen; empty for one that was followed."""
        if len(self.targets) == 1:
            return "" if wait or not self.unfinished else f"'tenantctl history {self.targets[0]}' says how it ended"
        said = ", ".join(f"{number} {stage}" for stage, number in sorted(self.stages.items(), key=lambda item: item[0]))
        return said if wait else f"{said}; 'tenantctl history TENANT/ENVIRONMENT' says how each ended"

    def left(self) -> str:
        """What was begun and goes on, and what was not."""
        number = len(self.made) - len([each for each in self.asked.values() if each.request is None])
        said = f"{number} of {count(len(self.targets), 'environment')} {'was' if number == 1 else 'were'} started"
        on = len(self.unfinished)
        return said + (f", {on} of them {'goes' if on == 1 else 'go'} on" if on else ", and all are over")

    def _late(self, timeout: float) -> str:
        waiting = "; ".join(_few(str(each) for each in self.unfinished))
        why = self.trouble or "see 'tenantctl logs', or is no controller running?"
        return f"none came to its end in {timeout:g} s: {waiting or 'none could be asked'}; {why}"


def ask(kube: Kube, key: Key, request: AdminRequest) -> Record:
    """Write the request, and return the record. Raises Refused while another one waits, or for a tombstone."""
    records, text = Records(kube, labels.CONTROL_NAMESPACE), request.dump()
    for _ in range(TRIES):
        record = record_of(kube, key)
        if record.admin == text:
            return record
        _refuse(record)
        try:
            records.patch(key, {LEVER: text}, record.resource_version)
        except Conflict:
            continue
        return replace(record, admin=text)
    raise Conflict(f"record {key.dotted} is being changed by many at once")


def _refuse(record: Record) -> None:
    if record.gone:
        raise Refused(f"it was decommissioned at {record.gone}")
    try:
        waiting = request_of(record)
    except ValueError:
        return  # the reconciler would refuse it, too
    if waiting:
        raise Refused(f"{waiting} has not begun yet; 'tenantctl history {record.key}' says what it waits for")


def _few(texts: Iterable[str], most: int = 5) -> list[str]:
    found = list(texts)
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most} more"]
