"""From documents to what is desired: the stages that a listing and the files' contents go through.

Pure, and proportional to what changed where it costs: documents come remembered by blob id, and so do
declarations here.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from reconciler.core.declaration import Declaration, effective, path_of
from reconciler.core.desired import Desired
from reconciler.core.document import Document
from reconciler.core.finding import Finding, Problem
from reconciler.core.names import Key
from reconciler.core.region import Region
from reconciler.core.rules import Catalogue, catalogue, identity, namespaces, whole
from reconciler.core.schema import Kind
from reconciler.core.scope import scope
from reconciler.core.tree import REGIONS_FILE, TENANT_FILE, TENANTS, Entry, Layout

Documents = Mapping[str, Document]
Checked = tuple[Declaration | None, tuple[Problem, ...]]
Memory = MutableMapping[Any, Checked]


def wanted_files(layout: Layout) -> Iterator[tuple[Entry, Kind]]:
    """The files to be read, each with the kind that its path says."""
    if layout.regions:
        yield layout.regions, Kind.REGIONS
    yield from ((entry, Kind.PROVIDER) for entry in layout.providers.values())
    yield from ((entry, Kind.TENANT) for entry in layout.tenants.values())
    yield from ((entry, Kind.ENVIRONMENT) for entry in layout.environments.values())


def assemble(revision: str, layout: Layout, documents: Documents, memory: Memory | None = None) -> Desired:
    """Put the files of one commit together; `memory` keeps declarations between calls whose entries have blob ids."""
    known = _catalogue(layout, documents)
    declared = _environments(layout, documents, known, memory if memory is not None else {})
    findings = [
        *layout.findings,
        *_content(documents),
        *_provider_identities(layout, documents),
        *_tenants(layout, documents, known),
        *_refused(declared),
        *_overlaps(layout, documents, declared, known),
    ]
    return _desired(revision, declared, known, findings)


def _desired(revision: str, declared: Mapping[Key, Checked], known: Catalogue, findings: list[Finding]) -> Desired:
    bad = {finding.path for finding in findings}
    sound = {key: made for key, (made, _) in declared.items() if made is not None and not bad & _sources(key)}
    held = (declared.keys() | _keys_of(findings)) - sound.keys()
    return Desired(revision, sound, known.regions or {}, tuple(sorted(set(findings))), frozenset(held))


def _sources(key: Key) -> set[str]:
    """The files that a key depends on; a finding at any other path holds it only if it is declared nowhere else."""
    return {path_of(key), f"{TENANTS}/{key.tenant}/{TENANT_FILE}", REGIONS_FILE}


def _keys_of(findings: list[Finding]) -> set[Key]:
    """The keys whose own path is refused, for example since it is a link; nothing else tells that they are there."""
    return {key for finding in findings if (key := scope(finding.path).key)}


def _catalogue(layout: Layout, documents: Documents) -> Catalogue:
    listed = documents[REGIONS_FILE].value if layout.regions else None
    regions = {entry["name"]: Region.from_json(entry) for entry in listed["spec"]["regions"]} if listed else None
    providers = {name: _is_sound(documents[entry.path], name) for name, entry in layout.providers.items()}
    return Catalogue(regions, providers)


def _is_sound(provider: Document, name: str) -> bool:
    return provider.value is not None and not list(identity(provider, {"name": name}))


def _content(documents: Documents) -> Iterator[Finding]:
    for path, document in documents.items():
        yield from (problem.at(path) for problem in document.problems)


def _provider_identities(layout: Layout, documents: Documents) -> Iterator[Finding]:
    for name, entry in layout.providers.items():
        document = documents[entry.path]
        if document.value is not None:
            yield from (problem.at(entry.path) for problem in identity(document, {"name": name}))


def _tenants(layout: Layout, documents: Documents, known: Catalogue) -> Iterator[Finding]:
    for name, entry in layout.tenants.items():
        document = documents[entry.path]
        if document.value is not None:
            yield from (problem.at(entry.path) for problem in identity(document, {"name": name}))
            yield from (problem.at(entry.path) for problem in catalogue(document, known))
    refused = {scope(finding.path).tenant for finding in layout.findings if not scope(finding.path).environment}
    for tenant in sorted({key.tenant for key in layout.environments} - layout.tenants.keys() - refused):
        message = f"every tenant has this file; write apiVersion, kind: Tenant and metadata: {{name: {tenant}}}"
        yield Finding(f"{TENANTS}/{tenant}/{TENANT_FILE}", 1, 1, "missing-tenant", message)


def _environments(layout: Layout, documents: Documents, known: Catalogue, memory: Memory) -> Mapping[Key, Checked]:
    about = (frozenset(known.regions or ()), known.regions is None, frozenset(known.providers.items()))
    checked: dict[Key, Checked] = {}
    for key, entry in layout.environments.items():
        tenant = layout.tenants.get(key.tenant)
        memo = (key, entry.id, tenant.id if tenant else None, about)
        found = memory.get(memo) if entry.id else None
        checked[key] = found or _environment(
            key, documents[entry.path], documents[tenant.path] if tenant else None, known
        )
        memory[memo] = checked[key]
    return checked


def alone(key: Key, document: Document, tenant: Document | None) -> Declaration | None:
    """What two files declare by themselves, whatever regions and providers there are; None if they are not sound."""
    return _environment(key, document, tenant, None)[0]


def _environment(key: Key, document: Document, tenant: Document | None, known: Catalogue | None) -> Checked:
    """The declaration of a key, if its own file and its tenant's can be read, and what is wrong with it."""
    if document.value is None:
        return None, ()
    problems = list(identity(document, {"name": key.environment, "tenant": key.tenant}))
    problems += catalogue(document, known) if known else ()
    if problems or tenant is None or tenant.value is None:
        return None, tuple(problems)
    merged = effective(tenant.value, document.value)
    problems += whole(merged, document, f"{TENANTS}/{key.tenant}/{TENANT_FILE}")
    return (None, tuple(problems)) if problems else (Declaration.of(merged), ())


def _refused(declared: Mapping[Key, Checked]) -> Iterator[Finding]:
    for key, (_, problems) in declared.items():
        yield from (problem.at(path_of(key)) for problem in problems)


def _overlaps(
    layout: Layout, documents: Documents, declared: Mapping[Key, Checked], known: Catalogue
) -> Iterator[Finding]:
    owners: dict[str, tuple[Key, ...]] = {}
    for key in layout.environments:
        base = f"{key.tenant}-{key.environment}"
        owners[base] = (*owners.get(base, ()), key)
    for key, (declaration, _) in declared.items():
        if declaration is not None and declaration.applications:
            path = layout.environments[key].path
            found = namespaces(declaration, documents[path], owners, known)
            yield from (problem.at(path) for problem in found)
