"""A life for the loop: git, service teams, Argo, bridges and people, each doing one thing at a time in memory.

`tests.controller.process` runs reconcilers in it, `test_model` and the scenarios of other tests say what happens.
"""

import json
from typing import Any

from reconciler.core import labels
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError
from reconciler.core.finding import Finding
from reconciler.core.fleet import ACCEPTED
from reconciler.core.job_copy import Copy, copy_name, copy_of, read_copy, stop_patch
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.observed import read_run
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.placement import Placement, outcome_patch, read_placement
from reconciler.core.record import Record, read_record
from reconciler.core.region import Region
from reconciler.core.step import Step
from tests.controller.memory import Cluster, Fuse, Json, Memory, Records, merged
from tests.core.fleet import NOW, declaration

KEYS = (Key("acme", "a"), Key("acme", "b"), Key("beta", "a"))
REGIONS = ("eu-west", "us-east")
SERVICES = ("billing", "search")
LIMIT = 2
CONTROL = "control"
HELD = "invalid"


class Past:
    """What git says: that everything was reviewed, nothing renamed, and every commit follows from the last."""

    def unreviewed(self, action: Any, record: Any, desired: Any) -> str:
        return ""

    def twin(self, key: Any, desired: Any, removed: Any) -> None:
        return None

    def trust(self, desired: Any, fleet: Any, records: int) -> str:
        return ""

    def accepted(self, desired: Any, fleet: Any, records: int) -> dict[str, str | None]:
        return {} if fleet.accepted == desired.revision else {ACCEPTED: desired.revision}


