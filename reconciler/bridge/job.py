"""The step of a lifecycle Job, from its copy to its outcome (design §4, *The bridge*).

Any bridge of the same run and step may take over at any line of this: everything it has to know is on the copy.
"""

import signal

from reconciler.adapters.kube import Kube
from reconciler.bridge import copies
from reconciler.bridge.archives import sealed
from reconciler.bridge.exits import DONE, FAILED, StepFailed, Superseded, Terminated, terminate
from reconciler.bridge.placements import now, placement_of, write
from reconciler.bridge.refusal import not_allowed, outcome_of
from reconciler.bridge.say import say
from reconciler.bridge.shutdown import shut_down
from reconciler.bridge.watch import CopyGone, wait
from reconciler.bridge.world import World
from reconciler.core.errors import NotAllowed
from reconciler.core.job_copy import Copy
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.step import Step, Verb
from reconciler.core.verdict import Verdict, failed


def run_job(kube: Kube, world: World, step: Step) -> int:
    """Do the step and return the exit code. Raises transient errors, which mean: repeat me."""
    signal.signal(signal.SIGTERM, terminate)
    try:
        return _run(kube, world, step)
    except Terminated:
        return shut_down(kube, world, step)


def _run(kube: Kube, world: World, step: Step) -> int:
    say(f"{step} for {world.key}, run {world.run}")
    earlier = _imported_by(kube, world, step)
    if earlier:
        say(f"nothing to do: run {earlier} imported it, and what was written since would be lost")
        return DONE
    try:
        copy = _started(kube, world, step)
        return _conclude(kube, world, copy, sealed(world, copy, _waited(kube, copy)))
    except Superseded as error:
        return _superseded(kube, world, step, error)
    except StepFailed as error:
        return _refused(kube, world, step, error)
    except NotAllowed as error:
        if world.trial:
            raise
        return _refused(kube, world, step, StepFailed(not_allowed(step.namespace, error)))


def _imported_by(kube: Kube, world: World, step: Step) -> str:
    """Another run that imported in this epoch; empty where there is none. A placement names its archives to the end."""
    if step.verb != Verb.MIGRATE_IN or world.trial:
        return ""
    placement = placement_of(kube, world)
    outcome = placement.outcomes.get(step)
    done = outcome is not None and outcome.result is Result.SUCCEEDED and outcome.epoch == placement.epoch
    return outcome.run if outcome and done and outcome.run != world.run else ""


def _started(kube: Kube, world: World, step: Step) -> Copy:
    """The step's copy: running, or over since an earlier bridge."""
    copy = copies.find(kube, world, step)
    if copy:
        say(f"copy {copy.namespace}/{copy.name} is taken up again")
    copy = copy or copies.make(kube, world, step)
    if not copy.suspended or copy.stopped or copy.finished:
        return copy
    try:
        copy = copies.begin(kube, world, copy)
    except NotAllowed as error:
        if world.trial:
            raise
        raise StepFailed(not_allowed(step.namespace, error), copy.hash, copy.owner) from error
    except StepFailed as error:
        copies.stop(kube, copy, error.verdict.dump())
        raise StepFailed(error.verdict, copy.hash, copy.owner) from error
    say(f"copy {copy.namespace}/{copy.name} runs; its log follows")
    return copy


def _waited(kube: Kube, copy: Copy) -> Verdict:
    try:
        return wait(kube, copy)
    except CopyGone:
        text = f"Job {copy.namespace}/{copy.name} was deleted while it ran"
        return failed(FailureClass.TRANSIENT, "CopyDeleted", text)


def _conclude(kube: Kube, world: World, copy: Copy, verdict: Verdict) -> int:
    copies.disarm(kube, copy)
    write(kube, world, copy.state, verdict.outcome(copy, now()))
    return _report(verdict, copy.owner)


def _report(verdict: Verdict, owner: str) -> int:
    good = verdict.result is Result.SUCCEEDED
    why = [verdict.reason, verdict.message, "" if good or not owner else f"owner: {owner}"]
    say(": ".join([verdict.result.value, *filter(None, why)]))
    return DONE if good else FAILED


def _superseded(kube: Kube, world: World, step: Step, error: Superseded) -> int:
    """Fenced: the placement belongs to another epoch now, so there is nobody to write an outcome to."""
    say(str(error))
    copy = copies.find(kube, world, step)
    if copy and not copy.finished and not copy.stopped:
        copies.stop(kube, copy, failed(FailureClass.NEEDS_HUMAN, "Superseded", str(error)).dump())
        copies.disarm(kube, copy)
        say(f"copy {copy.namespace}/{copy.name} is stopped")
    return FAILED


def _refused(kube: Kube, world: World, step: Step, error: StepFailed) -> int:
    """Failed without a copy, or without the right to watch it: the outcome says why."""
    placement = placement_of(kube, world)
    outcome: Outcome = outcome_of(error, placement, world.run, step, now())
    try:
        write(kube, world, placement.state, outcome)
    except Superseded as fenced:
        say(str(fenced))
    return _report(error.verdict, error.owner)
