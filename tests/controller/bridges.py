"""Argo and the bridges of a life: runs, stages and steps as the templates have them, and what Jobs really do.

Each writes what a bridge writes, under the same fences, and changes `tests.controller.stores` when it ends.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core import labels
from reconciler.core.archive import MANIFEST, Archive, folder_of, imports_of
from reconciler.core.declaration import Declaration
from reconciler.core.discovery import hashes_of
from reconciler.core.errors import TenantctlError
from reconciler.core.job_copy import Copy, copy_name, copy_of, read_copy, stop_patch
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.observed import Run, read_run
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.placement import Placement, State, outcome_patch, read_placement
from reconciler.core.step import Step, Verb
from reconciler.core.wanted import MISSING, expected_steps
from tests.controller.memory import Cluster, Json, Memory, Records, merged
from tests.controller.stores import Place, Stores

CONTROL = "control"
HALF = "half"  # the Job did what it had to, and failed all the same
STAGES: Mapping[str, Sequence[str]] = {
    Verb.UPSERT: (Verb.UPSERT, Verb.DECOMMISSION),
    Verb.MIGRATE_OUT: (Verb.MIGRATE_OUT,),
    Verb.MIGRATE_IN: (Verb.UPSERT, Verb.MIGRATE_IN),
    Verb.DECOMMISSION: (Verb.DECOMMISSION,),
}
AUTO: Mapping[str, Sequence[str]] = {Verb.UPSERT: (Verb.UPSERT,), Verb.MIGRATE_IN: (Verb.UPSERT, Verb.MIGRATE_IN)}


class Bridges:
    """The regions, what runs there, and what it does."""

    control: Records
    regions: dict[str, Cluster]
    damaged: dict[tuple[str, str, str], str]

    def __init__(self) -> None:
        self.stores = Stores()
        self.refused: set[tuple[str, Step]] = set()  # by a state that does not admit the step: nobody is told
        self.granted: dict[tuple[str, Step], Archive] = {}

    def where(self, memory: Memory) -> str:
        return memory.name or CONTROL

    def placed(self, memory: Cluster, key: Key) -> Placement | None:
        raw = memory.read("placement", key.dotted)
        if raw is None or (self.where(memory), "placement", key.dotted) in self.damaged:
            return None
        return read_placement(raw)

    # -- what there is ---------------------------------------------------------------------------------------------

    def runs(self, *, completed: bool = False) -> list[tuple[Cluster, Json]]:
        found = ((memory, raw) for memory in self.regions.values() for raw in memory.all("run"))
        return [(memory, raw) for memory, raw in found if read_run(raw).completed is completed]

    def in_progress(self, key: Key, region: str) -> list[Any]:
        runs = [raw for memory, raw in self.runs() if memory is self.regions[region] and read_run(raw).key == key]
        return runs + [copy for memory, copy in self.unfinished() if memory is self.regions[region] and copy.key == key]

    def unfinished(self) -> list[tuple[Cluster, Copy]]:
        found = ((memory, copy) for memory in self.regions.values() for copy in memory.copies())
        return [(memory, copy) for memory, copy in found if not copy.finished]

    # -- Argo ------------------------------------------------------------------------------------------------------

    def start(self, memory: Cluster, raw: Json) -> list[Step]:
        """Argo begins a run, if no other has the mutex, or goes on with it: the steps that can be started now."""
        run = read_run(raw)
        others = (read_run(other) for other in memory.all("run"))
        mutex = any(o.phase == "Running" and o.key == run.key and o.name != run.name for o in others)
        if run.shutdown or run.completed or mutex or run.key is None:
            return []
        marks = {labels.TENANT: run.key.tenant, labels.ENVIRONMENT: run.key.environment}
        memory.put("run", run.name, merged(raw, {"metadata": {"labels": marks}, "status": {"phase": "Running"}}))
        return self.next_steps(memory, run, raw)

    def next_steps(self, memory: Cluster, run: Run, raw: Json) -> list[Step]:
        """Those of the first stage that is not done; none where one of its steps failed."""
        steps = self.discovered(memory, run, raw)
        for verb in STAGES.get(verb_of(raw)) or sorted({step.verb for step in steps}):
            states = {step: self.state_of(memory, run, step) for step in steps if step.verb == verb}
            if any(state is not True for state in states.values()):
                return [step for step, state in states.items() if state is None]
        return []

    def state_of(self, memory: Cluster, run: Run, step: Step) -> bool | str | None:
        """True: done; None: not begun; else how far it is."""
        copy = next((copy for copy in memory.copies_of_now(run.name) if copy.step == step), None)
        if copy:
            return True if copy.complete else "failed" if copy.finished else "running"
        placed = self.placed(memory, run.key) if run.key else None
        outcome = placed.outcomes.get(step) if placed else None
        said = outcome is not None and outcome.run == run.name
        return "failed" if said or (run.name, step) in self.refused else None

    def discovered(self, memory: Cluster, run: Run, raw: Json) -> list[Step]:
        """What the run has to do, as `discover` hands it on."""
        assert run.key is not None
        placed, verb = self.placed(memory, run.key), verb_of(raw)
        if placed is None or not placed.state.admits(verb):
            return []
        listed = parameters_of(raw).get("jobs")
        if listed is not None:
            return sorted(Step.of_item("job", item) for item in json.loads(listed))
        if verb in (Verb.DECOMMISSION, Verb.MIGRATE_OUT):
            return sorted(expected_steps(verb, placed, hashes_of(trusted(memory))))
        of = Declaration.of(placed.declaration)
        return sorted(step for word in AUTO.get(verb, (verb,)) for step in wanted(memory, of, word))

    def complete(self, memory: Cluster, raw: Json) -> None:
        run = read_run(raw)
        placed = self.placed(memory, run.key) if run.key else None
        mine = [each for each in placed.outcomes.values() if each.run == run.name] if placed else []
        good = all(each.result is Result.SUCCEEDED for each in mine)
        memory.put("run", run.name, merged(raw, {"status": {"phase": "Succeeded" if good else "Failed"}}))

    # -- a bridge --------------------------------------------------------------------------------------------------

    def start_step(self, memory: Cluster, raw: Json, step: Step) -> None:
        run = read_run(raw)
        assert run.key is not None
        placed, template = self.placed(memory, run.key), memory.read("job", "/".join(step.target))
        name = f"{step.namespace}/{copy_name(step.name, run.name, step)}"
        if placed is None or memory.read("job", name) is not None:
            return
        if not placed.admits(step) or self.is_imported(placed, step):
            self.refused.add((run.name, step))
            return
        job = read_lifecycle_job(template) if template and memory.read("namespace", step.namespace) else None
        if template is None or job is None or not job.has(step.verb):
            self.fail(memory, placed, step, run.name, "VerbMissing" if job else MISSING)
            return
        self.make_copy(memory, placed, copy_of(template, job, placed, run.name, step), name)

    def is_imported(self, placed: Placement, step: Step) -> bool:
        """Nobody imports twice: what users wrote since would be lost."""
        outcome = placed.outcomes.get(step) if step.verb == Verb.MIGRATE_IN else None
        return outcome is not None and outcome.result is Result.SUCCEEDED and outcome.epoch == placed.epoch

    def fail(self, memory: Cluster, placed: Placement, step: Step, run: str, reason: str) -> None:
        """Without a copy; what the Job could do when it ran last is kept."""
        before = placed.outcomes.get(step)
        verbs = before.verbs if before else ()
        said = Outcome(step, placed.digest, placed.epoch, run, Result.FAILED, reason=reason, verbs=verbs)
        self.tell(memory, placed.key, placed.state, said)

    def make_copy(self, memory: Cluster, placed: Placement, made: Json, name: str) -> None:
        memory.put("job", name, made)
        copy = read_copy(memory.objects["job", name])
        assert copy is not None
        archive = imports_of(memory.objects["placement", placed.key.dotted]["data"]).get(copy.step)
        if archive:
            self.granted[copy.run, copy.step] = archive
        elif copy.step.verb == Verb.MIGRATE_IN:
            self.stop_copy(memory, name)
            self.fail(memory, placed, copy.step, copy.run, "NoArchive")
            return
        if self.tell(memory, placed.key, placed.state, outcome_of(copy, Result.RUNNING)):
            memory.put("job", name, merged(made, {"spec": {"suspend": False}, "status": {"active": 1}}))
        else:
            self.stop_copy(memory, name)

    def tell(self, memory: Cluster, key: Key, state: State, outcome: Outcome) -> bool:
        """A bridge writes an outcome, fenced by epoch and state."""
        try:
            body = memory.patch(key, outcome_patch(outcome.epoch, state, outcome))
        except TenantctlError:
            return False
        memory.put("placement", key.dotted, body)
        return True

    def end(self, memory: Cluster, copy: Copy, failure: str = "", lost: bool = False) -> None:
        """A copy's Job ends by itself; its bridge, if there still is one, writes the outcome."""
        name = f"{copy.namespace}/{copy.name}"
        raw = memory.read("job", name)
        if raw is None or copy.stopped or copy.suspended:
            return
        ended = {"type": "Failed" if failure else "Complete", "status": "True"}
        memory.put("job", name, merged(raw, {"status": {"active": 0, "conditions": [ended]}}))
        archive = self.does(memory, copy) if failure in ("", HALF) else None
        found = memory.read("run", copy.run)
        if found and self.placed(memory, copy.key) and not read_run(found).completed and not lost:
            said = FailureClass(failure) if failure in set(FailureClass) else None
            result = Result.FAILED if failure else Result.SUCCEEDED
            exported = None if failure else archive
            self.tell(memory, copy.key, copy.state, outcome_of(copy, result, failure=said, archive=exported))

    def does(self, memory: Cluster, copy: Copy) -> Archive | None:
        """What the team's code does."""
        place = Place(self.where(memory), copy.key, copy.namespace)
        if copy.step.verb == Verb.UPSERT:
            self.stores.upsert(place, known=memory.read("placement", copy.key.dotted) is not None)
        elif copy.step.verb == Verb.DECOMMISSION:
            self.stores.drop(place)
        elif copy.step.verb == Verb.MIGRATE_IN:
            self.stores.imported(place, self.granted[copy.run, copy.step].key)
        elif copy.step.verb == Verb.MIGRATE_OUT:
            archive = archive_of(copy)
            self.stores.exported(place, archive.key)
            return archive
        return None

    def end_pods(self, memory: Cluster, copy: Copy, late: bool = False) -> None:
        """The pods of a stopped copy are gone; before that it may have done what it had to."""
        name = f"{copy.namespace}/{copy.name}"
        if late and copy.active:
            self.does(memory, copy)
        memory.put("job", name, merged(memory.objects["job", name], {"status": {"active": 0}}))

    def stop_copy(self, memory: Cluster, name: str) -> None:
        memory.put("job", name, merged(memory.objects["job", name], stop_patch("2027-01-15T08:00:00Z")))

    # -- all goes well ---------------------------------------------------------------------------------------------

    def everything_succeeds(self) -> None:
        for memory, copy in self.unfinished():
            self.end_pods(memory, copy) if copy.stopped else self.end(memory, copy)
        for memory, raw in self.runs():
            self.run_to_its_end(memory, raw)

    def run_to_its_end(self, memory: Cluster, raw: Json) -> None:
        run = read_run(raw)
        while steps := self.start(memory, raw):
            for step in steps:
                self.start_step(memory, raw, step)
            for copy in memory.copies_of_now(run.name):
                self.end_pods(memory, copy) if copy.stopped and not copy.finished else self.end(memory, copy)
        raw = memory.objects["run", run.name]
        if all(copy.finished for copy in memory.copies_of_now(run.name)) and (
            run.shutdown or read_run(raw).phase == "Running"
        ):
            self.complete(memory, raw)


