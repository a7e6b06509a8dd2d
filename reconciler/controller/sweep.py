"""The sweep: copies of runs that were stopped or are gone are suspended, and deleted after a day.

Nobody else would: the bridge of such a run is dead, or was never there.
"""

import contextlib
from collections.abc import Callable, Iterable

from reconciler.controller.world import RegionWatch
from reconciler.core.errors import NotAllowed
from reconciler.core.job_copy import Copy
from reconciler.core.names import Key
from reconciler.core.observed import Run, read_run
from reconciler.core.record import Record
from reconciler.core.times import rfc3339, seconds_between


class Sweep:
    """Sweeps one environment in all regions that answer. `keep`: how long stopped copies are kept, in seconds."""

    def __init__(self, keep: float, clock: Callable[[], float]) -> None:
        self._keep = keep
        self._clock = clock

    def sweep(self, regions: Iterable[RegionWatch], key: Key, record: Record | None) -> None:
        """Suspend the copies of runs that were stopped or are gone, and delete stopped ones after a day."""
        for region in regions:
            if region.trouble:
                continue
            with contextlib.suppress(NotAllowed):  # a right that is missing there keeps nothing else from being done
                self._region(region, region.copies(key, record))

    def stop_orphans(self, region: RegionWatch, run: Run | None, copies: Iterable[Copy]) -> None:
        """Suspend the copies of a run that is gone (None) or was shut down and is completed."""
        if run is not None and not (run.completed and run.shutdown):
            return
        for copy in copies:
            if not copy.finished and not copy.stopped:
                region.state.stop_copy(copy, rfc3339(self._clock()))

    def _region(self, region: RegionWatch, copies: list[Copy]) -> None:
        for name in {copy.run for copy in copies if not copy.finished and not copy.stopped}:
            self._run(region, name, [copy for copy in copies if copy.run == name])
        self._delete_old(region, copies)

    def _run(self, region: RegionWatch, name: str, copies: Iterable[Copy]) -> None:
        cached = region.runs.get(region.state.namespace, name)
        if cached is None or (cached.completed and cached.shutdown):
            self.stop_orphans(region, fresh_run(region, name), copies)

    def _delete_old(self, region: RegionWatch, copies: Iterable[Copy]) -> None:
        for copy in copies:
            age = seconds_between(copy.stopped_at, self._clock())
            if copy.stopped and age > self._keep:
                region.state.delete_copy(copy)


def fresh_run(region: RegionWatch, name: str) -> Run | None:
    """A run as it is now; None where the server says that there is none."""
    raw = region.state.find_run(name)
    if raw is None:
        return None
    region.runs.put(raw)
    return read_run(raw)
