"""`tenantctl why`: which field, commit, Job or person made an environment's last runs."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import KEY, cluster_options, namespace_option, output_option, repository_options
from reconciler.cli.output import as_json, as_yaml, data, note

if TYPE_CHECKING:
    from reconciler.adapters.git import Repository
    from reconciler.adapters.kube import Kube
    from reconciler.cli.region_clusters import Regions
    from reconciler.core.decide import Decision
    from reconciler.core.names import Key
    from reconciler.core.outcome import Outcome
    from reconciler.core.record import Record
    from reconciler.core.why import Cause, Explanation

Json = dict[str, Any]


@click.command(epilog="Example:  tenantctl why acme/production --last 1")
@click.argument("key", type=KEY)
@click.option("--last", type=click.IntRange(1, 10), default=5, show_default=True, help="How many runs, newest first.")
@namespace_option
@repository_options
@cluster_options
@output_option("text", "json", "yaml")
def command(
    key: "Key",
    last: int,
    namespace: str | None,
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
    output: str,
) -> int:
    """Show what made the last runs of an environment: fields that changed, with their commits, Jobs, or a person.

    Fields and commits are read from --repository, Jobs from the outcomes that the region holds.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli import wiring
    from reconciler.cli.records import record_of
    from reconciler.cli.region_clusters import Regions

    kube = connect(context, kubeconfig)
    record = record_of(kube, key)
    outcomes = _outcomes(Regions.of(kube, kubeconfig, namespace), record)
    with wiring.repository(repository) as opened:
        found = explanations(opened, record, outcomes, last)
    if output != "text":
        items = [_json(each) for each in found]
        data(as_json(items) if output == "json" else as_yaml(items))
    elif found:
        data("\n".join(line for each in found for line in _lines(each)))
    else:
        note(f"{key} has had no run yet")
    return 0


def _outcomes(regions: "Regions", record: "Record") -> "list[Outcome]":
    """Those of every region where it is or was; one that is not known is told, and its Jobs are missing."""
    from reconciler.adapters.kube.resources import CONFIG_MAPS
    from reconciler.cli.region_clusters import regions_known_to
    from reconciler.core.placement import read_placement

    def each(_: str, kube: "Kube", where: str) -> "Iterable[Outcome]":
        raw = kube.find(CONFIG_MAPS, where, record.key.dotted)
        return read_placement(raw).outcomes.values() if raw else ()

    return regions.read(regions_known_to(record), each)[0]


def explanations(
    repository: "Repository", record: "Record", outcomes: "list[Outcome]", last: int
) -> "list[Explanation]":
    """The newest runs, each with what made it."""
    from reconciler.core.why import Explanation, causes, ran, reasons

    found = []
    for cause in causes(record)[:last]:
        changed, commits = _changes(repository, record.key, cause)
        found.append(Explanation(cause, reasons(cause, changed), commits, ran(cause, outcomes)))
    return found


def _changes(repository: "Repository", key: "Key", cause: "Cause") -> "tuple[Decision | None, tuple[Any, ...]]":
    """What git says of one environment between two revisions; None where it does not have them any more."""
    from reconciler.adapters.git.comparison import Comparison
    from reconciler.core.baseline import decision
    from reconciler.core.declaration import path_of
    from reconciler.core.errors import TenantctlError

    if not cause.base:
        return None, ()
    try:
        tenants = [key.tenant]
        before, after = (repository.desired(each, tenants) for each in (cause.base, cause.entry.revision))
        paths = (path_of(key), f"tenants/{key.tenant}/tenant.yaml")
        commits = Comparison(repository).commits(cause.base, cause.entry.revision, paths)
        return decision(key, before, after), tuple(commits)
    except TenantctlError:
        return None, ()


def _lines(each: "Explanation") -> "Iterator[str]":
    from reconciler.core.times import age

    entry = each.cause.entry
    yield f"{entry.run}  {entry.event} {age(entry.at, time.time())} ago at {entry.revision[:7]}"
    yield from (f"    {reason}" for reason in each.reasons)
    yield from (f"    commit {commit[:7]} {author}: {subject}" for commit, author, subject in each.commits)
    if each.steps:
        yield f"    ran {', '.join(step.item for step in each.steps)}"


def _json(each: "Explanation") -> Json:
    entry = each.cause.entry
    return {
        "run": entry.run,
        "event": entry.event,
        "at": entry.at,
        "revision": entry.revision,
        "before": each.cause.base or None,
        "reasons": list(each.reasons),
        "commits": [{"commit": c, "author": author, "subject": subject} for c, author, subject in each.commits],
        "steps": [str(step) for step in each.steps],
    }
