"""Discovery: which lifecycle Jobs take part, and which of them an environment uses.

The bridge's `discover` stage, the reconciler's planning and `jobs list` ask the same functions, so they agree.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from reconciler.core import labels
from reconciler.core.lifecycle_job import LifecycleJob
from reconciler.core.step import Step


def uses(spec: Mapping[str, Any], namespace: str) -> bool:
    """Whether a declaration's spec uses the service: absent `services` means all that are discovered."""
    services = spec.get("services")
    return services is None or namespace in services


def steps_of(
    jobs: Iterable[LifecycleJob], enabled: Collection[str], spec: Mapping[str, Any], verb: str
) -> dict[Step, LifecycleJob]:
    """The steps of one verb for an environment: of trusted Jobs that have the verb and whose service it uses."""
    chosen = (job for job in jobs if job.namespace in enabled and job.has(verb) and uses(spec, job.namespace))
    return {job.step(verb): job for job in sorted(chosen, key=lambda job: (job.namespace, job.name))}


def distrust(job: LifecycleJob, enabled: Collection[str]) -> str:
    """Why the Job would not be run, with what to do about it; empty when it would be."""
    if job.namespace not in enabled:
        return f"namespace {job.namespace} has no label {labels.LIFECYCLE}={labels.ENABLED}; the platform team sets it"
    if not job.verbs:
        return "its annotation names no verb that is known"
    return ""
