"""Discovery: which lifecycle Jobs take part, and which of them an environment uses.

The bridge's `discover` stage, the reconciler's planning and `jobs list` ask the same functions, so they agree.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core import labels
from reconciler.core.declaration import uses_service
from reconciler.core.job_copy import kueue_managed
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.step import Step

Json = dict[str, Any]

# Selects Jobs; annotations cannot be selected.
COPIES_LEFT_OUT = f"{labels.KIND}!={labels.COPY},{labels.KIND}!={labels.TRIAL}"


def steps_of(
    jobs: Iterable[LifecycleJob], enabled: Collection[str], spec: Mapping[str, Any], verb: str
) -> dict[Step, LifecycleJob]:
    """The steps of one verb for an environment: of trusted Jobs that have the verb and whose service it uses."""
    chosen = (job for job in jobs if job.namespace in enabled and job.has(verb) and uses_service(spec, job.namespace))
    return {job.step(verb): job for job in sorted(chosen, key=lambda job: (job.namespace, job.name))}


def hashes_of(jobs: Iterable[LifecycleJob]) -> dict[Step, str]:
    """Every step that these Jobs offer, of all verbs, with the Job's hash."""
    ordered = sorted(jobs, key=lambda job: (job.namespace, job.name))
    return {job.step(verb): job.hash for job in ordered for verb in job.verbs}


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A lifecycle Job, or one that means to be one, and why it would not be run; empty when it would be."""

    job: LifecycleJob
    trouble: tuple[str, ...]


def survey(raws: Iterable[Json], enabled: Collection[str], annotations: Sequence[str]) -> list[Surveyed]:
    """Everything annotated, by namespace and name, with all that is wrong with each: for people."""
    found = (_surveyed(raw, enabled, annotations) for raw in raws)
    return sorted(filter(None, found), key=lambda item: (item.job.namespace, item.job.name))


def _surveyed(raw: Json, enabled: Collection[str], annotations: Sequence[str]) -> Surveyed | None:
    spec = raw.get("spec") or {}
    job = read_lifecycle_job(raw | {"spec": spec | {"suspend": True}}, annotations)
    if job is None:
        return None
    trouble = [distrust(job, enabled)]
    trouble += ["it is not suspended (suspend: true)"] if spec.get("suspend") is not True else []
    trouble += ["Kueue manages it"] if kueue_managed(raw) else []
    return Surveyed(job, tuple(filter(None, trouble)))


def distrust(job: LifecycleJob, enabled: Collection[str]) -> str:
    """Why the Job would not be run, with what to do about it; empty when it would be."""
    if job.namespace not in enabled:
        return f"namespace {job.namespace} has no label {labels.TRUSTED}; the platform team sets it"
    if not job.verbs:
        return "its annotation names no verb that is known"
    return ""
