"""The loop against clusters in memory: whatever happens in whatever order, what must never happen does not.

Hypothesis chooses what commits, Jobs, runs, people and failures do, and when each watch delivers; the loop, the
reconciler, the world and their stores are the real ones, only without threads. Once faults end, everything valid must
become Ready, and then nothing may be written any more. TENANTCTL_MODEL_EXAMPLES searches longer, at random.
"""

import json
import os
import sys
from dataclasses import replace
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconciler.adapters.kube.client import NoCluster
from reconciler.controller import loop as loop_module
from reconciler.controller.loop import Loop
from reconciler.controller.metrics import Metrics
from reconciler.controller.queue import WorkQueue
from reconciler.controller.reconciler import Reconciler
from reconciler.controller.settings import Settings
from reconciler.controller.world import RegionWatch, World
from reconciler.core import labels
from reconciler.core.claim import Claim, claim_mark
from reconciler.core.condition import READY
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError, Unprocessable
from reconciler.core.finding import Finding
from reconciler.core.job_copy import Copy, copy_name, copy_of, read_copy, stop_patch
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.observed import read_run
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.placement import Placement, outcome_patch, read_placement
from reconciler.core.record import Record, condition, read_record
from reconciler.core.region import Region
from reconciler.core.step import Step
from tests.controller.memory import Cluster, Died, Fuse, Json, Memory, Records, merged
from tests.core.fleet import NOW, declaration

EXAMPLES = int(os.environ.get("TENANTCTL_MODEL_EXAMPLES", "0"))
KEYS = (Key("acme", "a"), Key("acme", "b"), Key("beta", "a"))
REGIONS = ("eu-west", "us-east")
SERVICES = ("billing", "search")
LIMIT = 2
CONTROL = "control"
KINDS = {"record": "records", "placement": "placements", "run": "runs", "job": "jobs", "namespace": "namespaces"}
HELD = "invalid"
METRICS = Metrics()
SETTINGS = Settings()

pick = st.integers(0, 11)
keys = st.sampled_from(KEYS)
regions = st.sampled_from((*REGIONS[:1] * 4, REGIONS[1]))
services = st.sampled_from(SERVICES)
specs = st.fixed_dictionaries(
    {"seats": st.integers(1, 2), "region": regions},
    optional={"services": st.sampled_from(([], ["billing"], ["search"])), "ring": st.integers(0, 1)},
)
odd_specs = st.sampled_from((None, HELD, {"state": "Decommissioned"}, {"resources": [{"provider": "p", "name": "r"}]}))


