"""Copies: the Jobs that bridges make from lifecycle Jobs, one per run and step, in the lifecycle Job's own namespace.

A copy carries on itself what a bridge that lost its process has to know again (run, step, hash, and the placement as it
was read), so any later bridge of the same run adopts it by name. `core.injection` says what its containers are given.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core import labels
from reconciler.core.grant import is_granted
from reconciler.core.injection import Injection, inject
from reconciler.core.lifecycle_job import LifecycleJob, is_copy
from reconciler.core.names import Key
from reconciler.core.placement import Placement, State
from reconciler.core.step import Step, suffix

Json = dict[str, Any]

NAME_CUT = 40
TTL_SECONDS = 86400
DEADLINE_SECONDS = 3600
DROPPED = ("suspend", "selector", "manualSelector", "managedBy")
KUEUE = "kueue.x-k8s.io/"
GENERATED = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)
TRACKING = ("argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "kapp.k14s.io/")
INSTANCE = "/instance"  # app.kubernetes.io/instance, and what Argo CD's application.instanceLabelKey is often set to


@dataclass(frozen=True, slots=True)
class Copy:
    """What is known of one copy. `active` counts pods that run, or that are still ending. `kind`: copy or trial."""

    namespace: str
    name: str
    uid: str
    key: Key
    run: str
    step: Step
    suspended: bool
    active: int
    complete: bool
    failed: bool
    stopped: bool
    stopped_at: str = ""
    secret: bool = False
    hash: str = ""
    owner: str = ""
    verbs: tuple[str, ...] = ()
    digest: str = ""
    epoch: int = 0
    state: State = State.ACTIVE
    verdict: str = ""
    reason: str = ""
    message: str = ""
    resource_version: str = ""
    deadline: int = DEADLINE_SECONDS
    kind: str = labels.COPY

    @property
    def finished(self) -> bool:
        """Whether nothing of it runs any more, nor will (design §5, *Over*)."""
        return self.complete or self.failed or (self.stopped and self.active == 0)


def read_copy(raw: Json) -> Copy | None:
    """The copy, or None when the Job is none of ours or somebody damaged its marks."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    marks, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if not is_copy(metadata):
        return None
    conditions = {c["type"]: c for c in status.get("conditions") or [] if c.get("status") == "True"}
    failure = conditions.get("Failed") or {}
    try:
        return Copy(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            key=Key.parse(f"{marks[labels.TENANT]}/{marks[labels.ENVIRONMENT]}"),
            run=marks[labels.RUN],
            step=Step.parse(notes[labels.STEP]),
            suspended=spec.get("suspend") is True,
            active=int(status.get("active") or 0) + int(status.get("terminating") or 0),
            complete="Complete" in conditions,
            failed="Failed" in conditions,
            stopped=labels.STOPPED in marks,
            stopped_at=notes.get(labels.STOPPED_AT, ""),
            secret=labels.SECRET in notes,
            hash=notes.get(labels.HASH, ""),
            owner=notes.get(labels.OWNER, ""),
            verbs=tuple(filter(None, notes.get(labels.VERBS, "").split(","))),
            digest=notes.get(labels.DIGEST, ""),
            epoch=int(notes.get(labels.EPOCH, "0")),
            state=State(notes.get(labels.STATE, State.ACTIVE)),
            verdict=notes.get(labels.VERDICT, ""),
            reason=failure.get("reason", ""),
            message=failure.get("message", ""),
            resource_version=metadata.get("resourceVersion", ""),
            deadline=int(spec.get("activeDeadlineSeconds") or DEADLINE_SECONDS),
            kind=marks[labels.KIND],
        )
    except (KeyError, ValueError):
        return None


def genuine(copy: Copy, steps: Container[Step]) -> bool:
    """Whether a Job that says it is a copy is one: of a step that was claimed or has an outcome, where it belongs.

    Labels prove nothing: any namespace can have a Job with ours.
    """
    where = (copy.namespace, copy.name) == (copy.step.namespace, copy_name(copy.step.name, copy.run, copy.step))
    return where and copy.step in steps


