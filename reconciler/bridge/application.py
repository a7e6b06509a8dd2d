"""The step of an application: what is declared is brought to Argo CD, one sync of it is asked for and waited for; or
the application is deleted with everything that it deployed (design §6, *applications*).

Every look begins with what Argo CD says now and does the one next thing, so any bridge of the same run and step may
take over at any line of this. What is not done yet is kept in the placement as the outcome Running, with why.
"""

import random
import signal
import time
from collections.abc import Callable

from reconciler.adapters.argocd import ArgoCD, connect
from reconciler.adapters.kube import Kube
from reconciler.bridge.exits import DONE, FAILED, REPEAT, StepFailed, Superseded, Terminated, terminate
from reconciler.bridge.look import Task, Upsert, Waiting, provide_namespace, taken_away
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import placement_of, write
from reconciler.bridge.say import say
from reconciler.bridge.shutdown import PATIENCE_SECONDS, goes_on
from reconciler.bridge.world import World
from reconciler.core.application import Home, NotWanted, order_of
from reconciler.core.application_status import in_progress
from reconciler.core.errors import (
    AlreadyExists,
    Conflict,
    NotAllowed,
    NotFound,
    TenantctlError,
    Unavailable,
    UsageError,
)
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.placement import Placement
from reconciler.core.step import Step, Verb
from reconciler.core.verdict import Verdict, failed

SILENCE_SECONDS = 900.0  # of Argo CD, before the attempt is given up; the reconciler makes another one
PATIENCE = {Verb.UPSERT.value: 1800.0, Verb.DECOMMISSION.value: 1800.0}
FIRST, LONGEST = 0.5, 5.0
NOT_SET_UP = "no Argo CD is set up here: tenantctl install --argo-cd URL --argo-cd-token FILE"


def run_application(kube: Kube, world: World, step: Step) -> int:
    """Do the step and return the exit code. Raises transient errors of the cluster's, which mean: repeat me."""
    signal.signal(signal.SIGTERM, terminate)
    say(f"{step} for {world.key}, run {world.run}")
    task: Task | None = None
    try:
        task = _task(placement_of(kube, world), world, step)
        return _ended(kube, world, task, _done(kube, world, task))
    except Terminated:
        return _shut_down(kube, world, task) if task else REPEAT
    except Superseded as error:
        say(str(error))
        return FAILED


def _task(placement: Placement, world: World, step: Step) -> Task:
    """Raises Superseded: nothing is written, for the placement is none of this run's business."""
    try:
        order = order_of(placement, step)
    except NotWanted as error:
        raise Superseded(f"Superseded: {error}, which admits no {step}") from error
    home = Home(world.argo_cd_project, world.argo_cd_cluster)
    return Task(order, home, placement.digest, placement.epoch, placement.state, world.run)


def _done(kube: Kube, world: World, task: Task) -> Verdict:
    """The verdict, once there is one."""
    try:
        argo = _argo_cd(world)
        try:
            if task.order.step.verb == Verb.DECOMMISSION:
                return _until(kube, world, task, lambda: taken_away(argo, task))
            provide_namespace(kube, task)
            return _until(kube, world, task, Upsert(argo, task).look)
        finally:
            argo.close()
    except StepFailed as error:
        return error.verdict


def _argo_cd(world: World) -> ArgoCD:
    if not world.argo_cd:
        raise StepFailed(failed(FailureClass.NEEDS_HUMAN, "ArgoCDNotSetUp", NOT_SET_UP))
    try:
        return connect(world.argo_cd, world.argo_cd_credentials)
    except UsageError as error:
        raise StepFailed(failed(FailureClass.NEEDS_HUMAN, "ArgoCDNotSetUp", str(error))) from error


# -- waiting -----------------------------------------------------------------------------------------------------------


def _until(kube: Kube, world: World, task: Task, look: Callable[[], Verdict | Waiting]) -> Verdict:
    """Look again until there is a verdict; what is waited for is said whenever it changes."""
    end, wait, told = time.monotonic() + PATIENCE[task.order.step.verb], FIRST, ("", "")
    heard = time.monotonic()
    while True:
        found = _looked(look, heard)
        if isinstance(found, Verdict):
            return found
        if found != told:
            told, wait = found, FIRST
            _tell(kube, world, task, found)
        heard = heard if found[0] == "ArgoCDUnavailable" else time.monotonic()
        if time.monotonic() > end:
            return failed(
                None, "DeadlineExceeded", f"not finished after {PATIENCE[task.order.step.verb]:.0f} s: {found[1]}"
            )
        time.sleep(wait * random.uniform(0.7, 1))  # noqa: S311 - jitter, no secret
        wait = min(LONGEST, wait * 1.5)


def _looked(look: Callable[[], Verdict | Waiting], heard: float) -> Verdict | Waiting:
    """One look; which errors are waited out, and which end the step."""
    try:
        return look()
    except StepFailed as error:
        return error.verdict
    except Unavailable as error:
        if time.monotonic() - heard > SILENCE_SECONDS:
            return failed(FailureClass.TRANSIENT, "ArgoCDUnavailable", str(error))
        return "ArgoCDUnavailable", str(error)
    except (Conflict, AlreadyExists) as error:
        return "ArgoCDBusy", str(error)
    except NotAllowed as error:
        remedy = "the token needs get, create, update, delete and sync on the project's applications (docs/argo-cd.md)"
        return failed(FailureClass.NEEDS_HUMAN, "ArgoCDNotAllowed", f"{error}; {remedy}")
    except TenantctlError as error:
        return failed(None, "ArgoCDRefused", str(error))


def _tell(kube: Kube, world: World, task: Task, found: Waiting) -> None:
    say(": ".join(found))
    write(kube, world, task.state, task.outcome(Verdict(Result.RUNNING, reason=found[0], message=found[1])))


# -- the end -----------------------------------------------------------------------------------------------------------


def _ended(kube: Kube, world: World, task: Task, verdict: Verdict) -> int:
    write(kube, world, task.state, task.outcome(verdict))
    good = verdict.result is Result.SUCCEEDED
    say(": ".join(filter(None, [verdict.result.value, verdict.reason, verdict.message])))
    return DONE if good else FAILED


def _shut_down(kube: Kube, world: World, task: Task) -> int:
    """End our operation if the run is over; else leave it alone and ask to be repeated."""
    try:
        if goes_on(kube, world):
            say("SIGTERM, and the run goes on: the operation is left alone, the next bridge takes it up")
            return REPEAT
        said = _terminated(world, task)
        return _ended(kube, world, task, failed(FailureClass.NEEDS_HUMAN, "Stopped", f"the run was stopped{said}"))
    except TenantctlError as error:
        say(f"SIGTERM: {error}")
        return REPEAT


def _terminated(world: World, task: Task) -> str:
    """What was left of the operation; a deletion that has begun cannot be taken back."""
    if task.order.step.verb == Verb.DECOMMISSION:
        return "; a deletion that has begun goes on in Argo CD"
    try:
        argo = _argo_cd(world)
    except StepFailed:
        return ""
    try:
        live = patiently(lambda: argo.find(task.home.project, task.order.name), PATIENCE_SECONDS)
        if live is None or not in_progress(live, task.mark):
            return ""
        argo.terminate(task.home.project, task.order.name)
        return " and its operation in Argo CD too"
    except NotFound:
        return ""
    except TenantctlError as error:
        return f"; its operation in Argo CD may go on: {error}"
    finally:
        argo.close()
