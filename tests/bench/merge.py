"""From a merge to the Workflow object, with a local repository: the controller's way, against the bare API writes.

The floor is what any tool has to do: create a record and a placement, write the claim, POST a Workflow. Goal: the merge
is launched within 2 s. Uses the tests' cluster (`python -m tests.cluster up --name test`) and leaves nothing in it.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.adapters.kube.resources import CONFIG_MAPS, WORKFLOWS
from reconciler.adapters.kube.state import Records, RegionState
from reconciler.controller import launch
from reconciler.core.action import Action, ActionKind
from reconciler.core.condition import READY
from reconciler.core.names import Key
from reconciler.core.record import Record, condition
from reconciler.core.step import Kind, Step
from tests import cluster
from tests.core.fleet import declaration
from tests.e2e.conftest import NAME, install
from tests.e2e.controller import start
from tests.e2e.fleet import REGION, regions
from tests.e2e.lab import CONTROL, WORKFLOW, Lab
from tests.e2e.repository import Repository
from tests.e2e.service import QUICK, lifecycle_job

ROUNDS = 5
PATIENCE = 180


def floor(lab: Lab) -> float:
    """The five writes of a launch, one after the other, in seconds; the run is of no service, and deleted."""
    records, region = Records(lab.kube, CONTROL), RegionState(lab.kube, WORKFLOW)
    of = declaration(Key(lab.name("floor"), "production"), services=["none"])
    steps = (Step(Kind.JOB, "upsert", ("none", "none")),)
    started = time.perf_counter()
    record, _ = launch.save(records, launch.new_record(of, None))
    action = Action(
        of.key, ActionKind.UPSERT, "", REGION, of.digest, steps=steps, site=REGION, epoch=record.epoch, declaration=of
    )
    _, placement = launch.place(region, action, None, "c0ffee")
    claim = replace(launch.claim_of(record, action, placement, "c0ffee", time.time()), run=f"{of.key.tenant}-floor")
    record, _ = launch.save(records, launch.claimed(record, action, claim))
    launch.post(region, record, None)
    launch.save(records, launch.noted(record))
    spent = time.perf_counter() - started
    clean(lab, of.key)
    return spent


def merged(lab: Lab, repository: Repository, service: str) -> float:
    """From `git merge` to the Workflow object, in seconds."""
    key = f"{lab.name('merge')}/production"
    with repository.locked():
        repository.git("checkout", "--quiet", "-b", "change")
        repository.declare(key, {"region": REGION, "services": [service], "parameters": {"seats": 1}})
        repository.git("checkout", "--quiet", "main")
        started = time.perf_counter()
        repository.git("merge", "--quiet", "--no-edit", "--no-ff", "change")
        repository.git("branch", "--quiet", "-D", "change")
    spent = awaited(lambda: lab.runs(key), f"a run of {key}", started)
    awaited(lambda: is_ready(lab.record(key)), f"{key} Ready", time.perf_counter())
    return spent


def is_ready(record: Record | None) -> bool:
    """Whether a run is over, so that it does not slow the next round."""
    ready = condition(record, READY) if record else None
    return ready is not None and ready.status


def awaited(probe: Callable[[], Any], what: str, started: float) -> float:
    """The seconds since `started` until the probe finds something, looking every 10 ms, for a few minutes at most."""
    while time.perf_counter() - started < PATIENCE:
        if probe():
            return time.perf_counter() - started
        time.sleep(0.01)
    raise SystemExit(f"after {PATIENCE} s still not: {what}")


def clean(lab: Lab, key: Key) -> None:
    """Delete an environment's runs, placement and record."""
    for run in lab.runs(str(key)):
        lab.kube.delete(WORKFLOWS, WORKFLOW, run["metadata"]["name"])
    lab.kube.delete(CONFIG_MAPS, WORKFLOW, key.dotted)
    lab.kube.delete(CONFIG_MAPS, CONTROL, key.dotted)


def main() -> int:
    """Print both medians and their ratio."""
    lab = Lab(cluster.find(NAME) or cluster.up(NAME))
    install(lab.cluster)
    floors = [floor(lab) for _ in range(ROUNDS)]
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder) / "repository", regions(lab.cluster.context))
        service = lab.service("bench")
        lab.add_job(service, lifecycle_job(service, "bench", QUICK))
        controller = start(repository.folder, lab.cluster.kubeconfig, lab.cluster.context, Path(folder) / "log")
        try:
            controller.wait_ready()
            merges = [merged(lab, repository, service) for _ in range(ROUNDS)]
        finally:
            controller.stop()
            lab.sweep()
    ours, bare = statistics.median(merges), statistics.median(floors)
    print(
        f"merge to Workflow {ours:.2f} s (worst {max(merges):.2f}), bare writes {bare:.2f} s, ratio {ours / bare:.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
