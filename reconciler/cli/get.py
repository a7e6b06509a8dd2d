"""`tenantctl get`: lists of environments, runs and rollouts."""

import time
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.get_rollouts import command as rollouts_command
from reconciler.cli.options import (
    KEY,
    Group,
    cluster_options,
    namespace_option,
    output_option,
    region_option,
    tenant_option,
)
from reconciler.cli.output import as_json, as_yaml, count, data, note, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.adapters.kube import Kube
    from reconciler.cli.region_clusters import Regions
    from reconciler.core.fleet import Suspension
    from reconciler.core.names import Key
    from reconciler.core.observed import Run
    from reconciler.core.record import Record

    Found = tuple[Record, list[Suspension]]

FORMATS = ("text", "wide", "json", "yaml", "name")
ALIASES = {
    "environment": "environments",
    "env": "environments",
    "envs": "environments",
    "run": "runs",
    "rollout": "rollouts",
}


@click.group(cls=Group, aliases=ALIASES)
def command() -> None:
    """List environments, runs or rollouts."""


command.add_command(rollouts_command, "rollouts")


@command.command(name="environments", short_help="List recorded environments.")
@click.argument("keys", type=KEY, nargs=-1)
@tenant_option("Only this tenant's.")
@region_option("Only those in this region.")
@click.option("--not-ready", is_flag=True, help="Only those that are not Ready.")
@click.option("--suspended", is_flag=True, help="Only those for which nothing is launched now.")
@click.option("--gone", is_flag=True, help="Also those that were decommissioned, as long as their record is kept.")
@cluster_options
@output_option(*FORMATS)
def environments(
    keys: "tuple[Key, ...]",
    tenant: str | None,
    region: str | None,
    not_ready: bool,
    suspended: bool,
    gone: bool,
    context: str | None,
    kubeconfig: str | None,
    output: str,
) -> int:
    """List recorded environments, all of them or those that are named."""
    from reconciler.adapters.kube import connect
    from reconciler.cli.records import all_records, fleet_of, record_of, suspensions_of

    kube = connect(context, kubeconfig)
    fleet = fleet_of(kube)
    found = (
        [record_of(kube, key) for key in keys]
        if keys
        else [each for each in all_records(kube) if gone or not each.gone]
    )
    shown = [
        (record, suspensions_of(record, fleet))
        for record in found
        if tenant in (None, record.key.tenant)
        and region in (None, record.region)
        and not (not_ready and _ready(record).startswith("True"))
        and not (suspended and not suspensions_of(record, fleet))
    ]
    _print_environments(shown, output)
    if not shown and output in ("text", "wide"):
        note(_none(len(found), not_ready and not (tenant or region or suspended or keys)))
    return 0


def _none(recorded: int, ready: bool) -> str:
    """Why the list is empty."""
    if not recorded:
        return "no environments are recorded"
    if ready:
        return f"all {recorded} environments are Ready" if recorded > 1 else "the only environment is Ready"
    return f"none of {count(recorded, 'environment')} match{'es' if recorded == 1 else ''}"


def _print_environments(found: "list[Found]", output: str) -> None:
    from reconciler.cli.records import record_json, suspensions_json

    if output in ("json", "yaml"):
        items = [record_json(record) | {"suspensions": suspensions_json(pauses)} for record, pauses in found]
        data(as_json(items) if output == "json" else as_yaml(items))
    elif output == "name":
        _print_names(str(record.key) for record, _ in found)
    elif found:
        data(table(*_environment_table(found, wide=output == "wide")))


def _print_names(names: "Iterable[str]") -> None:
    for name in names:
        data(name)


def _environment_table(found: "list[Found]", *, wide: bool) -> tuple[list[str], list[list[str]]]:
    header = ["TENANT", "ENVIRONMENT", "REGION", "READY", "REASON", "REVISION", "CHANGED", "SUSPENDED"]
    rows = [_environment_row(record, pauses) for record, pauses in found]
    if wide:
        header += ["EPOCH", "RING", "RUN", "MESSAGE"]
        rows = [row + _wide_cells(record) for row, (record, _) in zip(rows, found, strict=True)]
    return header, rows


def _environment_row(record: "Record", pauses: "list[Suspension]") -> list[str]:
    from reconciler.core.condition import READY
    from reconciler.core.record import condition
    from reconciler.core.times import age

    ready = condition(record, READY)
    since = age(ready.since, time.time()) if ready else "-"
    revision = record.applied_revision[:7] or "-"
    reason = ready.reason if ready else "-"
    place = [record.key.tenant, record.key.environment, _region(record)]
    return [*place, _ready(record), reason, revision, since, _suspended(pauses)]


