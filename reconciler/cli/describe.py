"""`tenantctl describe`: everything known about one environment."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, Group, cluster_options, namespace_option
from reconciler.cli.output import data, table

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.cli.region_clusters import Regions
    from reconciler.core.fleet import Suspension
    from reconciler.core.names import Key
    from reconciler.core.placement import Placement
    from reconciler.core.record import Record


@click.group(
    cls=Group,
    aliases={"env": "environment", "environments": "environment"},
    otherwise="environment",
    subcommand_metavar="[environment] TENANT/ENVIRONMENT",
)
def command() -> None:
    """Show everything known about one environment."""


@command.command(name="environment", short_help="Show everything known about one environment.")
@click.argument("key", type=KEY)
@namespace_option
@cluster_options
def environment(key: "Key", namespace: str | None, context: str | None, kubeconfig: str | None) -> int:
    """Show its policy, where it is, what its steps came to, its conditions and its history; links to its runs and
    applications, and what Argo CD says of those.

    Steps are read from the environment's region, and from both while it moves. Exit code 1: one of them is not known.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.records import record_of, suspensions_of
    from reconciler.cli.region_clusters import Regions

    kube = connect(context, kubeconfig)
    record = record_of(kube, key)
    regions = Regions.of(kube, kubeconfig, namespace)
    steps, complete = _all_steps(regions, record)
    suspended = suspensions_of(record, regions.fleet)
    data("\n".join([*_record_lines(record, suspended), *steps, *_history_lines(record)]))
    return 0 if complete else 1


def _record_lines(record: "Record", suspended: "list[Suspension]") -> Iterator[str]:
    from reconciler.core.approval import Approval

    policy = record.policy
    yield f"Environment:  {record.key}"
    if policy.display_name:
        yield f"Name:         {policy.display_name}"
    yield f"Region:       {record.region} (epoch {record.epoch})"
    yield f"Owners:       {', '.join(policy.owners) or '-'}"
    yield f"Ring:         {policy.ring}"
    yield f"Protected:    {'yes' if policy.deletion_protection else 'no'}"
    yield f"Expires:      {policy.expires_at or 'never'}"
    yield f"Applied:      {record.applied_revision or '-'}"
    yield f"Attempted:    {record.attempted_revision or '-'}"
    if record.claim:
        yield f"In progress:  run {record.claim.run}, attempt {record.claim.attempt}, since {record.claim.at}"
    yield from _move_lines(record)
    yield from (f"Suspended:    {each}" for each in suspended)
    approval = Approval.load(record.approval) if record.approval else None
    if approval and approval.valid(time.time()):
        yield f"Approved:     {approval}"
    yield "Conditions:"
    for condition in record.conditions:
        why = f"  {condition.reason}: {condition.message}" if condition.reason else ""
        yield f"  {condition.type:<12}{condition.status!s:<7}since {condition.since}{why}"


def _move_lines(record: "Record") -> Iterator[str]:
    """Where a move stands, what that means, and why it waits."""
    if record.gone:
        yield f"Gone:         decommissioned at {record.gone}; declared again, it comes back with its history"
    move = record.move
    if move is None:
        return
    yield f"Move:         {move.source} → {move.to}, {move.phase} (begun {move.at}, epoch {move.epoch})"
    yield f"              {move.phase.meaning.format(source=move.source, to=move.to, cleans=move.cleans)}"
    if move.without_source:
        yield f"              the data in {move.source} was given up by an approval"
    for service, archive in sorted(move.archives.items()):
        yield f"              exported by {service}: {archive.get('key', '-')}"
    if move.attempts.message:
        yield f"              attempt {move.attempts.count}: {move.attempts.message}"


def _all_steps(regions: "Regions", record: "Record") -> tuple[list[str], bool]:
    """What was done in each region that may hold the environment, and whether all of them said so."""
    from reconciler.cli.applications import argo_lines
    from reconciler.cli.region_clusters import regions_of
    from reconciler.core.errors import TenantctlError

    lines: list[str] = []
    complete = True
    for region in regions_of(record):
        try:
            kube, namespace = regions.place(region)
            placement = _placement(kube, namespace, record.key)
            lines += [*_step_lines(region, placement), *argo_lines(region, kube, namespace, placement)]
        except TenantctlError as error:
            lines.append(f"Steps in {region}: not known: {error}")
            complete = False
    return lines, complete


def _placement(kube: "Kube", namespace: str, key: "Key") -> "Placement | None":
    from reconciler.adapters.kube.resources import CONFIG_MAPS
    from reconciler.core.placement import read_placement

    raw = kube.find(CONFIG_MAPS, namespace, key.dotted)
    return read_placement(raw) if raw else None


def _step_lines(region: str, placement: "Placement | None") -> Iterator[str]:
    if placement is None:
        yield f"Steps in {region}: nothing is placed there"
        return
    yield f"Steps in {region} (placement {placement.state.value} at {placement.revision[:7]}):"
    if not placement.outcomes:
        yield "  none has begun yet"
    for step, outcome in sorted(placement.outcomes.items()):
        stale = "" if outcome.digest == placement.digest else " (of an earlier declaration)"
        why = f" {outcome.reason}" if outcome.failed and outcome.reason else ""
        yield f"  {step}  {outcome.result.value}{why}{stale}  run {outcome.run}"
        if outcome.message:
            yield f"      {outcome.message}"
        if outcome.failed and outcome.owner:
            yield f"      owner: {outcome.owner}"


def _history_lines(record: "Record") -> Iterator[str]:
    from reconciler.cli.history import history_rows

    yield "History:"
    if not record.history:
        yield "  nothing yet"
        return
    header, rows = history_rows(record.history, time.time())
    yield from (f"  {line}" for line in table(header, rows).splitlines())
