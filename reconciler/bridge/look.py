"""One look at an application in Argo CD, which does the one next thing that brings it to where the step wants it.

A look begins with what Argo CD says now, so it may be repeated, by this bridge or the next; `bridge.application` does.
"""

from contextlib import suppress
from dataclasses import dataclass

from reconciler.adapters.argocd import ArgoCD
from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.resources import NAMESPACES
from reconciler.bridge.exits import StepFailed
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import now
from reconciler.core import labels
from reconciler.core.application import (
    Home,
    Order,
    is_ours,
    manifest,
    namespace_belongs,
    namespace_is_ours,
    namespace_of,
    replaced,
)
from reconciler.core.application_status import MARK, Judgement, Stage, deletion, judge, succeeded
from reconciler.core.errors import AlreadyExists, NotAllowed, NotFound
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.placement import State
from reconciler.core.verdict import Verdict, failed

Waiting = tuple[str, str]  # reason and message


@dataclass(frozen=True, slots=True)
class Task:
    """One step with everything that it needs; `mark` is how it knows its own operation again."""

    order: Order
    home: Home
    digest: str
    epoch: int
    state: State
    run: str

    @property
    def mark(self) -> str:
        """What Argo CD notes on the operation that we ask for."""
        return f"{self.run} {self.order.step}"

    def outcome(self, verdict: Verdict) -> Outcome:
        """The outcome of the step, about what was declared when it began."""
        return Outcome(
            step=self.order.step, digest=self.digest, hash=self.order.digest, epoch=self.epoch, run=self.run,
            result=verdict.result, failure=verdict.failure, reason=verdict.reason, message=verdict.message,
            outputs=verdict.outputs, entry=self.order.entry, at=now(),
        )  # fmt: skip


class Upsert:
    """One upsert: what it has seen, so that an operation that succeeded is not asked for again."""

    def __init__(self, argo: ArgoCD, task: Task) -> None:
        self.argo, self.task, self.synced = argo, task, False

    def look(self) -> Verdict | Waiting:
        """Do the next thing that brings the application to what is declared."""
        live = self._brought()
        if isinstance(live, tuple):
            return live
        self.synced = self.synced or succeeded(live, self.task.mark)
        found = judge(live, self.task.mark, self.synced)
        if found.stage is Stage.ASK:
            self.argo.sync(self.task.home.project, self.task.order.name, (MARK, self.task.mark))
            return "Syncing", "asked Argo CD for a sync"
        if found.stage is Stage.END:
            with suppress(NotFound):  # it has ended by itself meanwhile
                self.argo.terminate(self.task.home.project, self.task.order.name)
        if found.stage is Stage.FAILED:
            return failed(None, "SyncFailed", f"application {self.task.order.name}: {found.message}")
        if found.stage is Stage.DONE:
            return self._verdict(found)
        return "Syncing", found.message

    def _brought(self) -> Json | Waiting:
        """The live application when it says what is declared; else it is made to, and looked at again."""
        project, name = self.task.home.project, self.task.order.name
        live, wanted = self.argo.find(project, name), manifest(self.task.order, self.task.home)
        if live is None:
            self.argo.create(wanted)
            return "Syncing", f"application {name} created"
        if not is_ours(live, self.task.order.key):
            raise _not_ours(self.task)
        if live["metadata"].get("deletionTimestamp"):
            return "Deleting", f"an earlier application {name} is in the way: {deletion(live)}"
        changed = replaced(live, wanted)
        if changed is None:
            return live
        self.synced = False
        self.argo.replace(project, changed)
        return "Syncing", f"application {name} brought up to date"

    def _verdict(self, found: Judgement) -> Verdict:
        name = self.task.order.name
        outputs = {"application": name, "revision": found.revision, "url": f"{self.argo.url}/applications/{name}"}
        return Verdict(Result.SUCCEEDED, message=f"application {name}: {found.message}", outputs=outputs)


def taken_away(argo: ArgoCD, task: Task) -> Verdict | Waiting:
    """Do the next thing that takes the application away: it is gone when all that it deployed is gone."""
    project, name = task.home.project, task.order.name
    live = argo.find(project, name)
    if live is None:
        return Verdict(Result.SUCCEEDED, message=f"application {name} is gone")
    if not is_ours(live, task.order.key):
        raise _not_ours(task)
    if not live["metadata"].get("deletionTimestamp"):
        argo.delete(project, name)
        return "Deleting", f"asked Argo CD to delete application {name} and what it deployed"
    return "Deleting", deletion(live)


def provide_namespace(kube: Kube, task: Task) -> None:
    """Make sure that the namespace is there, and this environment's by name and by labels. Raises StepFailed."""
    name, key = task.order.namespace, task.order.key
    if not namespace_belongs(key, name):
        base = f"{key.tenant}-{key.environment}"
        text = f"namespace {name} is not this environment's; write {base}, or a name that begins with {base}-"
        raise StepFailed(failed(FailureClass.USER, "NamespaceNotOurs", text))
    live = patiently(lambda: kube.find(NAMESPACES, None, name)) or _created(kube, task)
    if not namespace_is_ours(live, key):
        mine = f"{labels.TENANT}={key.tenant} {labels.ENVIRONMENT}={key.environment}"
        text = f"namespace {name} exists and is not marked as this environment's; if it is, the platform marks it"
        remedy = f"kubectl label namespace {name} {mine}"
        raise StepFailed(failed(FailureClass.NEEDS_HUMAN, "NamespaceNotOurs", f"{text}: {remedy}"))


def _created(kube: Kube, task: Task) -> Json:
    try:
        return patiently(lambda: kube.create(NAMESPACES, None, namespace_of(task.order)))
    except AlreadyExists:
        return patiently(lambda: kube.get(NAMESPACES, None, task.order.namespace))
    except NotAllowed as error:
        raise StepFailed(failed(FailureClass.NEEDS_HUMAN, "NotAllowed", str(error))) from error


def _not_ours(task: Task) -> StepFailed:
    text = f"application {task.order.name} exists in Argo CD and is not marked as this environment's; it is left alone"
    return StepFailed(failed(FailureClass.NEEDS_HUMAN, "ApplicationNotOurs", text))