class Life:
    """The clusters and all that happens to them. `changes` counts what may be a reason to launch again."""

    def __init__(self) -> None:
        self.now, self.mono = NOW, 0.0
        self.fuse = Fuse()
        self.control = Records(self.fuse)
        self.past = Past()
        self.put_fleet(0)
        self.regions = {name: Cluster(self.fuse) for name in REGIONS}
        self.listed = {name: Region(name, in_flight_limit=LIMIT) for name in REGIONS}
        self.specs: dict[Key, Any] = {}
        self.versions = 0
        self.damaged: dict[tuple[str, str, str], str] = {}
        self.changes = 0

    def settle_in(self, declared: int = 1, seats: int = 1) -> None:
        """Both regions have the services, billing's Job is there, and the first environments are declared."""
        for region in REGIONS:
            for service in SERVICES:
                self.put_namespace(region, service)
            self.put_job(region, "billing", 1)
        for key in KEYS[:declared]:
            self.specs[key] = {"seats": seats, "region": "eu-west"}
        self.commit()

    def place(self, where: str) -> Memory:
        return self.control if where == CONTROL else self.regions[where]

    def readable(self, raw: Json) -> Record | None:
        return None if (CONTROL, "record", raw["metadata"]["name"]) in self.damaged else read_record(raw)

    def put_fleet(self, records: int, **more: str) -> None:
        metadata = {"name": labels.FLEET, "namespace": labels.CONTROL_NAMESPACE}
        self.control.put("fleet", labels.FLEET, {"metadata": metadata, "data": {"records": str(records), **more}})

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
        held = frozenset(key for key, spec in self.specs.items() if spec == HELD)
        self.desired = Desired(f"{self.versions:040x}", found, dict(self.listed), tuple(findings), held)

    def change(self, key: Key, spec: Any) -> None:
        self.specs[key] = spec
        self.commit()

    def change_oddly(self, key: Key, spec: Any) -> None:
        base = {"seats": 1, "region": "eu-west"}
        self.specs[key] = base | spec if isinstance(spec, dict) else spec
        self.commit()

    # -- service teams ---------------------------------------------------------------------------------------------

    def put_namespace(self, region: str, service: str) -> None:
        self.regions[region].put("namespace", service, {"metadata": {"name": service}})

    def put_job(self, region: str, service: str, version: int) -> None:
        self.changes += 1
        self.regions[region].put("job", f"{service}/lifecycle", lifecycle_job(service, version))

    def release(self, region: str, service: str, version: int) -> None:
        self.put_job(region, service, version)

    def remove_job(self, region: str, service: str, again: bool) -> None:
        self.changes += 1
        memory, name = self.regions[region], f"{service}/lifecycle"
        raw = memory.read("job", name)
        if raw:
            memory.remove("job", name)
        if raw and again:
            memory.put("job", name, raw)

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

    def in_progress(self, key: Key, region: str) -> list[Any]:
        runs = [raw for memory, raw in self.runs() if memory is self.regions[region] and read_run(raw).key == key]
        return runs + [copy for memory, copy in self.unfinished() if memory is self.regions[region] and copy.key == key]

    def unfinished(self) -> list[tuple[Cluster, Copy]]:
        found = ((memory, copy) for memory in self.regions.values() for copy in memory.copies())
        return [(memory, copy) for memory, copy in found if not copy.finished]

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
        except TenantctlError:
            return False
        memory.put("placement", placed.key.dotted, body)
        return True

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

    def pods_end(self, which: int) -> None:
        for memory, copy in chosen(self.unfinished(), which):
            if copy.stopped:
                self.end_pods(memory, copy)

    def end_pods(self, memory: Cluster, copy: Copy) -> None:
        name = f"{copy.namespace}/{copy.name}"
        memory.put("job", name, merged(memory.objects["job", name], {"status": {"active": 0}}))

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

    def stop_run(self, which: int, word: str, bridges_lost: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            stopped = merged(raw, {"spec": {"shutdown": word}, "status": {"phase": "Failed"}})
            memory.put("run", raw["metadata"]["name"], stopped)
            for copy in memory.copies_of_now(raw["metadata"]["name"]):
                if not copy.finished and not bridges_lost:
                    self.stop_copy(memory, f"{copy.namespace}/{copy.name}")

    def stop_copy(self, memory: Cluster, name: str) -> None:
        memory.put("job", name, merged(memory.objects["job", name], stop_patch("2027-01-15T08:00:00Z")))

    def delete_run(self, which: int, completed: bool) -> None:
        for memory, raw in chosen(self.runs(completed=completed), which):
            memory.remove("run", raw["metadata"]["name"])

    def run_by_hand(self, key: Key, region: str) -> None:
        self.versions += 1
        parameters = [{"name": "tenant", "value": key.tenant}, {"name": "environment", "value": key.environment}]
        metadata = {"name": f"hand-{self.versions}", "namespace": Memory.namespace}
        self.regions[region].put(
            "run", metadata["name"], {"metadata": metadata, "spec": {"arguments": {"parameters": parameters}}}
        )

    def retry(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        if raw:
            self.changes += 1
            self.versions += 1
            self.control.put("record", key.dotted, merged(raw, {"data": {"retry": str(self.versions)}}))

    def delete_record(self, key: Key) -> None:
        if self.control.read("record", key.dotted):
            self.changes += 1
            self.damaged.pop((CONTROL, "record", key.dotted), None)
            self.control.remove("record", key.dotted)

    def delete_placement(self, key: Key, region: str) -> None:
        if self.regions[region].read("placement", key.dotted):
            self.changes += 1
            self.damaged.pop((region, "placement", key.dotted), None)
            self.regions[region].remove("placement", key.dotted)

    def damage(self, key: Key, where: tuple[str, str]) -> None:
        memory, mark = self.place(where[0]), (*where, key.dotted)
        raw = memory.read(where[1], key.dotted)
        if raw and mark not in self.damaged:
            self.damaged[mark] = raw["data"]["epoch"]
            memory.put(where[1], key.dotted, merged(raw, {"data": {"epoch": "broken"}}))

    def repair(self) -> None:
        self.changes += bool(self.damaged)
        for (where, kind, name), epoch in self.damaged.items():
            memory = self.place(where)
            memory.put(kind, name, merged(memory.objects[kind, name], {"data": {"epoch": epoch}}))
        self.damaged.clear()

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
