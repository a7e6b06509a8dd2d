"""A step's copy in the cluster: found or made, equipped and started, stopped for good.

Every function may be repeated, and may be met by another bridge of the same step that is slow to die: names are made
from run and step, so both work on the same objects, and the one that starts the copy is guarded by its version.
"""

import time

from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, SECRETS, Resource
from reconciler.bridge.archives import granted, store_of
from reconciler.bridge.exits import StepFailed, Superseded
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import now, placement_of, write
from reconciler.bridge.refusal import not_allowed
from reconciler.bridge.say import say
from reconciler.bridge.world import World
from reconciler.core import labels
from reconciler.core.discovery import distrust
from reconciler.core.errors import AlreadyExists, Conflict, NotAllowed, NotFound, TenantctlError, Unavailable
from reconciler.core.injection import Injection, files_of, grant_of
from reconciler.core.job_copy import Copy, copy_name, copy_of, kueue_managed, read_copy, resume_patch, stop_patch
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.placement import Placement
from reconciler.core.step import Step
from reconciler.core.verdict import failed
from reconciler.core.wanted import LAST, LAST_SECONDS

MISSING_SECONDS = 20.0  # Argo CD's Force+Replace deletes a Job and makes it again


def find(kube: Kube, world: World, step: Step) -> Copy | None:
    """The step's copy, if there is one. Raises StepFailed when something else has its name."""
    name = copy_name(step.name, world.run, step)
    raw = patiently(lambda: kube.find(JOBS, step.namespace, name))
    return None if raw is None else _ours(raw, world, step)


def _ours(raw: Json, world: World, step: Step) -> Copy:
    copy, where = read_copy(raw), f"{step.namespace}/{raw['metadata']['name']}"
    if copy is None or (copy.run, copy.step, copy.key) != (world.run, step, world.key):
        raise _refused("NameTaken", f"Job {where} exists and is not this step's copy; delete it")
    if raw["metadata"].get("deletionTimestamp"):
        raise Unavailable(f"copy {where} is being deleted")
    return copy


def make(kube: Kube, world: World, step: Step) -> Copy:
    """Create the suspended copy. Raises StepFailed when the lifecycle Job or its namespace does not allow it."""
    placement = placement_of(kube, world)
    _admit(placement, step)
    store_of(world, step)
    raw, job = lifecycle_job(kube, world, step)
    kind = labels.TRIAL if world.trial else labels.COPY
    body = copy_of(raw, job, placement, world.run, step, kind, world.parameters)
    try:
        made = patiently(lambda: kube.create(JOBS, step.namespace, body))
    except AlreadyExists:
        made = patiently(lambda: kube.get(JOBS, step.namespace, body["metadata"]["name"]))
    except NotAllowed as error:
        if world.trial:
            raise
        raise StepFailed(not_allowed(step.namespace, error), job.hash, job.owner) from error
    except TenantctlError as error:
        if error.transient:
            raise
        raise _refused("CopyRefused", f"the API server refused the copy: {error}", job) from error
    return _ours(made, world, step)


def _admit(placement: Placement, step: Step) -> None:
    """A state that admits the verb. Nothing is written otherwise: the placement is none of this run's business."""
    if not placement.admits(step):
        raise Superseded(
            f"Superseded: the placement of {placement.key} is {placement.state}, which admits no {step.verb}"
        )


def lifecycle_job(kube: Kube, world: World, step: Step) -> tuple[Json, LifecycleJob]:
    """The live Job that the step copies, and what it says. Raises StepFailed, with what to do about it."""
    raw, job = _wait_for(kube, world, step)
    _trust(kube, world, job)
    if kueue_managed(raw):
        text = "is managed by Kueue, which would start and stop its copies; remove its kueue.x-k8s.io labels"
        raise _refused("KueueManaged", f"Job {step.namespace}/{step.name} {text}", job)
    if not job.has(step.verb):
        raise _refused("VerbMissing", f"Job {step.namespace}/{step.name} does not have the verb {step.verb}", job)
    return raw, job