def outcome_of(copy: Copy, result: Result, **fields: Any) -> Outcome:
    return Outcome(copy.step, copy.digest, copy.epoch, copy.run, result, copy.hash, verbs=copy.verbs, **fields)


def archive_of(copy: Copy) -> Archive:
    folder = folder_of(copy.key, copy.epoch, copy.step, copy.run)
    return Archive(f"{folder}/{MANIFEST}", hashlib.sha256(folder.encode()).hexdigest())


def parameters_of(raw: Json) -> dict[str, str]:
    return {item["name"]: item["value"] for item in raw["spec"]["arguments"]["parameters"]}


def verb_of(raw: Json) -> str:
    name: str = raw["spec"].get("workflowTemplateRef", {}).get("name", "tenant-upsert")
    return name.removeprefix("tenant-")


def trusted(memory: Cluster) -> list[LifecycleJob]:
    """The lifecycle Jobs that take part, from the cluster itself."""
    found = (read_lifecycle_job(raw) for raw in memory.all("job") if read_copy(raw) is None)
    return [job for job in found if job and memory.read("namespace", job.namespace)]


def wanted(memory: Cluster, of: Declaration, verb: str = Verb.UPSERT) -> dict[Step, LifecycleJob]:
    """What really is wanted, from the cluster itself."""
    return {job.step(verb): job for job in trusted(memory) if job.has(verb) and of.uses_service(job.namespace)}
