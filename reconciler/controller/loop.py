"""The loop: triggers put keys into the queue, workers take them out; everything else is one pass over one key.

A trigger is a key or "everything": a new commit, a change of a run, a Job, a record or a placement, a region that
answers again, and a long interval for all.
"""

import threading
import time
from collections.abc import Callable, Iterable

import structlog

from reconciler.controller.metrics import Metrics
from reconciler.controller.passes import Pass
from reconciler.controller.queue import WorkQueue
from reconciler.controller.reconciler import Reconciler
from reconciler.controller.settings import Settings
from reconciler.controller.source import Request, Source
from reconciler.controller.turns import Call, Turns
from reconciler.controller.waiting import Waiting
from reconciler.controller.world import Listeners, RegionWatch, World
from reconciler.core.condition import READY
from reconciler.core.desired import Desired, changed_keys
from reconciler.core.errors import Conflict, TenantctlError
from reconciler.core.fleet import Scope
from reconciler.core.names import Key
from reconciler.core.record import Record, condition
from reconciler.core.region import Region

PATIENCE = 5.0  # how long a pass in progress may take when we are asked to end; any pass may be cut off
FINDINGS_TOLD = 100  # in the log, of one commit: a commit may hold any number of them, and `validate` tells them all
RETRY_FIRST = 0.2
RETRY_FOR_GOOD = 15.0  # an error that time alone does not mend: somebody grants a right meanwhile
RETRY_MOST = 120.0
HALT_PATIENCE = 60.0  # a rollout that is halted by a failure goes on if the next attempt succeeds

log = structlog.get_logger()


