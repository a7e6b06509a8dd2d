"""`tenantctl describe`: everything known about one environment."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, Group, cluster_options
from reconciler.cli.output import data, table

if TYPE_CHECKING:
    from reconciler.core.fleet import Suspension
    from reconciler.core.names import Key
    from reconciler.core.placement import Placement
    from reconciler.core.record import Record
    from reconciler.manifests import Settings


@click.group(
    cls=Group,
    aliases={"env": "environment", "environments": "environment"},
    otherwise="environment",
    subcommand_metavar="[environment] TENANT/ENVIRONMENT",
)
def command() -> None:
    """Show everything known about one environment."""


@command.command(name="environment")
@click.argument("key", type=KEY)
@click.option("--namespace", help="The workflow namespace.", default="tenantctl-workflows", show_default=True)
@cluster_options
def environment(key: "Key", namespace: str, context: str | None, kubeconfig: str | None) -> int:
    """Show its policy, where it is, what its steps came to, what Argo CD says of its applications, and its history."""
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.resources import CONFIG_MAPS, NAMESPACES
    from reconciler.cli.applications import application_lines
    from reconciler.cli.records import fleet_of, record_of, suspensions_of
    from reconciler.core import labels
    from reconciler.core.placement import read_placement
    from reconciler.manifests.render import installed

    kube = connect(context, kubeconfig)
    record = record_of(kube, key)
    raw = kube.find(CONFIG_MAPS, namespace, key.dotted)
    suspended = suspensions_of(record, fleet_of(kube))
    placement = read_placement(raw) if raw else None
    settings = installed(kube.find(NAMESPACES, None, labels.CONTROL_NAMESPACE))
    applications = application_lines(kube, namespace, settings, placement) if placement else ()
    links = _link_lines(key, namespace, settings)
    lines = [*_record_lines(record, suspended), *links, *_step_lines(placement), *applications]
    data("\n".join([*lines, *_history_lines(record)]))
    return 0


def _link_lines(key: "Key", namespace: str, settings: "Settings") -> Iterator[str]:
    """Where its runs are on Argo Workflows' pages, if the installation knows those."""
    from urllib.parse import urlencode

    from reconciler.core import labels

    if settings.argo_server:
        marks = [("label", f"{labels.TENANT}={key.tenant}"), ("label", f"{labels.ENVIRONMENT}={key.environment}")]
        yield f"Runs:         {settings.argo_server.rstrip('/')}/workflows/{namespace}?{urlencode(marks, safe='/')}"


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


def _step_lines(placement: "Placement | None") -> Iterator[str]:
    if placement is None:
        yield "Steps:        nothing is placed yet"
        return
    yield f"Steps (placement {placement.state.value} at {placement.revision[:7]}):"
    for step, outcome in sorted(placement.outcomes.items()):
        stale = "" if outcome.digest == placement.digest else " (of an earlier declaration)"
        yield f"  {step}  {outcome.result.value}{stale}  run {outcome.run}"
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