def _region(record: "Record") -> str:
    """Where it is, and where it is going to."""
    move = record.move
    return record.region if move is None or move.to == record.region else f"{record.region} → {move.to}"


def _suspended(pauses: "list[Suspension]") -> str:
    """Until when, as far as is known: the last end, or none."""
    if not pauses:
        return "-"
    ends = [each.mark.until for each in pauses]
    return f"until {max(ends)}" if all(ends) else "yes"


def _ready(record: "Record") -> str:
    from reconciler.core.condition import READY
    from reconciler.core.record import condition

    ready = condition(record, READY)
    return "Unknown" if ready is None else str(ready.status)


def _wide_cells(record: "Record") -> list[str]:
    from reconciler.core.condition import READY
    from reconciler.core.record import condition

    ready = condition(record, READY)
    run = record.claim.run if record.claim else next((e.run for e in reversed(record.history) if e.run), "-")
    return [str(record.epoch), str(record.policy.ring), run, ready.message if ready else ""]


@command.command(name="runs", short_help="List the runs that Argo still has.")
@click.argument("key", type=KEY, required=False)
@region_option("Only those in this region.")
@namespace_option
@cluster_options
@output_option(*FORMATS)
def runs(
    key: "Key | None", region: str | None, namespace: str | None, context: str | None, kubeconfig: str | None,
    output: str,
) -> int:  # fmt: skip
    """List the runs that Argo still has in all regions, newest first.

    Exit code 1: a region does not answer, or your kubeconfig does not have its context, so the list is not complete.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.region_clusters import Regions

    regions = Regions.of(connect(context, kubeconfig), kubeconfig, namespace)
    found, complete = regions.read(_where(regions, key, region), _runs_in)
    shown = [each for each in found if key in (None, each[1].key)]
    _print_runs(sorted(shown, key=lambda each: each[1].started, reverse=True), output)
    return 0 if complete else 1


def _where(regions: "Regions", key: "Key | None", region: str | None) -> list[str]:
    """The regions to ask: those that the environment is or was in, where one is named."""
    from reconciler.cli.records import record_of
    from reconciler.cli.region_clusters import regions_known_to
    from reconciler.core.errors import NotFound

    if key is None or region is not None:
        return regions.names(region)
    try:
        return regions_known_to(record_of(regions.control, key))
    except NotFound:
        return regions.names()


def _runs_in(region: str, kube: "Kube", namespace: str) -> "list[tuple[str, Run]]":
    from reconciler.adapters.kube.resources import WORKFLOWS
    from reconciler.core.observed import read_run

    return [(region, read_run(raw)) for raw in kube.list(WORKFLOWS, namespace)]


def _print_runs(runs: "list[tuple[str, Run]]", output: str) -> None:
    if output in ("json", "yaml"):
        items = [_run_json(run) | {"region": region or None} for region, run in runs]
        data(as_json(items) if output == "json" else as_yaml(items))
    elif output == "name":
        _print_names(run.name for _, run in runs)
    elif not runs:
        note("no runs")
    else:
        data(table(*_run_table(runs, wide=output == "wide")))


def _run_table(runs: "list[tuple[str, Run]]", *, wide: bool) -> tuple[list[str], list[list[str]]]:
    from reconciler.core.times import age

    header = ["RUN", "ENVIRONMENT", "REGION", "VERB", "PHASE", "PROGRESS", "AGE"] + (["BY", "MESSAGE"] if wide else [])
    rows = []
    for region, run in runs:
        phase = f"{run.phase or 'Pending'}{' (stopped)' if run.shutdown else ''}"
        row = [
            run.name,
            str(run.key or "-"),
            region or "-",
            run.verb or "-",
            phase,
            run.progress or "-",
            age(run.started, time.time()),
        ]
        rows.append(row + ([_by(run), run.message] if wide else []))
    return header, rows


def _run_json(run: "Run") -> dict[str, Any]:
    fields = {name: getattr(run, name) for name in run.__slots__ if name != "mark"}
    return fields | {"key": str(run.key) if run.key else None, "by": _by(run)}


def _by(run: "Run") -> str:
    """Who launched it: a claim of the reconciler, or somebody by hand."""
    return "claim" if run.mark else "hand"