class Loop:
    """Wires triggers, queue and workers. `start` returns at once; `stop` ends all threads.

    `passed` are the keys that had a pass without an error; `changed` is set whenever anything may have changed.
    """

    def __init__(self, settings: Settings, metrics: Metrics, add_region: Callable[[Region], RegionWatch]) -> None:
        self.queue = WorkQueue()
        self.desired: Desired | None = None
        self._settings = settings
        self._metrics = metrics
        self._add_region = add_region
        self._failures: dict[Key, int] = {}
        self._waiting = Waiting()
        self._turns = Turns()
        self._asked: dict[Key, str] = {}
        self._fresh: dict[Key, str] = {}
        self._workers: list[threading.Thread] = []
        self._silent: dict[str, str] = {}  # what was told of regions that do not answer
        self._stopped = threading.Event()
        self.changed = threading.Event()
        self.passed: set[Key] = set()
        self.world: World
        self.source: Source
        self.reconciler: Reconciler

    def wire(self, world: World, source: Source, reconciler: Reconciler) -> None:
        """Give the loop its parts; they were made with the loop's listeners."""
        self.world, self.source, self.reconciler = world, source, reconciler

    def listeners(self) -> Listeners:
        """What the world tells the loop."""
        return Listeners(
            key=self._key_changed,
            service=self._service_changed,
            freed=self._freed,
            region=self._region_changed,
            paused=self._paused,
            rolled=self._rolled,
            control=_control_changed,
        )

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start watching, reading and working."""
        _thread(self.world.control.run)
        _thread(self.world.fleet_watch.run)
        _thread(self.source.run)
        _thread(self._resync)
        self._workers = [_thread(self._work) for _ in range(self._settings.workers)]

    def stop(self) -> None:
        """Stop everything; a pass in progress is finished."""
        self._stopped.set()
        self.queue.close()
        self.source.stop()
        self.world.stop()
        for worker in self._workers:
            worker.join(PATIENCE)

    def ready(self) -> str:
        """What is missing before anything can be decided; empty when nothing is."""
        for what, watch in (("records", self.world.control), ("suspensions", self.world.fleet_watch)):
            if watch.trouble or not watch.synced.is_set():
                return f"{what} are not known: {watch.trouble}"
        return "" if self.desired is not None else f"the repository is not read: {self.source.trouble}"

    def collect(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.queue.set(len(self.queue))
        self._metrics.environments.clear()
        for record in self.world.records.values():
            ready = condition(record, READY) if isinstance(record, Record) else None
            self._metrics.environments.labels(ready.reason if ready else "Unknown").inc()
        for region in self.world.regions.values():
            self._metrics.in_flight.labels(region.name).set(self.world.in_flight(region.name))
            self._metrics.region_up.labels(region.name).set(0 if region.trouble else 1)
            trusted = len(region.trusted())
            self._metrics.lifecycle_jobs.labels(region.name, "true").set(trusted)
            self._metrics.lifecycle_jobs.labels(region.name, "false").set(len(region.discovered()) - trusted)

    # -- triggers --------------------------------------------------------------------------------------------------

    def take(self, desired: Desired) -> None:
        """A new commit was read."""
        before = self.desired
        self._watch_regions(desired)
        self.desired = desired
        self._metrics.source_seconds.set(time.time())
        self._metrics.findings.set(len(desired.findings))
        self._report(desired)
        same = before is not None and before.regions == desired.regions
        changed = set(changed_keys(before, desired)) | self._waiting.by_others() if before and same else self._all()
        self.queue.add(self._in_order(changed))

    def source_failed(self, error: TenantctlError) -> None:
        """The repository could not be read; what was read last stays in force."""
        self._metrics.source_errors.inc()
        log.warning("source not read", error=str(error))

    def _report(self, desired: Desired) -> None:
        log.info("commit read", revision=desired.revision, environments=len(desired.environments))
        for finding in desired.findings[:FINDINGS_TOLD]:
            log.warning("declaration invalid", revision=desired.revision, finding=str(finding))
        untold = len(desired.findings) - FINDINGS_TOLD
        if untold > 0:
            log.warning("more declarations invalid", revision=desired.revision, findings=untold)

    def _watch_regions(self, desired: Desired) -> None:
        """Watch the regions that are listed, each at its place; an unreadable list ends nothing."""
        if not desired.regions:
            return
        for watch in self.world.regions.values():
            listed = desired.regions.get(watch.name)
            if listed is None or not watch.watches(listed):
                self._forget_region(watch, "moved" if listed else "not listed any more")
        for region in desired.regions.values():
            if region.name not in self.world.regions:
                self._watch_region(region)

    def _watch_region(self, region: Region) -> None:
        watch = self._add_region(region)
        self.world.regions = {**self.world.regions, region.name: watch}
        for reflector in watch.reflectors:
            _thread(reflector.run)
        _thread(lambda: watch.applications.run(self._settings.applications))

    def _forget_region(self, watch: RegionWatch, why: str) -> None:
        log.warning("region not watched", region=watch.name, context=watch.region.context, why=why)
        self.world.regions = {name: each for name, each in self.world.regions.items() if each is not watch}
        for reflector in watch.reflectors:
            reflector.stop()
        watch.applications.stop()

    def _in_order(self, keys: Iterable[Key]) -> list[Key]:
        """By ring, then by name: the order in which places are given away when there are too few."""
        declared = self.desired.environments if self.desired else {}
        return sorted(keys, key=lambda key: (declared[key].policy.ring if key in declared else 0, key))

    def _all(self) -> set[Key]:
        return self.world.keys() | set(self.desired.environments if self.desired else ())

    def _resync(self) -> None:
        while not self._stopped.wait(self._settings.resync):
            self.queue.add(self._in_order(self._all()))

    def _key_changed(self, key: Key) -> None:
        if hasattr(self, "reconciler"):
            self.reconciler.safety.changed([key])
        record = self.world.record(key) if hasattr(self, "world") else None
        if isinstance(record, Record) and record.reconcile not in (record.handled, self._asked.get(key)):
            self._asked[key] = record.reconcile
            self.source.ask((key, record.reconcile))
        if isinstance(record, Record) and record.gone:  # one less that is to be taken away, or that looks renamed
            self.queue.add(self._in_order(self._waiting.by_others()))
        self.queue.add([key])
        self.changed.set()

    def answered(self, requests: set[Request]) -> None:
        """The repository was read after these were asked for: what is decided now, is decided on what it says."""
        self._fresh.update(requests)
        self.queue.add(key for key, _ in requests)

    def fresh(self, record: Record) -> str:
        """The last request for an environment that the repository was read for."""
        return self._fresh.get(record.key, record.handled)

    def _service_changed(self, region: str, namespace: str) -> None:
        desired = self.desired
        if desired is None:
            return
        declared = desired.environments.values()
        using = {each.key for each in declared if each.region == region and each.uses_service(namespace)}
        self.queue.add(self._in_order(using | set(self._under_way(region))))

    def _paused(self, scopes: set[Scope]) -> None:
        """Something was suspended or resumed: look at what it covers."""
        covered = {key for key in self._all() if any(scope.covers(key, self._regions_of(key)) for scope in scopes)}
        self.queue.add(self._in_order(covered))

    def _regions_of(self, key: Key) -> set[str]:
        """Where an environment is, and where it is to be."""
        record = self.world.record(key)
        declared = self.desired.environments.get(key) if self.desired else None
        recorded = {record.region} if isinstance(record, Record) else set()
        moving = {record.move.source, record.move.to} if isinstance(record, Record) and record.move else set()
        return recorded | moving | ({declared.region} if declared else set())

    def _region_changed(self, region: str, trouble: str) -> None:
        watch = self.world.regions.get(region)
        if not self._is_unheard(region):
            self.queue.add(self._in_order(self._waiting.heard(region)))
        if trouble:
            if self._silent.get(region) != trouble:  # each of its watches says so
                log.warning("region does not answer", region=region, error=trouble)
            self._silent[region] = trouble
            self.queue.add(self._in_order(self._under_way(region)))
        elif watch and not watch.trouble:
            self._silent.pop(region, None)
            log.info("region answers", region=region)
            self.queue.add(self._in_order(self._all()))

    def _under_way(self, region: str) -> Iterable[Key]:
        """Those that are or are to be in a region and are not Ready: what they wait for may be another thing now."""
        for record in self.world.records.values():
            ready = condition(record, READY) if isinstance(record, Record) else None
            if record.key and not (ready and ready.status) and region in self._regions_of(record.key):
                yield record.key

    def _freed(self, region: str) -> None:
        """A run is over: wake as many of those that wait for a place as could be launched, the first in order."""
        self.queue.add(self._waiting.first(region, 2))

    def _rolled(self, region: str) -> None:
        """How far an environment is in a rollout may have changed: look at those whose turn has come by that."""
        self._call(self._turns.called(region, self.world.rollouts))

    def _call(self, call: Call) -> None:
        self.queue.add(self._in_order(call.now))
        for key in call.later:
            self.queue.add_after(key, HALT_PATIENCE)

    # -- work ------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopped.wait(0.02) and self.ready():
            pass
        while (key := self.queue.get()) is not None:
            try:
                self._pass(key)
            finally:
                self.queue.done(key)

    def _pass(self, key: Key) -> None:
        desired = self.desired
        assert desired is not None
        if self._put_off(key):
            return
        self._waiting.forget(key)
        self._turns.forget(key)
        with self._metrics.seconds.time():
            try:
                self._done(self.reconciler.reconcile(key, desired))
            except Conflict as error:
                log.debug("looked at old state", tenant=key.tenant, environment=key.environment, error=str(error))
                self._again(key, "conflict", RETRY_FIRST)
            except TenantctlError as error:
                self._failed(key, error)
            except Exception:
                log.exception("pass failed", tenant=key.tenant, environment=key.environment)
                self._again(key, "unexpected", RETRY_MOST)
        self._settle_accounts(desired)
        self._call_next()

    def _put_off(self, key: Key) -> bool:
        """Whether it waits for the first word of a region that it is in: at the start nothing is known, well or ill.

        Others do not wait for that region: it may say nothing for as long as a time-out.
        """
        unheard = [name for name in self._regions_of(key) if self._is_unheard(name)]
        for name in unheard:
            self._waiting.note_unheard(name, key)
            if not self._is_unheard(name):  # the word came in between
                return False
        return bool(unheard)

    def _is_unheard(self, region: str) -> bool:
        watch = self.world.regions.get(region)
        return watch is not None and watch.unheard

    def _settle_accounts(self, desired: Desired) -> None:
        try:
            self.reconciler.accounts.settle(desired)
        except TenantctlError as error:
            log.warning("fleet not written", kind=type(error).__name__, error=str(error))

    def _done(self, done: Pass) -> None:
        self._failures.pop(done.key, None)
        self.passed.add(done.key)
        self.changed.set()
        self._metrics.passes.labels(done.event).inc()
        holds = done.decision.holds if done.decision else ()
        self._waiting.note(done.key, holds, done.place)
        self._call(self._turns.note(done.key, holds, self.world.rollouts))
        if done.event not in ("unchanged", "held", "in progress"):
            log.info(
                "reconciled", tenant=done.key.tenant, environment=done.key.environment, did=done.event, run=done.run
            )
        if done.again_after is not None:
            self.queue.add_after(done.key, done.again_after)

    def _call_next(self) -> None:
        """Call the first of those that wait for a free place: who was woken for it may have had no use for it."""
        for name in self._waiting.regions():
            listed = self.desired.regions.get(name) if self.desired else None
            if listed and self.world.in_flight(name) < listed.in_flight_limit:
                for key in self._waiting.first(name, 1):
                    self.queue.add_after(key, RETRY_FIRST)

    def _failed(self, key: Key, error: TenantctlError) -> None:
        kind = type(error).__name__
        log.warning("not reconciled", tenant=key.tenant, environment=key.environment, kind=kind, error=str(error))
        self._again(key, kind, RETRY_FIRST if error.transient else RETRY_FOR_GOOD)
        if not error.transient:
            self._note(key, error)

    def _note(self, key: Key, error: TenantctlError) -> None:
        try:
            self.reconciler.note_failure(key, error)
        except TenantctlError as trouble:
            log.warning("failure not noted", tenant=key.tenant, environment=key.environment, error=str(trouble))
        except Exception:
            log.exception("failure not noted", tenant=key.tenant, environment=key.environment)

    def _again(self, key: Key, kind: str, first: float) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self._metrics.errors.labels(kind).inc()
        self.queue.add_after(key, min(RETRY_MOST, first * 2.0 ** (failures - 1)))


def _control_changed(trouble: str) -> None:
    if trouble:
        log.warning("control plane does not answer", error=trouble)
    else:
        log.info("control plane answers")


def _thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread
