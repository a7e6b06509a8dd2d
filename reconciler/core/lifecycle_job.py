"""Lifecycle Jobs: suspended, annotated Jobs of service teams, read from what the API server holds.

A lifecycle Job is a template; what runs is a copy of it (`core.job_copy`). Its hash says whether its code changed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core import labels
from reconciler.core.step import Kind, Step, is_verb

Json = dict[str, Any]

LIFECYCLE = "lifecycle."
HASHED_OF_CONTAINER = ("name", "image", "command", "args", "env", "envFrom", "volumeMounts")
HASHED_OF_POD = ("volumes", "serviceAccountName")
UNHASHED = frozenset({"defaultMode", "apiVersion"})


@dataclass(frozen=True, slots=True)
class LifecycleJob:
    """A lifecycle Job; its namespace is the service. `unknown` are verbs that no version of tenantctl knows."""

    namespace: str
    name: str
    verbs: tuple[str, ...]
    hash: str
    owner: str = ""
    unknown: tuple[str, ...] = ()

    def has(self, verb: str) -> bool:
        """Whether the team says that its code does this."""
        return verb in self.verbs

    def step(self, verb: str) -> Step:
        """The step that runs it for one environment."""
        return Step(Kind.JOB, verb, (self.namespace, self.name))


def read_lifecycle_job(raw: Json, annotations: Sequence[str] = (labels.VERBS_ANNOTATION,)) -> LifecycleJob | None:
    """The lifecycle Job, or None when it is none: not annotated, not suspended, on its way out, or a copy of ours."""
    metadata = raw["metadata"]
    found, spec = metadata.get("annotations") or {}, raw.get("spec") or {}
    texts = [found[key] for key in annotations if key in found]
    if not texts or spec.get("suspend") is not True or metadata.get("deletionTimestamp") or is_copy(metadata):
        return None
    known, unknown = read_verbs(",".join(texts))
    return LifecycleJob(
        metadata["namespace"], metadata["name"], known, job_hash(spec), found.get(labels.OWNER, ""), unknown
    )


def lifecycle_annotations(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The annotations that mark lifecycle Jobs: the default, and those of the setting TENANTCTL_ANNOTATIONS."""
    extra = (entry.strip() for entry in environment.get("TENANTCTL_ANNOTATIONS", "").split(","))
    return tuple(dict.fromkeys((labels.VERBS_ANNOTATION, *filter(None, extra))))


def is_copy(metadata: Mapping[str, Any]) -> bool:
    """Whether the labels say that the Job is a copy which a bridge made, or a trial."""
    return (metadata.get("labels") or {}).get(labels.KIND) in (labels.COPY, labels.TRIAL)


def read_verbs(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Known and unknown verbs of an annotation such as `lifecycle.upsert, admin.reindex`, each sorted and once."""
    entries = {entry.strip() for entry in text.split(",")} - {""}
    known = {verb for entry in entries if (verb := verb_of(entry))}
    unknown = {entry.removeprefix(LIFECYCLE) for entry in entries if not verb_of(entry)}
    return tuple(sorted(known)), tuple(sorted(unknown))


def verb_of(entry: str) -> str:
    """The verb that an entry of the annotation means: `lifecycle.<verb>` or `admin.<name>`; empty when it is none."""
    admin, verb = entry.startswith("admin."), entry.removeprefix(LIFECYCLE)
    prefixed = entry.startswith(LIFECYCLE) and not verb.startswith("admin.")
    return verb if (admin or prefixed) and is_verb(verb) else ""


def job_hash(spec: Json) -> str:
    """The sha256 of what the team wrote, over a fixed list of fields (design §4, *Discovery*).

    Nothing that the API server fills in takes part: Argo CD's Force+Replace makes a new uid at every sync, and the live
    pod template carries it in its labels. Lists keep their order, which means something in `env` and `command`.
    """
    pod = ((spec.get("template") or {}).get("spec")) or {}
    chosen = {field: pod.get(field) for field in HASHED_OF_POD}
    for group in ("containers", "initContainers"):
        chosen[group] = [{name: c.get(name) for name in HASHED_OF_CONTAINER} for c in pod.get(group) or []]
    text = json.dumps(_significant(chosen), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _significant(value: Any) -> Any:
    """The value without fields that are empty or filled in. An empty item of a list keeps its place."""
    if isinstance(value, dict):
        inner = {key: _significant(item) for key, item in value.items() if key not in UNHASHED}
        return {key: item for key, item in inner.items() if not _empty(item)}
    return [_significant(item) for item in value] if isinstance(value, list) else value


def _empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})
