"""The contract with service teams, checked on a Job's manifest without a cluster (design §4, docs/lifecycle-jobs.md).

A rule is a function from the manifest to pieces of advice; `advice` runs them all. What is an error here is refused or
overruled by the bridge; a warning is what goes wrong later.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.core import labels
from reconciler.core.finding import suggest
from reconciler.core.injection import GROUPS, MOUNT, PARAMETER, VARIABLES, VOLUME
from reconciler.core.job_copy import DEADLINE_SECONDS, TTL_SECONDS, kueue_managed
from reconciler.core.lifecycle_job import LIFECYCLE, read_verbs, verb_of
from reconciler.core.names import is_name
from reconciler.core.step import ADMIN, Verb

Json = dict[str, Any]
Path = tuple[str | int, ...]

NAME_MAX = 63
BACKOFF_MOST = 10
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
SYNC_WANTED = ("Force=true", "Replace=true")
HOOK = "argocd.argoproj.io/hook"
KNOWN = tuple(LIFECYCLE + verb for verb in Verb)
ANNOTATIONS = ("metadata", "annotations")
POD = ("spec", "template", "spec")


class Level(StrEnum):
    """How bad it is; only errors make the lint fail."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to mend, and where in the document it is; `at_key`: at the key, not at its value."""

    level: Level
    code: str
    path: Path
    message: str
    at_key: bool = False


Rule = Callable[[Json, Sequence[str]], Iterator[Advice]]


def is_lifecycle(job: Json, keys: Sequence[str]) -> bool:
    """Whether the manifest is a Job that means to be a lifecycle Job: annotated, even if in the wrong place."""
    return job.get("kind") == "Job" and bool(_annotated(job, keys) or list(misplaced(job, keys)))


def wrong_kind(manifest: Json, keys: Sequence[str]) -> Iterator[Advice]:
    """The annotation on anything but a Job: nobody looks there, so it would never run."""
    kind = manifest.get("kind")
    if kind == "Job":
        return
    for place in (ANNOTATIONS, ("spec", "jobTemplate", "metadata", "annotations")):
        for key in set(keys) & set(_mapping(manifest, *place)):
            text = f"a {kind} is never run by tenantctl: only Jobs are discovered; write a suspended Job (batch/v1)"
            yield Advice(Level.ERROR, "wrong-kind", (*place, key), text, at_key=True)


def advice(job: Json, keys: Sequence[str] = (labels.VERBS_ANNOTATION,)) -> list[Advice]:
    """Everything to say about one Job's manifest."""
    return [item for rule in RULES for item in rule(job, keys)]


def misplaced(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    """The annotation belongs on the Job. On its pods, or nearly spelt, nobody finds it."""
    if _annotated(job, keys):
        return
    place = ("spec", "template", "metadata", "annotations")
    for key in _mapping(job, *place):
        if key in keys:
            text = "the annotation belongs on the Job itself, under metadata.annotations, not on its pods"
            yield Advice(Level.ERROR, "misplaced-annotation", (*place, key), text, at_key=True)
    for key in _mapping(job, *ANNOTATIONS):
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.85)
        if near:
            text = f"'{key}' is no annotation of lifecycle Jobs; did you mean '{near[0]}'?"
            yield Advice(Level.ERROR, "misspelt-annotation", (*ANNOTATIONS, key), text, at_key=True)