class Still:
    """A reflector that does nothing by itself; the machine feeds its store."""

    def __init__(self) -> None:
        self.trouble = "not listed yet"

    def run(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


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

    def __init__(self, machine: "Model") -> None:
        self.machine = machine
        self.loop = Loop(SETTINGS, METRICS, self._watch)
        self.loop.queue = WorkQueue(lambda: machine.mono)
        self.world = World(NoCluster("memory"), labels.CONTROL_NAMESPACE, self.loop.listeners())
        self.reconciler = Spy(self.world, machine.control, SETTINGS, lambda: machine.now)
        self.loop.wire(self.world, mock.Mock(), self.reconciler)
        self.positions: dict[tuple[str, str], int] = {}
        self._list(CONTROL, "record")
        self.loop.take(machine.desired)
        self.notice()

    def _watch(self, region: Region) -> RegionWatch:
        watch = RegionWatch(region, NoCluster("memory"), self.loop.listeners(), [labels.VERBS_ANNOTATION])
        watch.state = self.machine.regions[region.name]  # type: ignore[assignment]
        watch.reflectors = [Still()]  # type: ignore[list-item]
        return watch

    def _list(self, where: str, kind: str) -> None:
        memory = self.machine.place(where)
        self.positions[where, kind] = len(memory.history[kind])
        self._store(where, kind).replace_all(memory.all(kind))

    def _store(self, where: str, kind: str) -> Any:
        return getattr(self.world if where == CONTROL else self.world.regions[where], KINDS[kind])

    def notice(self) -> None:
        """See which regions answer."""
        for name, watch in self.world.regions.items():
            trouble = "does not answer" if self.machine.regions[name].silent else ""
            if (name, "run") not in self.positions and not trouble:
                for kind in ("placement", "run", "namespace", "job"):
                    self._list(name, kind)
            for still in watch.reflectors:
                if still.trouble != trouble:
                    still.trouble = trouble
                    self.loop.listeners().region(name, trouble)

    def deliver(self, where: str, kind: str, count: int = 10**9) -> None:
        memory, at = self.machine.place(where), self.positions.get((where, kind))
        if at is None or memory.silent:
            return
        for present, raw in memory.history[kind][at : at + count]:
            store = self._store(where, kind)
            store.put(raw) if present else store.drop(raw)
            self.positions[where, kind] += 1

    def deliver_all(self) -> None:
        for where in (CONTROL, *REGIONS):
            for kind in ("record",) if where == CONTROL else ("placement", "run", "namespace", "job"):
                self.deliver(where, kind)

    def up_to_date(self) -> None:
        self.loop.take(self.machine.desired)
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
        self.machine.working = self
        try:
            self.loop._pass(key)
        finally:
            self.machine.working = None
            self.loop.queue.done(key)
        if self.reconciler.bug:
            raise self.reconciler.bug


class Model(RuleBasedStateMachine):
    """The clusters, git, the people, and one or two reconcilers."""

    def __init__(self) -> None:
        super().__init__()
        self.quiet_log = mock.patch.object(loop_module, "log", mock.Mock())
        self.quiet_log.start()
        self.now, self.mono = NOW, 0.0
        self.fuse = Fuse()
        self.control = Records(self.fuse)
        self.regions = {name: Cluster(self.fuse) for name in REGIONS}
        self.control.check = self.check_record
        for name in REGIONS:
            self.regions[name].check = self.check_region
        self.specs: dict[Key, Any] = {}
        self.versions = 0
        self.damaged: dict[tuple[str, str, str], str] = {}
        self.posted: set[str] = set()
        self.noted: set[str] = set()
        self.changes = 0
        self.claimed_at: dict[Key, int] = {}
        self.ended_at: dict[Key, int] = {}
        self.overlapped = False
        self.processes: list[Process] = []
        self.working: Process | None = None

    @initialize(seats=st.integers(1, 2), declared=st.integers(1, 3), silent=st.booleans())
    def begin(self, seats: int, declared: int, silent: bool) -> None:
        for region in REGIONS:
            for service in SERVICES:
                self.put_namespace(region, service)
            self.put_job(region, "billing", 1)
        for key in KEYS[:declared]:
            self.specs[key] = {"seats": seats, "region": "eu-west"}
        self.commit()
        self.regions["eu-west"].silent = silent
        self.processes = [Process(self)]

    def place(self, where: str) -> Memory:
        return self.control if where == CONTROL else self.regions[where]

    # -- git -------------------------------------------------------------------------------------------------------

    def commit(self) -> None:
        self.changes += 1
        self.versions += 1
        found: dict[Key, Declaration] = {}
        findings = []
        for key, spec in self.specs.items():
            if spec == HELD:
                findings.append(Finding(f"tenants/{key.tenant}/{key.environment}.yaml", 1, 1, "yaml", "broken"))
            elif spec is not None:
                found[key] = declared(key, spec)
        known = {name: Region(name, in_flight_limit=LIMIT) for name in REGIONS}
        held = frozenset(key for key, spec in self.specs.items() if spec == HELD)
        self.desired = Desired(f"{self.versions:040x}", found, known, tuple(findings), held)

    @rule(key=keys, spec=specs)
    def change(self, key: Key, spec: Any) -> None:
        self.specs[key] = spec
        self.commit()

    @rule(key=keys, spec=odd_specs)
    def change_oddly(self, key: Key, spec: Any) -> None:
        base = {"seats": 1, "region": "eu-west"}
        self.specs[key] = base | spec if isinstance(spec, dict) else spec
        self.commit()

    @rule(which=pick)
    def read_git(self, which: int) -> None:
        self.process(which).loop.take(self.desired)

    # -- service teams ---------------------------------------------------------------------------------------------

    def put_namespace(self, region: str, service: str) -> None:
        self.regions[region].put("namespace", service, {"metadata": {"name": service}})

    def put_job(self, region: str, service: str, version: int) -> None:
        self.changes += 1
        self.regions[region].put("job", f"{service}/lifecycle", lifecycle_job(service, version))

    @rule(region=regions, service=services, version=st.integers(1, 2))
    def release(self, region: str, service: str, version: int) -> None:
        self.put_job(region, service, version)

    @rule(region=regions, service=services, again=st.booleans())
    def remove_job(self, region: str, service: str, again: bool) -> None:
        self.changes += 1
        memory, name = self.regions[region], f"{service}/lifecycle"
        raw = memory.read("job", name)
        if raw:
            memory.remove("job", name)
        if raw and again:
            memory.put("job", name, raw)

    @rule(region=regions, service=services)
    def toggle_namespace(self, region: str, service: str) -> None:
        self.changes += 1
        if self.regions[region].read("namespace", service):
            self.regions[region].remove("namespace", service)
        else:
            self.put_namespace(region, service)

    # -- Argo and the bridges --------------------------------------------------------------------------------------

    def runs(self, *, completed: bool = False) -> list[tuple[Cluster, Json]]:
        found = ((memory, raw) for memory in self.regions.values() for raw in memory.all("run"))
        return [(memory, raw) for memory, raw in found if read_run(raw).completed is completed]

    def unfinished(self) -> list[tuple[Cluster, Copy]]:
        found = ((memory, copy) for memory in self.regions.values() for copy in memory.copies())
        return [(memory, copy) for memory, copy in found if not copy.finished]

    @rule(which=pick, only_first=st.booleans())
    def bridges_start(self, which: int, only_first: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            steps = self.start(memory, raw)
            for step in steps[:1] if only_first else steps:
                self.start_step(memory, raw, step)

    def start(self, memory: Cluster, raw: Json) -> list[Step]:
        """Argo begins a run, if no other has the mutex; its steps, as `discover` hands them on."""
        run = read_run(raw)
        others = (read_run(other) for other in memory.all("run"))
        mutex = any(o.phase == "Running" and o.key == run.key and o.name != run.name for o in others)
        if run.shutdown or run.completed or mutex or run.key is None:
            return []
        marks = {labels.TENANT: run.key.tenant, labels.ENVIRONMENT: run.key.environment}
        memory.put("run", run.name, merged(raw, {"metadata": {"labels": marks}, "status": {"phase": "Running"}}))
        parameters = {item["name"]: item["value"] for item in raw["spec"]["arguments"]["parameters"]}
        if "jobs" in parameters:
            return [Step.of_item("job", item) for item in json.loads(parameters["jobs"])]
        placed = self.placed(memory, run.key)
        return sorted(wanted(memory, Declaration.of(placed.declaration))) if placed else []

    def start_step(self, memory: Cluster, raw: Json, step: Step) -> None:
        run = read_run(raw)
        assert run.key is not None
        placed, template = self.placed(memory, run.key), memory.read("job", "/".join(step.target))
        if placed is None:
            return
        job = read_lifecycle_job(template) if template and memory.read("namespace", step.namespace) else None
        if template is None or job is None:
            missing = Outcome(step, placed.digest, placed.epoch, run.name, Result.FAILED, reason="LifecycleJobMissing")
            self.tell(memory, placed, missing)
            return
        name = f"{step.namespace}/{copy_name(job.name, run.name, step)}"
        if memory.read("job", name) is None:
            made = copy_of(template, job, placed, run.name, step)
            memory.put("job", name, made)
            outcome = Outcome(step, placed.digest, placed.epoch, run.name, Result.RUNNING, hash=job.hash)
            if self.tell(memory, placed, outcome):
                memory.put("job", name, merged(made, {"spec": {"suspend": False}, "status": {"active": 1}}))
            else:
                self.stop_copy(memory, name)

    def placed(self, memory: Cluster, key: Key) -> Placement | None:
        raw = memory.read("placement", key.dotted)
        if raw is None or (self.where(memory), "placement", key.dotted) in self.damaged:
            return None
        return read_placement(raw)

    def where(self, memory: Memory) -> str:
        return next((name for name, each in self.regions.items() if each is memory), CONTROL)

    def tell(self, memory: Cluster, placed: Placement, outcome: Outcome) -> bool:
        """A bridge writes an outcome, fenced by epoch and state."""
        try:
            body = memory.patch(placed.key, outcome_patch(outcome.epoch, placed.state, outcome))
        except (TenantctlError, Unprocessable):
            return False
        memory.put("placement", placed.key.dotted, body)
        return True

    @rule(which=pick, failure=st.sampled_from(("", "", "plain", *FailureClass)), lost=st.sampled_from((False, True)))
    def job_ends(self, which: int, failure: str, lost: bool) -> None:
        for memory, copy in chosen(self.unfinished(), which):
            self.end(memory, copy, failure, lost and failure == "plain")

    def end(self, memory: Cluster, copy: Copy, failure: str = "", lost: bool = False) -> None:
        """A copy's Job ends by itself; its bridge, if there still is one, writes the outcome."""
        name = f"{copy.namespace}/{copy.name}"
        raw = memory.read("job", name)
        if raw is None or copy.stopped or copy.suspended:
            return
        ended = {"type": "Failed" if failure else "Complete", "status": "True"}
        memory.put("job", name, merged(raw, {"status": {"active": 0, "conditions": [ended]}}))
        found = memory.read("run", copy.run)
        placed = self.placed(memory, copy.key)
        if found and placed and not read_run(found).completed and not lost:
            result = Result.FAILED if failure else Result.SUCCEEDED
            said = FailureClass(failure) if failure in set(FailureClass) else None
            self.tell(
                memory, placed, Outcome(copy.step, copy.digest, copy.epoch, copy.run, result, copy.hash, failure=said)
            )

    @rule(which=pick)
    def pods_end(self, which: int) -> None:
        for memory, copy in chosen(self.unfinished(), which):
            if copy.stopped:
                self.end_pods(memory, copy)

    def end_pods(self, memory: Cluster, copy: Copy) -> None:
        name = f"{copy.namespace}/{copy.name}"
        memory.put("job", name, merged(memory.objects["job", name], {"status": {"active": 0}}))

    @rule(which=pick, bridges_lost=st.booleans())
    def workflow_ends(self, which: int, bridges_lost: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            if bridges_lost or all(copy.finished for copy in memory.copies_of_now(read_run(raw).name)):
                self.complete(memory, raw)

    def complete(self, memory: Cluster, raw: Json) -> None:
        run = read_run(raw)
        placed = self.placed(memory, run.key) if run.key else None
        mine = [each for each in placed.outcomes.values() if each.run == run.name] if placed else []
        good = all(each.result is Result.SUCCEEDED for each in mine)
        memory.put("run", run.name, merged(raw, {"status": {"phase": "Succeeded" if good else "Failed"}}))

    # -- people ----------------------------------------------------------------------------------------------------

    @rule(which=pick, word=st.sampled_from(("Stop", "Terminate")), bridges_lost=st.booleans())
    def stop_run(self, which: int, word: str, bridges_lost: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            stopped = merged(raw, {"spec": {"shutdown": word}, "status": {"phase": "Failed"}})
            memory.put("run", raw["metadata"]["name"], stopped)
            for copy in memory.copies_of_now(raw["metadata"]["name"]):
                if not copy.finished and not bridges_lost:
                    self.stop_copy(memory, f"{copy.namespace}/{copy.name}")

    def stop_copy(self, memory: Cluster, name: str) -> None:
        memory.put("job", name, merged(memory.objects["job", name], stop_patch("2027-01-15T08:00:00Z")))

    @rule(which=pick, completed=st.booleans())
    def delete_run(self, which: int, completed: bool) -> None:
        for memory, raw in chosen(self.runs(completed=completed), which):
            memory.remove("run", raw["metadata"]["name"])

    @rule(key=keys, region=regions)
    def run_by_hand(self, key: Key, region: str) -> None:
        self.versions += 1
        parameters = [{"name": "tenant", "value": key.tenant}, {"name": "environment", "value": key.environment}]
        metadata = {"name": f"hand-{self.versions}", "namespace": Memory.namespace}
        self.regions[region].put(
            "run", metadata["name"], {"metadata": metadata, "spec": {"arguments": {"parameters": parameters}}}
        )

    @rule(key=keys)
    def retry(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        if raw:
            self.changes += 1
            self.versions += 1
            self.control.put("record", key.dotted, merged(raw, {"data": {"retry": str(self.versions)}}))

    @rule(key=keys)
    def delete_record(self, key: Key) -> None:
        if self.control.read("record", key.dotted):
            self.changes += 1
            self.damaged.pop((CONTROL, "record", key.dotted), None)
            self.control.remove("record", key.dotted)

    @rule(key=keys, region=regions)
    def delete_placement(self, key: Key, region: str) -> None:
        if self.regions[region].read("placement", key.dotted):
            self.changes += 1
            self.damaged.pop((region, "placement", key.dotted), None)
            self.regions[region].remove("placement", key.dotted)

    @rule(key=keys, where=st.sampled_from(((CONTROL, "record"), ("eu-west", "placement"))))
    def damage(self, key: Key, where: tuple[str, str]) -> None:
        memory, mark = self.place(where[0]), (*where, key.dotted)
        raw = memory.read(where[1], key.dotted)
        if raw and mark not in self.damaged:
            self.damaged[mark] = raw["data"]["epoch"]
            memory.put(where[1], key.dotted, merged(raw, {"data": {"epoch": "broken"}}))

    @rule()
    def repair(self) -> None:
        self.changes += bool(self.damaged)
        for (where, kind, name), epoch in self.damaged.items():
            memory = self.place(where)
            memory.put(kind, name, merged(memory.objects[kind, name], {"data": {"epoch": epoch}}))
        self.damaged.clear()

    # -- processes, watches, time ----------------------------------------------------------------------------------

    def process(self, which: int) -> Process:
        return self.processes[which % len(self.processes)]

    @rule(which=pick, where=st.sampled_from((CONTROL, *REGIONS)), count=st.integers(1, 4), data=st.data())
    def deliver(self, which: int, where: str, count: int, data: Any) -> None:
        kinds = ("record",) if where == CONTROL else ("placement", "run", "job", "namespace")
        kind = data.draw(st.sampled_from(kinds))
        self.changes += kind in ("job", "namespace")
        self.process(which).deliver(where, kind, count)

    @rule(which=pick)
    def deliver_all(self, which: int) -> None:
        self.changes += 1
        self.process(which).deliver_all()

    @rule(which=pick, most=st.integers(1, 4))
    def work(self, which: int, most: int) -> None:
        self.run_process(self.process(which), most)

    @rule(which=pick, after=st.integers(0, 11))
    def work_until_death(self, which: int, after: int) -> None:
        self.fuse.die_at = self.fuse.writes + after
        self.run_process(self.process(which), 6)
        self.fuse.die_at = -1

    def run_process(self, process: Process, most: int) -> None:
        try:
            process.work(most)
        except Died:
            self.fuse.die_at = -1
            self.processes.remove(process)
            if not self.processes:
                self.restart()

    @rule()
    def restart(self) -> None:
        self.changes += 1
        self.processes = [Process(self)]

    @precondition(lambda self: len(self.processes) < 2)
    @rule()
    def overlap(self) -> None:
        self.overlapped = True
        self.processes.append(Process(self))

    @precondition(lambda self: len(self.processes) > 1)
    @rule(which=pick)
    def end_of_overlap(self, which: int) -> None:
        self.changes += 1
        self.processes.remove(self.process(which))

    @rule(region=regions, noticed=st.booleans())
    def silence(self, region: str, noticed: bool) -> None:
        self.regions[region].silent = True
        for process in self.processes if noticed else ():
            process.notice()

    @rule(region=regions, noticed=st.booleans())
    def answers(self, region: str, noticed: bool) -> None:
        self.regions[region].silent = False
        for process in self.processes if noticed else ():
            process.notice()

    @rule(seconds=st.sampled_from((1.0, 15.0, 700.0, 90000.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.mono += seconds

    # -- what must never happen ------------------------------------------------------------------------------------

    def check_region(self, kind: str, before: Json | None, after: Json) -> None:
        if kind == "run":
            self.check_post(after)

    def check_post(self, workflow: Json) -> None:
        """A run is POSTed from the claim that is open now, and never once it was known to exist."""
        run = read_run(workflow)
        assert run.key is not None
        raw = self.control.read("record", run.key.dotted)
        assert raw, f"{run.name} has no record"
        record = read_record(raw)
        assert record.claim is not None, f"{run.name} has no claim"
        assert (record.claim.run, claim_mark(record.uid, record.claim)) == (run.name, run.mark)
        assert not record.claim.noted
        assert run.name not in self.noted
        for memory in self.regions.values():
            placed = self.placed(memory, run.key)
            assert not placed or run.name not in {each.run for each in placed.outcomes.values()}

    def check_record(self, kind: str, before: Json | None, after: Json) -> None:
        """One claim at a time, its number never reset, closed only when its run is over."""
        damaged = before and (CONTROL, "record", before["metadata"]["name"]) in self.damaged
        assert not damaged, "a record that cannot be read is overwritten"
        old = read_record(before) if before else None
        new = read_record(after)
        if new.claim and new.claim.noted:
            self.noted.add(new.claim.run)
        if old:
            assert new.seq >= old.seq
            if old.claim and (new.claim is None or new.claim.run != old.claim.run):
                assert new.claim is None, "a claim is replaced by another"
                self.check_closed(old.claim, new)
        if new.claim and (old is None or old.claim is None):
            self.check_claim(old or replace(new, attempts=replace(new.attempts, basis="")), new, new.claim)

    def check_closed(self, claim: Claim, record: Record) -> None:
        memory = self.regions[claim.region]
        raw = memory.read("run", claim.run)
        assert claim.noted
        assert raw is None or read_run(raw).completed
        assert all(copy.finished for copy in memory.copies_of_now(claim.run))
        if record.attempts.stalled in ("RunStopped", "RunDeleted"):
            self.ended_at[record.key] = self.claimed_at.get(record.key, -1)

    def check_claim(self, old: Record, new: Record, claim: Claim) -> None:
        process = self.working
        assert process is not None
        assert process.loop.desired is not None
        declared = process.loop.desired.environments.get(new.key)
        assert declared is not None, "nothing valid is declared"
        assert (declared.state, declared.resources) == ("Active", ())
        assert (claim.region, claim.digest) == (declared.region, declared.digest)
        assert claim.seq == old.seq + 1
        assert claim.run not in self.posted
        self.posted.add(claim.run)
        assert not (old.attempts.stalled and old.attempts.basis == claim.basis), old.attempts
        if len(self.processes) > 1:
            self.changes += 1
        assert self.ended_at.get(new.key, -1) < self.changes, "a run that a person ended is launched again"
        self.claimed_at[new.key] = self.changes
        limit = LIMIT * len(self.processes)
        open_claims = [
            each for raw in self.control.all("record") if (each := self.readable(raw)) and each.claim and each != new
        ]
        taken = sum(1 for each in open_claims if each.claim and each.claim.region == claim.region)
        assert taken < limit or self.overlapped, f"{taken} runs are in progress in {claim.region}"

    def readable(self, raw: Json) -> Record | None:
        return None if (CONTROL, "record", raw["metadata"]["name"]) in self.damaged else read_record(raw)

    @rule(which=pick)
    def quiet(self, which: int) -> None:
        """Nothing happens for a while: everything is delivered and worked off. Then another look writes nothing."""
        self.changes += 1
        process = self.process(which)
        self.settle(process)
        self.look_again(process)
        for key in KEYS:
            self.check_status(key)
        self.check_copies()

    def settle(self, process: Process) -> None:
        for _ in range(4):
            process.up_to_date()
            for _ in range(8):
                if process.work(30) == 0:
                    break
                process.deliver_all()
            else:
                raise AssertionError("it does not come to rest")
            self.mono += 130
        process.work(30)

    def look_again(self, process: Process) -> None:
        process.deliver_all()
        writes = self.fuse.writes
        for key in KEYS:
            process.look(key)
            assert self.fuse.writes == writes, f"{key} had something left to do, and nobody was told"

    def check_status(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        record = self.readable(raw) if raw else None
        if record is None:
            assert self.desired.environments.get(key) is None or raw is not None
            return
        ready = condition(record, READY)
        assert ready is not None, record
        if ready.status:
            assert self.is_done(key, record), record

    def is_done(self, key: Key, record: Record) -> bool:
        of = self.desired.environments.get(key)
        if of is None:
            return False
        memory = self.regions[of.region]
        if memory.silent:
            return True
        placed = self.placed(memory, key)
        steps = wanted(memory, of)
        outcomes = placed.outcomes if placed else {}
        epoch = placed.epoch if placed else 0
        proven = all(s in outcomes and outcomes[s].done(of.digest, job.hash, epoch) for s, job in steps.items())
        return placed is not None and proven and record.applied_digest == of.digest

    def check_copies(self) -> None:
        for memory in self.regions.values():
            for copy in memory.copies() if not memory.silent else ():
                raw = memory.read("run", copy.run)
                run = read_run(raw) if raw else None
                if run is None or (run.completed and run.shutdown):
                    assert copy.finished or copy.stopped, copy

    # -- what must happen in the end -------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.processes and sys.exc_info()[0] is None:
                self.recover()
        finally:
            self.quiet_log.stop()

    def recover(self) -> None:
        """Faults end, runs succeed, people mend and retry: everything that can be Ready is, in bounded time."""
        self.repair()
        for memory in self.regions.values():
            memory.silent = False
        process = self.processes[0]
        self.processes = [process]
        self.settle(process)
        for key in KEYS:
            self.retry(key)
        for _ in range(12):
            self.settle(process)
            self.everything_succeeds()
            self.changes += 1
            self.now += 700
        self.settle(process)
        self.look_again(process)
        for key in self.desired.environments:
            self.check_ready(key)

    def everything_succeeds(self) -> None:
        for memory, raw in self.runs():
            for step in self.start(memory, raw):
                self.start_step(memory, raw, step)
        for memory, copy in self.unfinished():
            self.end_pods(memory, copy) if copy.stopped else self.end(memory, copy)
        for memory, raw in self.runs():
            run = read_run(raw)
            copies = memory.copies_of_now(run.name)
            if run.shutdown or (run.phase == "Running" and all(copy.finished for copy in copies)):
                self.complete(memory, raw)

    def check_ready(self, key: Key) -> None:
        of = self.desired.environments[key]
        record = read_record(self.control.objects["record", key.dotted])
        moves = record.region != of.region and (record.applied_digest or self.placed(self.regions[record.region], key))
        if of.state != "Active" or of.resources or moves:
            return
        ready = condition(record, READY)
        placed = self.placed(self.regions[of.region], key)
        removals = placed and any(not of.uses_service(step.namespace) for step in placed.outcomes)
        assert ready is not None
        assert ready.status or removals, ready
        assert self.is_done(key, record), record


def declared(key: Key, spec: Json) -> Declaration:
    said = {name: value for name, value in spec.items() if name != "seats"}
    return declaration(key, parameters={"seats": spec["seats"]}, **said)


def lifecycle_job(service: str, version: int) -> Json:
    metadata = {"namespace": service, "name": "lifecycle", "annotations": {labels.VERBS_ANNOTATION: "lifecycle.upsert"}}
    container = {"name": "main", "image": f"{service}:{version}"}
    return {"metadata": metadata, "spec": {"suspend": True, "template": {"spec": {"containers": [container]}}}}


def wanted(memory: Cluster, of: Declaration) -> dict[Step, LifecycleJob]:
    """What really is wanted, from the cluster itself."""
    found = (read_lifecycle_job(raw) for raw in memory.all("job") if read_copy(raw) is None)
    trusted = (job for job in found if job and memory.read("namespace", job.namespace))
    return {job.step("upsert"): job for job in trusted if of.uses_service(job.namespace)}


def chosen(items: list[Any], which: int) -> list[Any]:
    return [items[which % len(items)]] if items else []


Model.TestCase.settings = settings(
    max_examples=EXAMPLES or 40,
    stateful_step_count=60 if EXAMPLES else 40,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestModel = Model.TestCase
