"""SIGTERM: the run was stopped, or only this pod has to go (drain, eviction); the run's own Workflow tells which.

Argo sets `spec.shutdown` before it ends the pods of a run that is stopped or terminated, and the kubelet gives us the
pod's grace period (60 s in our templates). What is left then is done by the reconciler's sweep.
"""

import time

from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.resources import PODS, WORKFLOWS
from reconciler.bridge import copies
from reconciler.bridge.exits import FAILED, REPEAT, StepFailed, Superseded
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import now, write
from reconciler.bridge.say import say
from reconciler.bridge.watch import JOB_NAME
from reconciler.bridge.world import World
from reconciler.core.errors import TenantctlError
from reconciler.core.job_copy import Copy
from reconciler.core.outcome import FailureClass
from reconciler.core.pod import is_over
from reconciler.core.step import Step
from reconciler.core.verdict import failed

PATIENCE_SECONDS = 8.0
PODS_SECONDS = 40.0
COMPLETED = frozenset({"Succeeded", "Failed", "Error"})


def shut_down(kube: Kube, world: World, step: Step) -> int:
    """Stop the copy if the run is over; else leave it alone and ask to be repeated. Returns the exit code."""
    try:
        if not world.trial and not run_is_over(_workflow(kube, world)):
            say("SIGTERM, and the run goes on: the copy is left alone, the next bridge takes it up")
            return REPEAT
        return _stop(kube, world, step)
    except TenantctlError as error:
        say(f"SIGTERM: {error}")
        return REPEAT


def _workflow(kube: Kube, world: World) -> Json | None:
    return patiently(lambda: kube.find(WORKFLOWS, world.namespace, world.run), PATIENCE_SECONDS)


def run_is_over(workflow: Json | None) -> bool:
    """Whether the run's Workflow is gone, being deleted, completed, or told to shut down."""
    if workflow is None or workflow["metadata"].get("deletionTimestamp"):
        return True
    phase = (workflow.get("status") or {}).get("phase")
    return bool((workflow.get("spec") or {}).get("shutdown")) or phase in COMPLETED


def _stop(kube: Kube, world: World, step: Step) -> int:
    try:
        copy = copies.find(kube, world, step)
    except StepFailed:
        copy = None
    if copy and not copy.finished:
        _stop_copy(kube, world, copy)
    say("the run was stopped")
    return FAILED


def _stop_copy(kube: Kube, world: World, copy: Copy) -> None:
    """Suspend, say so in the placement, and wait until no pod is active: whoever starts the next run relies on it."""
    verdict = failed(FailureClass.NEEDS_HUMAN, "Stopped", "the run was stopped")
    stopped = copies.stop(kube, copy, verdict.dump(), PATIENCE_SECONDS)
    try:
        write(kube, world, copy.state, verdict.outcome(stopped, now()))
    except Superseded as error:
        say(str(error))
    quiet = _quiet(kube, copy)
    copies.disarm(kube, copy, PATIENCE_SECONDS)
    if not quiet:
        say(f"pods of copy {copy.namespace}/{copy.name} still end after {PODS_SECONDS:.0f} s")


def _quiet(kube: Kube, copy: Copy) -> bool:
    """Wait for no active pods. A pod that the Job's controller was just making is seen by looking twice."""
    end, looks = time.monotonic() + PODS_SECONDS, 0
    query = {"labelSelector": f"{JOB_NAME}={copy.name}"}
    while looks < 2 and time.monotonic() < end:
        pods = patiently(lambda: list(kube.list(PODS, copy.namespace, **query)), PATIENCE_SECONDS)
        looks = looks + 1 if all(map(is_over, pods)) else 0
        time.sleep(1)
    return looks == 2
