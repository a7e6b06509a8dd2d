"""The controller, wired: world, source, reconciler and loop. `run` serves with it, `apply` waits for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.adapters.credentials import Credentials
from reconciler.adapters.git import Repository
from reconciler.adapters.git.hardened import is_url
from reconciler.adapters.kube.state import Fleets, Records
from reconciler.cli.wiring import Place, credentials, default_cache, region_factory
from reconciler.controller.history import GitHistory
from reconciler.controller.loop import Loop
from reconciler.controller.metrics import Metrics
from reconciler.controller.reconciler import Reconciler
from reconciler.controller.settings import Settings
from reconciler.controller.source import Source
from reconciler.controller.world import World
from reconciler.core import labels


@dataclass(frozen=True)
class Engine:
    """A loop with its parts; not started yet."""

    loop: Loop
    metrics: Metrics
    credentials: Credentials

    @classmethod
    @contextmanager
    def open(cls, place: Place, location: str, ref: str, settings: Settings) -> Iterator["Engine"]:
        """Wire everything; on leaving, stop the loop and close the repository."""
        metrics, given = Metrics(), credentials()
        control = place.control()
        with Repository.open(location, cache=default_cache(), credentials=given) as repository:
            loop = Loop(settings, metrics, lambda region: factory(region))
            factory = region_factory(place, control, loop.listeners())
            world = World(control, labels.CONTROL_NAMESPACE, loop.listeners())
            watched = None if is_url(location) else repository.path
            source = Source(repository, ref, settings.interval, watched, loop.take, loop.source_failed, loop.answered)
            records = Records(control, labels.CONTROL_NAMESPACE)
            fleets = Fleets(control, labels.CONTROL_NAMESPACE)
            history = GitHistory(repository, world.record)
            loop.wire(world, source, Reconciler(world, records, settings, time.time, history, fleets, loop.fresh))
            try:
                yield cls(loop, metrics, given)
            finally:
                loop.stop()
