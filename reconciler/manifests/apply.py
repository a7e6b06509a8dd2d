"""Bringing a cluster to what the manifests say: apply, prune what older versions left, and wait until it has effect."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS, WORKFLOWS, Resource
from reconciler.core.errors import AlreadyExists, NotAllowed, NotFound, TenantctlError, TimedOut, Unprocessable
from reconciler.manifests.kinds import KEPT, RESOURCES, Id, id_of
from reconciler.manifests.render import OURS, TEMPLATES
from reconciler.manifests.rights import may

Json = dict[str, Any]

SELECTOR = ",".join(f"{name}={value}" for name, value in OURS.items())
POLL_SECONDS = 0.5
# What each policy of the workflow namespace must refuse.
PROBES: dict[str, Json] = {
    "tenantctl-workflows": {"spec": {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}},
    "tenantctl-workflow-status": {
        "spec": {"workflowTemplateRef": {"name": TEMPLATES[0], "clusterScope": True}},
        "status": {"phase": "Succeeded"},
    },
}


class Effect(StrEnum):
    """What became of an object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Change:
    """One object and what became of it."""

    id: Id
    effect: Effect


def apply(kube: Kube, items: Iterable[Json], *, dry_run: bool = False) -> Iterator[Change]:
    """Apply every object in order, and say of each what became of it. Raises what the API server refuses."""
    for item in items:
        make = _create_once if item["kind"] == "ConfigMap" else _apply_one
        yield Change(id_of(item), make(kube, item, dry_run))


def _apply_one(kube: Kube, item: Json, dry_run: bool) -> Effect:
    target = id_of(item)
    before = kube.find(target.resource, target.namespace or None, target.name)
    try:
        after = kube.apply(target.path, item, dry_run=dry_run)
    except NotFound:  # in a dry run its namespace was not made either
        if dry_run:
            return Effect.CREATED
        raise
    if before is None:
        return Effect.CREATED
    return Effect.UNCHANGED if _same(before, after) else Effect.CONFIGURED


def _same(before: Json, after: Json) -> bool:
    """Whether nothing but bookkeeping differs; a dry run raises no resourceVersion."""
    bookkeeping = ("managedFields", "resourceVersion", "generation")
    plain = [
        item | {"metadata": {name: value for name, value in item["metadata"].items() if name not in bookkeeping}}
        for item in (before, after)
    ]
    return plain[0] == plain[1]


def _create_once(kube: Kube, item: Json, dry_run: bool) -> Effect:
    """State that is ours to begin and not to overwrite."""
    target = id_of(item)
    if kube.find(CONFIG_MAPS, target.namespace, target.name) is not None:
        return Effect.UNCHANGED
    if not dry_run:
        try:
            kube.create(CONFIG_MAPS, target.namespace, item)
        except AlreadyExists:
            return Effect.UNCHANGED
    return Effect.CREATED


def leftovers(kube: Kube, items: Iterable[Json]) -> list[Id]:
    """What is labelled as installed by us and is not among the items; never what holds state."""
    wanted = {id_of(item) for item in items}
    return [target for target in found(kube) if target not in wanted and target.kind not in KEPT]


def found(kube: Kube) -> Iterator[Id]:
    """Every object that an installation of ours made, the last applied kinds first."""
    for kind, resource in reversed(RESOURCES.items()):
        try:
            for item in kube.list(resource, labelSelector=SELECTOR):
                yield Id(kind, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        except NotFound:  # the kind is not served here, so there is none
            continue


def remove(kube: Kube, target: Id) -> bool:
    """Delete one object; False when it was gone."""
    return kube.delete(target.resource, target.namespace or None, target.name)


def wait(ready: Callable[[], str], seconds: float) -> None:
    """Wait until `ready` returns an empty text; what it returns otherwise is why not. Raises TimedOut with it."""
    end = time.monotonic() + seconds
    while reason := ready():
        if time.monotonic() > end:
            raise TimedOut(reason)
        time.sleep(POLL_SECONDS)


def admission_gap(kube: Kube, namespace: str) -> str:
    """Why the workflow namespace is still open; empty when what each policy forbids is refused (dry runs)."""
    return next((gap for policy, body in PROBES.items() if (gap := _admits(kube, namespace, policy, body))), "")


def _admits(kube: Kube, namespace: str, policy: str, body: Json) -> str:
    probe = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "tenantctl-probe-"},
    }
    try:
        kube.create(WORKFLOWS, namespace, probe | body, dryRun="All")
    except NotFound:
        return f"namespace {namespace} does not exist"
    except Unprocessable as error:
        if f"ValidatingAdmissionPolicy '{policy}'" in str(error):
            return ""
        raise
    return f"namespace {namespace} admits Workflows that are not tenantctl's: policy {policy} has no effect"


def require(kube: Kube) -> None:
    """Fail where a prerequisite is missing, before anything is written."""
    for group, kinds, remedy in _PREREQUISITES:
        try:
            served = {item["name"] for item in kube.request("GET", f"/apis/{group}")["resources"]}
        except NotFound:
            served = set()
        missing = [kind for kind in kinds if kind not in served]
        if missing:
            raise TenantctlError(f"{kube.where}: {', '.join(missing)} ({group}) not served: {remedy}")


_PREREQUISITES = (
    (
        "argoproj.io/v1alpha1",
        ("workflows", "clusterworkflowtemplates", "workflowtaskresults"),
        "install Argo Workflows 3.7 or newer first (https://argo-workflows.readthedocs.io/en/stable/installation/)",
    ),
    (
        "admissionregistration.k8s.io/v1",
        ("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
        "Kubernetes 1.30 or newer is needed",
    ),
)


def require_rights(kube: Kube) -> None:
    """Raise NotAllowed with every right that the caller lacks to install, before anything is written."""
    lacking = [kind for kind, resource in RESOURCES.items() if not _may_apply(kube, resource)]
    if lacking:
        raise NotAllowed(
            f"{kube.where}: installing needs the right to create and patch {', '.join(lacking)} in the whole cluster; "
            "ask a cluster administrator, who can also apply what 'tenantctl install --export' prints"
        )


def _may_apply(kube: Kube, resource: Resource) -> bool:
    group = "" if resource.prefix == "/api/v1" else resource.prefix.split("/")[2]
    return all(may(kube, group, resource.plural, verb) for verb in ("create", "patch"))