def copy_name(job: str, run: str, step: Step) -> str:
    """`<Job, cut to 40>-<13 base32 of sha256(run, step)>`: at most 54 characters, so pods' names and labels fit."""
    return f"{job[:NAME_CUT].rstrip('-.')}-{suffix(run, str(step))}"


def kueue_managed(template: Json) -> bool:
    """Whether Kueue decides when the Job may start: it would suspend and resume a copy against our will."""
    metadata, spec = template["metadata"], template.get("spec") or {}
    marks = [*(metadata.get("labels") or {}), *(metadata.get("annotations") or {}), spec.get("managedBy")]
    return any(str(mark).startswith(KUEUE) for mark in marks)


def copy_of(
    template: Json,
    job: LifecycleJob,
    placement: Placement,
    run: str,
    step: Step,
    kind: str = labels.COPY,
    asked: Mapping[str, Any] | None = None,
) -> Json:
    """The suspended copy of a lifecycle Job for one environment, by the copy rules of design §4.

    `template` is the live object, with all that the API server and Argo CD put there; `asked`: see `Injection`.
    """
    name = copy_name(job.name, run, step)
    marks = _marks(placement.key, run, step)
    spec = {key: value for key, value in template["spec"].items() if key not in DROPPED}
    spec |= {"suspend": True, "ttlSecondsAfterFinished": TTL_SECONDS}
    spec.setdefault("activeDeadlineSeconds", DEADLINE_SECONDS)
    spec["template"] = _pod_template(spec["template"], marks, Injection(placement, run, step, name, asked or {}))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": job.namespace,
            "labels": kept_labels(template["metadata"].get("labels")) | marks | labels.managed(kind),
            "annotations": _notes(job, placement, step),
        },
        "spec": spec,
    }


def _pod_template(template: Json, marks: dict[str, str], injection: Injection) -> Json:
    metadata = template.get("metadata") or {}
    kept: Json = {"labels": kept_labels(metadata.get("labels")) | marks}
    if metadata.get("annotations"):
        kept["annotations"] = metadata["annotations"]
    return {"metadata": kept, "spec": inject(template["spec"], injection)}


def kept_labels(found: Mapping[str, str] | None) -> dict[str, str]:
    """Labels without those that a controller generated or tracks by: two owners would fight over the copy."""
    return {key: value for key, value in (found or {}).items() if not _foreign(key)}


def _foreign(key: str) -> bool:
    return key in GENERATED or key.startswith(TRACKING) or key.endswith(INSTANCE)


def _marks(key: Key, run: str, step: Step) -> dict[str, str]:
    return {
        labels.TENANT: key.tenant,
        labels.ENVIRONMENT: key.environment,
        labels.RUN: run,
        labels.VERB: step.verb,
        labels.MANAGED_BY: labels.MANAGER,
    }


def _notes(job: LifecycleJob, placement: Placement, step: Step) -> dict[str, str]:
    notes = {
        labels.STEP: str(step),
        labels.TEMPLATE: job.name,
        labels.HASH: job.hash,
        labels.VERBS: ",".join(job.verbs),
        labels.DIGEST: placement.digest,
        labels.EPOCH: str(placement.epoch),
        labels.STATE: placement.state.value,
    }
    more = {labels.OWNER: job.owner} if job.owner else {}
    return notes | more | ({labels.SECRET: "true"} if is_granted(step) else {})


def resume_patch(copy: Copy) -> Json:
    """The merge patch that lets it run, guarded: whoever stopped it in between wins (409)."""
    return {"metadata": {"resourceVersion": copy.resource_version}, "spec": {"suspend": False}}


def stop_patch(now: str, verdict: str = "") -> Json:
    """The merge patch that suspends a copy for good; `now` in RFC 3339. Used by bridges and by the sweep alike.

    `verdict` is what the bridge decided it on (`core.verdict`), kept for a bridge that adopts the copy.
    """
    notes = {labels.STOPPED_AT: now} | ({labels.VERDICT: verdict} if verdict else {})
    return {"metadata": {"labels": {labels.STOPPED: "true"}, "annotations": notes}, "spec": {"suspend": True}}
