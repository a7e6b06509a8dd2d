"""One reconciler as a process has it, without threads: a real loop and world, fed as far as watches delivered."""

from typing import Any
from unittest import mock

from reconciler.adapters.kube.client import NoCluster
from reconciler.controller.loop import Loop
from reconciler.controller.metrics import Metrics
from reconciler.controller.queue import WorkQueue
from reconciler.controller.reconciler import Reconciler
from reconciler.controller.settings import Settings
from reconciler.controller.world import RegionWatch, World
from reconciler.core import labels
from reconciler.core.approval import approval_for
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.region import Region
from reconciler.core.times import rfc3339
from tests.controller.bridges import CONTROL
from tests.controller.life import REGIONS, Life
from tests.controller.memory import Fleets

STORES = {
    "record": "records",
    "fleet": "fleets",
    "placement": "placements",
    "run": "runs",
    "job": "jobs",
    "namespace": "namespaces",
}
IN_CONTROL = ("record", "fleet")
IN_REGIONS = ("placement", "run", "job", "namespace")
METRICS = Metrics()
SETTINGS = Settings()


class Still:
    """A reflector that does nothing by itself; the machine feeds its store."""

    def __init__(self) -> None:
        self.trouble = "not listed yet"
        self.stopped = False

    def run(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Remember it."""
        self.stopped = True


class Spy(Reconciler):
    """The reconciler, remembering what the loop would only log."""

    bug: Exception | None = None

    def reconcile(self, key: Key, desired: Desired) -> Any:
        try:
            return super().reconcile(key, desired)
        except TenantctlError:
            raise
        except Exception as error:
            self.bug = error
            raise


class Process:
    """One reconciler: a loop with its own world, fed from the clusters' histories as far as watches delivered."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.working = False
        self.loop = Loop(SETTINGS, METRICS, self._watch)
        self.loop.queue = WorkQueue(lambda: life.mono)
        self.world = World(NoCluster("memory"), labels.CONTROL_NAMESPACE, self.loop.listeners())
        self.world.fleet_watch.trouble = ""
        self.world.control.trouble = ""
        fleets = Fleets(life.control)
        self.reconciler = Spy(self.world, life.control, SETTINGS, lambda: life.now, life.past, fleets)
        self.loop.wire(self.world, mock.Mock(), self.reconciler)
        self.positions: dict[tuple[str, str], int] = {}
        for kind in IN_CONTROL:
            self._list(CONTROL, kind)
        self.loop.take(life.desired)
        self.notice()

    def _watch(self, region: Region) -> RegionWatch:
        clock = lambda: self.life.now  # noqa: E731
        annotations = [labels.VERBS_ANNOTATION]
        watch = RegionWatch(region, NoCluster("memory"), self.loop.listeners(), annotations, clock=clock)
        watch.state = self.life.regions[region.name]  # type: ignore[assignment]
        for kind in IN_REGIONS:
            self.positions.pop((region.name, kind), None)
        watch.reflectors = [Still()]  # type: ignore[list-item]
        watch.applications.stop()  # its thread ends at once: a model makes thousands of processes
        return watch

    def _list(self, where: str, kind: str) -> None:
        memory = self.life.place(where)
        self.positions[where, kind] = len(memory.history[kind])
        self._store(where, kind).replace_all(memory.all(kind))

    def _store(self, where: str, kind: str) -> Any:
        return getattr(self.world if where == CONTROL else self.world.regions[where], STORES[kind])

    def notice(self) -> None:
        """See which regions answer."""
        for name, watch in self.world.regions.items():
            trouble = "does not answer" if self.life.regions[name].silent else ""
            if (name, "run") not in self.positions and not trouble:
                for kind in IN_REGIONS:
                    self._list(name, kind)
            for still in watch.reflectors:
                if still.trouble != trouble:
                    still.trouble = trouble
                    self.loop.listeners().region(name, trouble)

    def deliver(self, where: str, kind: str, count: int = 10**9) -> None:
        memory, at = self.life.place(where), self.positions.get((where, kind))
        if at is None or memory.silent:
            return
        for present, raw in memory.history[kind][at : at + count]:
            store = self._store(where, kind)
            store.put(raw) if present else store.drop(raw)
            self.positions[where, kind] += 1

    def deliver_all(self) -> None:
        for where in (CONTROL, *REGIONS):
            for kind in IN_CONTROL if where == CONTROL else IN_REGIONS:
                self.deliver(where, kind)

    def knows_all(self) -> bool:
        """Whether every watch has delivered everything."""
        return all(len(self.life.place(where).history[kind]) == at for (where, kind), at in self.positions.items())

    def up_to_date(self) -> None:
        self.loop.take(self.life.desired)
        self.notice()
        self.deliver_all()

    def work(self, most: int = 1) -> int:
        """Take keys out of the queue; Died passes through."""
        done = 0
        while done < most and not self.loop.queue.idle():
            key = self.loop.queue.get()
            assert key is not None
            self.look(key)
            done += 1
        return done

    def look(self, key: Key) -> None:
        self.working = True
        try:
            self.loop._pass(key)
        finally:
            self.working = False
            self.loop.queue.done(key)
        if self.reconciler.bug:
            raise self.reconciler.bug

    def settle(self) -> None:
        """Deliver and work, until nothing is left to do but to wait for somebody; delays pass, the clock stands."""
        for _ in range(4):
            self.up_to_date()
            for _ in range(8):
                if self.work(30) == 0:
                    break
                self.deliver_all()
            else:
                raise AssertionError("it does not come to rest")
            self.life.mono += 130
        self.work(30)

    def approve(self, key: Key, without_source: bool = False) -> bool:
        """A person approves what is held of one environment, as the command line does; whether anything was."""
        assert self.loop.desired is not None
        holds = self.reconciler.preview(key, self.loop.desired).holds
        held = next((hold for hold in holds if hold.action and hold.reason.approvable), None)
        if held is None or held.action is None:
            return False
        said = Mark("ada", rfc3339(self.life.now))
        given = approval_for(held.action, said, without_source=without_source, jobs=held.jobs)
        self.life.patch_record(key, {"approval": given.dump()})
        return True
