"""What a copy's containers are given: environment variables, and files under `/tenant`.

Service teams read both (docs/lifecycle-jobs.md), so names here are a contract. Neither ever holds a secret; what a
migration is granted comes from a Secret of its own (`core.grant`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import labels
from reconciler.core.declaration import DEFAULTS
from reconciler.core.grant import Grant, grant_source, grant_variables
from reconciler.core.outcome import Result
from reconciler.core.placement import Placement
from reconciler.core.step import Kind, Step, Verb

Json = dict[str, Any]

VOLUME = "tenantctl"
MOUNT = "/tenant"
PARAMETER = "TENANT_PARAM_"
ENVIRONMENT_FILE = "environment.yaml"
GROUPS = ("initContainers", "containers")


@dataclass(frozen=True, slots=True)
class Injection:
    """What is injected, and `source`: the name of the ConfigMap that holds the files.

    `asked`: parameters that were given to an admin process; of the same name as a declared one, they win.
    """

    placement: Placement
    run: str
    step: Step
    source: str
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters by name."""
        return {**(self.placement.spec.get("parameters") or {}), **self.asked}


VARIABLES = (
    "TENANT", "TENANT_ENVIRONMENT", "TENANT_REGION", "TENANT_TIER",
    "TENANT_VERB", "TENANT_EPOCH", "TENANT_REVISION", "TENANT_RUN",
)  # fmt: skip


def variables(given: Injection) -> dict[str, str]:
    """The environment variables; a value is written as in JSON, a string without its quotes."""
    placement, spec = given.placement, given.placement.spec
    key, epoch = placement.key, str(placement.epoch)
    place = (key.tenant, key.environment, str(spec.get("region", "")), str(spec.get("tier", DEFAULTS["tier"])))
    values = (*place, given.step.verb, epoch, placement.revision, given.run)
    return dict(zip(VARIABLES, values, strict=True)) | {
        PARAMETER + name.upper().replace("-", "_"): _text(value) for name, value in given.parameters.items()
    }


def files(given: Injection) -> dict[str, str]:
    """The files under `/tenant` by path: the effective declaration, each parameter, and the outputs of resources."""
    import yaml

    placement = given.placement
    declaration = yaml.safe_dump(dict(placement.declaration), sort_keys=False, allow_unicode=True)
    parameters = {f"parameters/{name}": _text(value) for name, value in given.parameters.items()}
    return {ENVIRONMENT_FILE: declaration} | parameters | _resources(placement)


def _resources(placement: Placement) -> dict[str, str]:
    done = sorted(
        (step, outcome)
        for step, outcome in placement.outcomes.items()
        if step.kind is Kind.RESOURCE and step.verb == Verb.UPSERT and outcome.result is Result.SUCCEEDED
    )
    return {f"resources/{step.name}.json": json.dumps(dict(outcome.outputs)) for step, outcome in done}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _file_key(path: str) -> str:
    """A ConfigMap's key for a path: keys hold no `/`, so the volume's items give the files their paths back."""
    return path.replace("/", ".")


def files_of(given: Injection, namespace: str, uid: str) -> Json:
    """The ConfigMap with the files, owned by the copy with that uid, so that both are deleted together."""
    data = {_file_key(path): text for path, text in files(given).items()}
    return _owned(given, namespace, uid) | {"kind": "ConfigMap", "data": data}


def grant_of(given: Injection, namespace: str, uid: str, grant: Grant) -> Json:
    """The Secret with what a migration is granted, owned by the copy too."""
    return _owned(given, namespace, uid) | {"kind": "Secret", "stringData": grant.data}


def _owned(given: Injection, namespace: str, uid: str) -> Json:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": given.source, "uid": uid}
    key = given.placement.key
    marks = {labels.TENANT: key.tenant, labels.ENVIRONMENT: key.environment, labels.RUN: given.run}
    metadata = {"name": given.source, "namespace": namespace, "ownerReferences": [owner]}
    return {
        "apiVersion": "v1",
        "metadata": metadata | {"labels": labels.managed("files") | marks},
        "immutable": True,
    }


def inject(pod: Json, given: Injection) -> Json:
    """The pod spec with variables and files in every container, init containers too."""
    added = [{"name": name, "value": _literal(value)} for name, value in variables(given).items()]
    added += grant_variables(given.step, given.source)
    groups = {name: [_container(item, added) for item in pod[name]] for name in GROUPS if pod.get(name)}
    kept = [volume for volume in pod.get("volumes") or [] if volume["name"] != VOLUME]
    return pod | groups | {"volumes": [*kept, _volume(given)]}


def _volume(given: Injection) -> Json:
    items = [{"key": _file_key(path), "path": path} for path in files(given)]
    plain, granted = {"name": given.source, "items": items}, grant_source(given.step, given.source)
    if granted is None:
        return {"name": VOLUME, "configMap": plain}
    return {"name": VOLUME, "projected": {"sources": [{"configMap": plain}, {"secret": granted}]}}


def _container(container: Json, added: Sequence[Json]) -> Json:
    """Ours come first, so that the team's own variables may refer to them as `$(TENANT)`; the same name: ours wins."""
    names = {entry["name"] for entry in added}
    own = [entry for entry in container.get("env") or [] if entry["name"] not in names]
    mounts = [m for m in container.get("volumeMounts") or [] if m["name"] != VOLUME and not _ours(m)]
    return container | {
        "env": [*added, *own],
        "volumeMounts": [*mounts, {"name": VOLUME, "mountPath": MOUNT, "readOnly": True}],
    }


def _ours(mount: Json) -> bool:
    return str(mount["mountPath"]).rstrip("/") == MOUNT


def _literal(value: str) -> str:
    """The value with `$` doubled: the kubelet expands `$(NAME)`, and a tenant's parameter is no program."""
    return value.replace("$", "$$")