def _trust(kube: Kube, world: World, job: LifecycleJob) -> None:
    """The namespace takes part. A trial only says so: the server decides what its caller may do."""
    try:
        space = patiently(lambda: kube.get(NAMESPACES, None, job.namespace))
    except NotAllowed as error:
        if not world.trial:
            raise
        say(f"whether production would run it is not known: {error}")
        return
    trusted = (space["metadata"].get("labels") or {}).get(labels.LIFECYCLE) == labels.ENABLED
    why = distrust(job, {job.namespace} if trusted else frozenset())
    if why and world.trial:
        say(f"production would not run it: {why}")
    elif why:
        raise _refused("NotTrusted", f"Job {job.namespace}/{job.name}: {why}", job)


def _wait_for(kube: Kube, world: World, step: Step) -> tuple[Json, LifecycleJob]:
    end, said = time.monotonic() + (LAST_SECONDS if step.verb in LAST else MISSING_SECONDS), ""
    while True:
        raw = patiently(lambda: kube.find(JOBS, step.namespace, step.name))
        job = read_lifecycle_job(raw, world.annotations) if raw else None
        if raw and job:
            return raw, job
        why = "is no suspended, annotated Job" if raw else "does not exist"
        if time.monotonic() > end:
            raise _refused("LifecycleJobMissing", f"Job {step.namespace}/{step.name} {why}")
        if why != said:
            say(f"Job {step.namespace}/{step.name} {why}; waiting for it")
        said = why
        time.sleep(2)


def begin(kube: Kube, world: World, copy: Copy) -> Copy:
    """Give the suspended copy its files, write the outcome Running, let it run. Raises Superseded.

    Rights that only show later are asked for first, so that nothing runs that cannot be watched.
    """
    placement = placement_of(kube, world)
    if (placement.epoch, placement.state, placement.digest) != (copy.epoch, copy.state, copy.digest):
        raise Superseded(f"Superseded: the placement of {world.key} changed before the copy ran")
    patiently(lambda: kube.request("GET", PODS.path(copy.namespace), {"limit": 1}))
    given, grant = Injection(placement, copy.run, copy.step, copy.name, world.parameters), granted(kube, world, copy)
    if grant:
        _equip(kube, SECRETS, grant_of(given, copy.namespace, copy.uid, grant))
    _equip(kube, CONFIG_MAPS, files_of(given, copy.namespace, copy.uid))
    write(kube, world, copy.state, running(copy))
    return _resume(kube, world, copy)


def _resume(kube: Kube, world: World, copy: Copy) -> Copy:
    """Let it run, unless somebody stopped it since it was read; the Job's controller writes its status meanwhile."""
    while copy.suspended and not copy.stopped:
        patch = resume_patch(copy)
        try:
            raw = patiently(lambda: kube.merge(JOBS, copy.namespace, copy.name, patch))  # noqa: B023 - called at once
        except Conflict:
            raw = patiently(lambda: kube.get(JOBS, copy.namespace, copy.name))  # noqa: B023 - called at once
        copy = _ours(raw, world, copy.step)
    return copy


def _equip(kube: Kube, resource: Resource, body: Json) -> None:
    """Create it. The copy is suspended, so one that is there is left from a bridge that died: it is made again."""
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    try:
        patiently(lambda: kube.create(resource, namespace, body))
    except AlreadyExists:
        patiently(lambda: kube.delete(resource, namespace, name))
        patiently(lambda: kube.create(resource, namespace, body))


def disarm(kube: Kube, copy: Copy, seconds: float | None = None) -> None:
    """Delete the Secret of a copy that has finished: its URLs are of no use any more, and good for longer."""
    if copy.secret:
        patiently(lambda: kube.delete(SECRETS, copy.namespace, copy.name), seconds)


def running(copy: Copy) -> Outcome:
    """The outcome of a step that has begun."""
    return Outcome(
        copy.step, copy.digest, copy.epoch, copy.run, Result.RUNNING, hash=copy.hash, owner=copy.owner,
        verbs=copy.verbs, at=now(),
    )  # fmt: skip


def stop(kube: Kube, copy: Copy, verdict: str = "", seconds: float = 20.0) -> Copy:
    """Suspend the copy for good and mark it, unless it is gone; return it as it is then."""
    patch = stop_patch(now(), verdict)
    try:
        raw = patiently(lambda: kube.merge(JOBS, copy.namespace, copy.name, patch), seconds)
    except NotFound:
        return copy
    return read_copy(raw) or copy


def _refused(reason: str, message: str, job: LifecycleJob | None = None) -> StepFailed:
    verdict = failed(FailureClass.NEEDS_HUMAN, reason, message)
    return StepFailed(verdict, job.hash if job else "", job.owner if job else "")