def _identity(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    if job.get("apiVersion") != "batch/v1":
        yield Advice(Level.ERROR, "api-version", ("apiVersion",), "a lifecycle Job's apiVersion is batch/v1")
    name = _mapping(job, "metadata").get("name")
    if not isinstance(name, str):
        text = (
            "a lifecycle Job needs metadata.name: its name is its identity, so generateName makes a new one each time"
        )
        yield Advice(Level.ERROR, "name", ("metadata",), text, at_key=True)
    elif len(name) > NAME_MAX or not all(is_name(part, NAME_MAX) for part in name.split(".")):
        text = f"the name must be a DNS name of at most {NAME_MAX} characters, as pods are labelled with it"
        yield Advice(Level.ERROR, "name", ("metadata", "name"), text)


def _suspended(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    spec = _mapping(job, "spec")
    if spec.get("suspend") is not True:
        text = (
            "write 'suspend: true': a lifecycle Job is a template; unsuspended it runs by itself, and is not discovered"
        )
        path: Path = ("spec", "suspend") if "suspend" in spec else ("spec",)
        yield Advice(Level.ERROR, "not-suspended", path, text, at_key="suspend" not in spec)


def _verbs(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    for key in _annotated(job, keys):
        path, text = (*ANNOTATIONS, key), _mapping(job, *ANNOTATIONS)[key]
        entries = [entry.strip() for entry in text.split(",")] if isinstance(text, str) else []
        if not any(entries):
            yield Advice(Level.ERROR, "no-verb", path, f"name at least one verb, for example '{KNOWN[0]}'")
        for entry in filter(None, entries):
            if not verb_of(entry):
                yield Advice(Level.ERROR, "unknown-verb", path, f"'{entry}' is no verb{_meant(entry)}")


def _meant(entry: str) -> str:
    if entry in set(Verb):
        return f"; write '{LIFECYCLE}{entry}'"
    if entry.startswith((ADMIN, LIFECYCLE + ADMIN)):
        return "; write 'admin.<name>' with a name of lower-case letters, digits and hyphens"
    return suggest(entry, KNOWN) or f"; known are {', '.join(KNOWN)} and admin.<name>"


def _argo_cd(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    found = _mapping(job, *ANNOTATIONS)
    options = [option.strip() for option in str(found.get(SYNC_OPTIONS, "")).split(",")]
    if not set(SYNC_WANTED) <= set(options):
        wanted = f"{SYNC_OPTIONS}: {','.join(SYNC_WANTED)}"
        text = f"without {wanted} Argo CD cannot sync a change: a Job's template is immutable"
        yield Advice(Level.WARNING, "sync-options", ANNOTATIONS, text, at_key=True)
    if HOOK in found:
        text = "a suspended Job never finishes, so as a hook it would block the sync; remove the annotation"
        yield Advice(Level.ERROR, "hook", (*ANNOTATIONS, HOOK), text, at_key=True)


def _owner(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    if not _mapping(job, *ANNOTATIONS).get(labels.OWNER):
        text = f"without the annotation {labels.OWNER} nobody is named when it fails"
        yield Advice(Level.WARNING, "no-owner", ANNOTATIONS, text, at_key=True)


def _kueue(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    metadata = {key: _mapping(job, "metadata", key) for key in ("labels", "annotations")}
    if kueue_managed({"metadata": metadata, "spec": _mapping(job, "spec")}):
        text = "Jobs that Kueue manages are refused: Kueue would start and stop the copies against the bridge"
        yield Advice(Level.ERROR, "kueue", ("metadata",), text, at_key=True)


def _dropped(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    spec = _mapping(job, "spec")
    for field in ("selector", "manualSelector", "managedBy"):
        if spec.get(field):
            text = f"{field} is dropped from every copy; leave it out"
            yield Advice(Level.WARNING, "dropped-field", ("spec", field), text, at_key=True)
    if "ttlSecondsAfterFinished" in spec:
        text = f"copies always keep {TTL_SECONDS} s, so that the outcome can be read; leave it out"
        yield Advice(Level.INFO, "ttl", ("spec", "ttlSecondsAfterFinished"), text, at_key=True)


def _limits(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    spec = _mapping(job, "spec")
    if not spec.get("activeDeadlineSeconds"):
        text = f"no activeDeadlineSeconds: a copy is ended after {DEADLINE_SECONDS} s"
        yield Advice(Level.INFO, "deadline", ("spec",), text, at_key=True)
    backoff = spec.get("backoffLimit")
    if isinstance(backoff, int) and backoff > BACKOFF_MOST:
        text = f"{backoff} repetitions with growing waits take hours; tenantctl makes new attempts by itself"
        yield Advice(Level.WARNING, "backoff-limit", ("spec", "backoffLimit"), text)


def _pod(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    pod = _mapping(job, *POD)
    policy = pod.get("restartPolicy")
    if policy not in ("Never", "OnFailure"):
        text = "restartPolicy must be Never (logs of every try are kept) or OnFailure"
        path: Path = (*POD, "restartPolicy") if policy else POD
        yield Advice(Level.ERROR, "restart-policy", path, text, at_key=not policy)
    if not _items(pod, "containers"):
        yield Advice(Level.ERROR, "no-container", POD, "the pod template has no containers", at_key=True)
    for index, volume in enumerate(_items(pod, "volumes")):
        if volume.get("name") == VOLUME:
            text = f"the volume name '{VOLUME}' is taken by the files that are injected"
            yield Advice(Level.ERROR, "reserved-volume", (*POD, "volumes", index), text)


def _containers(job: Json, keys: Sequence[str]) -> Iterator[Advice]:
    for group in GROUPS:
        for index, container in enumerate(_items(_mapping(job, *POD), group)):
            path = (*POD, group, index)
            yield from _environment(container, path)
            yield from _mounts(container, path)
            yield from _image(container, path)


def _environment(container: Json, path: Path) -> Iterator[Advice]:
    for index, entry in enumerate(_items(container, "env")):
        name, place = str(entry.get("name", "")), (*path, "env", index)
        if name in VARIABLES:
            text = f"{name} is set by tenantctl, which wins; use another name"
            yield Advice(Level.ERROR, "reserved-variable", place, text)
        elif name.startswith(PARAMETER):
            text = f"{name} is used only where the declaration has no such parameter"
            yield Advice(Level.INFO, "parameter-default", place, text)
        elif name.startswith("TENANT_"):
            yield Advice(
                Level.WARNING, "reserved-variable", place, f"{name}: names that begin with TENANT_ are reserved"
            )


def _mounts(container: Json, path: Path) -> Iterator[Advice]:
    for index, mount in enumerate(_items(container, "volumeMounts")):
        where = str(mount.get("mountPath", "")).rstrip("/")
        if where == MOUNT or where.startswith(MOUNT + "/"):
            text = f"{MOUNT} is where tenantctl mounts its files, read-only; mount elsewhere"
            yield Advice(Level.ERROR, "reserved-mount", (*path, "volumeMounts", index), text)


def _image(container: Json, path: Path) -> Iterator[Advice]:
    image = container.get("image")
    if not image:
        yield Advice(Level.ERROR, "no-image", path, f"container '{container.get('name', '')}' has no image")
    elif "@" not in image and str(image).rpartition("/")[2].partition(":")[2] in ("", "latest"):
        text = (
            f"{image} can change without notice, and a change of the code is then not seen; name a version or a digest"
        )
        yield Advice(Level.WARNING, "image-latest", (*path, "image"), text)


def symmetry(jobs: Sequence[Json], keys: Sequence[str]) -> Iterator[tuple[int, Advice]]:
    """Rules between the Jobs of one service, with the index of the Job: what a move asks for (design §6)."""
    for verb, other in ((Verb.MIGRATE_OUT, Verb.MIGRATE_IN), (Verb.MIGRATE_IN, Verb.MIGRATE_OUT)):
        having, answering = _having(jobs, keys, verb), set(_having(jobs, keys, other).values())
        seen: set[str] = set()
        for index, namespace in having.items():
            if namespace in seen:
                text = f"another Job of this service has {verb} already; a service has at most one"
                yield index, Advice(Level.ERROR, "second-migration", ("metadata", "name"), text)
            elif namespace not in answering:
                text = f"{verb}, but no Job here has {other}: the service's environments cannot be moved"
                yield index, Advice(Level.WARNING, "one-way", ANNOTATIONS, text, at_key=True)
            seen.add(namespace)


def _having(jobs: Sequence[Json], keys: Sequence[str], verb: Verb) -> dict[int, str]:
    texts = {
        i: ",".join(str(_mapping(job, *ANNOTATIONS)[k]) for k in _annotated(job, keys)) for i, job in enumerate(jobs)
    }
    having = (index for index, text in texts.items() if verb in read_verbs(text)[0])
    return {index: str(_mapping(jobs[index], "metadata").get("namespace", "")) for index in having}


def _annotated(job: Json, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key in _mapping(job, *ANNOTATIONS)]


def _mapping(value: Any, *path: str) -> Json:
    """The mapping at the path, or an empty one: a manifest can be anything."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _items(value: Json, key: str) -> list[Json]:
    found = value.get(key)
    return [item if isinstance(item, dict) else {} for item in found] if isinstance(found, list) else []


RULES: tuple[Rule, ...] = (
    misplaced, _identity, _suspended, _verbs, _argo_cd, _owner, _kueue, _dropped, _limits, _pod, _containers,
)  # fmt: skip
