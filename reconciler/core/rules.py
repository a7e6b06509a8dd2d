"""The rules between files: identities, the catalogue, and what holds only for a whole, effective declaration.

Each rule is a function from documents to problems. `core.assemble` calls them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core import labels
from reconciler.core.declaration import Declaration, canonical
from reconciler.core.document import Document
from reconciler.core.finding import Problem, suggest
from reconciler.core.names import Key
from reconciler.core.position import Path
from reconciler.core.region import Region
from reconciler.core.schema import Kind
from reconciler.core.strict_yaml import MAX_BYTES
from reconciler.core.tree import REGIONS_FILE

MAX_STEPS = 200
KUBERNETES = "kube-"  # namespaces of Kubernetes itself: kube-system, kube-public, kube-node-lease


@dataclass(frozen=True)
class Catalogue:
    """What declarations may name: the regions (None: unknown, their file is bad) and providers, with whether
    each is sound.
    """

    regions: Mapping[str, Region] | None
    providers: Mapping[str, bool]


def identity(document: Document, expected: Mapping[str, str]) -> Iterator[Problem]:
    """The path gives the identity, and the metadata must agree with it."""
    for name, meant in expected.items():
        said = document.value["metadata"][name]
        if said != meant:
            message = f"metadata.{name} is '{said}' and the path says '{meant}'; write {meant}, or move the file"
            yield document.at(("metadata", name), "identity", message)


def catalogue(document: Document, known: Catalogue) -> Iterator[Problem]:
    """The region and the providers that a specification (or a tenant's defaults) names must exist."""
    path: Path = ("spec",) if document.kind is Kind.ENVIRONMENT else ("spec", "defaults")
    spec = document.value.get("spec", {})
    spec = spec if document.kind is Kind.ENVIRONMENT else spec.get("defaults", {})
    yield from _region(document, (*path, "region"), spec.get("region"), known.regions)
    for index, resource in enumerate(spec.get("resources", ())):
        place = (*path, "resources", index, "provider")
        yield from _provider(document, place, resource["provider"], known.providers)


def _region(document: Document, path: Path, name: str | None, known: Mapping[str, Region] | None) -> Iterator[Problem]:
    if name is not None and known is not None and name not in known:
        message = f"'{name}' is not one of {', '.join(sorted(known))} ({REGIONS_FILE}){suggest(name, known)}"
        yield document.at(path, "region", message)


def _provider(document: Document, path: Path, name: str, known: Mapping[str, bool]) -> Iterator[Problem]:
    if name not in known:
        listed = f"is not one of {', '.join(sorted(known))}" if known else "is unknown: the catalogue is empty"
        message = f"'{name}' {listed} (providers/*/provider.yaml){suggest(name, known)}"
        yield document.at(path, "provider", message)
    elif not known[name]:
        yield document.at(path, "provider", f"providers/{name}/provider.yaml is invalid; it must be repaired first")


def whole(declaration: Mapping[str, Any], document: Document, tenant_file: str) -> Iterator[Problem]:
    """What an effective declaration must keep; a problem stands in the environment's file."""
    spec = declaration["spec"]
    if "region" not in spec:
        message = f"'region' is missing; write region: here, or under defaults in {tenant_file}"
        yield document.at(("spec",), "required", message)
    steps = sum(len(spec.get(name, ())) for name in ("resources", "applications", "services"))
    if steps > MAX_STEPS:
        message = f"{steps} resources, applications and services; at most {MAX_STEPS} fit in one environment"
        yield document.at(("spec",), "too-many-steps", message)
    if len(canonical(declaration).encode()) > MAX_BYTES:
        message = f"with the tenant's defaults it is larger than {MAX_BYTES // 1024} KiB; make either smaller"
        yield document.at((), "too-large", message)


def namespaces(
    declaration: Declaration, document: Document, owners: Mapping[str, tuple[Key, ...]], known: Catalogue
) -> Iterator[Problem]:
    """An application's namespace is `<tenant>-<environment>` or begins with it and a hyphen, and is no other
    environment's, nor one that Kubernetes or tenantctl itself lives in: tenant `kube` may not reach `kube-system`.

    Names can nest (tenant acme, environment prod-x; tenant acme-prod, environment x), so a namespace belongs
    to the environment with the longest such prefix; where two environments have that prefix, to neither.
    """
    key = declaration.key
    base = f"{key.tenant}-{key.environment}"
    for index, application in enumerate(declaration.applications):
        name = application["namespace"]
        path = ("spec", "applications", index, "namespace")
        if name != base and not name.startswith(f"{base}-"):
            source = "" if "applications" in document.value["spec"] else " (of the tenant's defaults)"
            message = f"'{name}'{source} is not this environment's; write {base}, or a name that begins with {base}-"
            yield document.at(path, "namespace", message)
            continue
        if name.startswith(KUBERNETES) or name in _taken(known):
            yield document.at(path, "namespace", f"'{name}' is not for applications; choose another name")
            continue
        others = [other for other in _owners_of(name, owners) if other != key]
        if others:
            taken = ", ".join(map(str, others))
            yield document.at(path, "namespace", f"'{name}' belongs to {taken} as well; choose another name")


def _taken(known: Catalogue) -> frozenset[str]:
    runs = {region.workflow_namespace for region in (known.regions or {}).values()}
    return frozenset({labels.CONTROL_NAMESPACE, labels.WORKFLOW_NAMESPACE} | runs)


def _owners_of(namespace: str, owners: Mapping[str, tuple[Key, ...]]) -> tuple[Key, ...]:
    prefix = namespace
    while prefix and prefix not in owners:
        prefix = prefix.rpartition("-")[0]
    return owners.get(prefix, ())
