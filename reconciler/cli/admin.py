"""`tenantctl admin`: `list` the admin processes that services offer, `run` one in one environment or in many."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import output as out
from reconciler.cli.admin_run import command as run_command
from reconciler.cli.options import annotation_option, cluster_options, output_option, region_option, repository_options
from reconciler.core.step import ADMIN

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.discovery import Surveyed
    from reconciler.core.placement import Placement
    from reconciler.core.region import Region

Json = dict[str, Any]
HEADER = ("NAME", "REGION", "NAMESPACE", "JOB", "OWNER", "ENVIRONMENTS", "RUNS")


@click.group()
def command() -> None:
    """List admin processes, and run them: one-off tasks of services, which their lifecycle Jobs call admin.<name>."""


command.add_command(run_command)


@command.command("list", short_help="List the admin processes of all regions.")
@region_option("Only those of this region.")
@repository_options
@cluster_options
@annotation_option
@output_option("text", "json", "yaml", "name")
def list_command(
    region: str | None,
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
    annotations: tuple[str, ...],
    output: str,
) -> int:
    """List the admin processes of all regions: their Jobs and owners, and how many environments use each.

    Exit code 1: a region does not answer, so the list is not complete.
    """
    from reconciler.cli.wiring import Place, read_desired, region_cluster
    from reconciler.core import labels
    from reconciler.core.errors import TenantctlError

    regions = _chosen(read_desired(repository, ref).regions, region)
    place = Place(context, kubeconfig)
    control, silent = place.control(), 0
    keys = (labels.VERBS_ANNOTATION, *annotations)
    rows: list[Json] = []
    for each in regions:
        try:
            rows += _rows(region_cluster(place, control, each), each, keys)
        except TenantctlError as error:
            out.note(f"region {each.name} does not answer: {error}")
            silent += 1
    _print(sorted(rows, key=lambda row: (row["name"], row["region"], row["namespace"], row["job"])), output)
    if not rows and not silent:
        out.note("no admin processes; a lifecycle Job with the entry admin.<name> in its annotation offers one")
    return 1 if silent else 0


def _chosen(regions: "Mapping[str, Region]", name: str | None) -> "list[Region]":
    from reconciler.core.errors import NotFound, UsageError
    from reconciler.core.finding import suggest

    if not regions:
        raise NotFound("no regions are listed in providers/regions.yaml of this repository; name one by --repository")
    if name is not None and name not in regions:
        raise UsageError(f"--region {name}: known are {', '.join(sorted(regions))}{suggest(name, regions)}")
    return [region for region in regions.values() if name in (None, region.name)]


def _rows(kube: "Kube", region: "Region", annotations: tuple[str, ...]) -> Iterator[Json]:
    """A row for each Job and each of its admin processes."""
    from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES
    from reconciler.core import labels
    from reconciler.core.discovery import COPIES_LEFT_OUT, survey

    enabled = {item["metadata"]["name"] for item in kube.list(NAMESPACES, labelSelector=labels.TRUSTED)}
    found = survey(kube.list(JOBS, labelSelector=COPIES_LEFT_OUT), enabled, annotations)
    offering = [item for item in found if any(verb.startswith(ADMIN) for verb in item.job.verbs)]
    if not offering:
        return
    placements = list(
        _live(kube.list(CONFIG_MAPS, region.workflow_namespace, labelSelector=labels.selects("placement")))
    )
    for item in offering:
        users = [str(each.key) for each in placements if each.uses(item.job.namespace)]
        yield from (_row(verb, region, item, users) for verb in item.job.verbs if verb.startswith(ADMIN))


def _live(raws: Iterable[Json]) -> "Iterator[Placement]":
    """The placements on which an admin process could run; damaged ones are told of elsewhere."""
    from reconciler.core.errors import Damaged
    from reconciler.core.placement import State, read_placement

    for raw in raws:
        try:
            placement = read_placement(raw)
        except Damaged:
            continue
        if placement.state is State.ACTIVE:
            yield placement


def _row(verb: str, region: "Region", item: "Surveyed", users: list[str]) -> Json:
    job = item.job
    place = {"name": verb.removeprefix(ADMIN), "region": region.name, "namespace": job.namespace, "job": job.name}
    return place | {
        "owner": job.owner, "environments": sorted(users), "runs": not item.trouble, "reasons": list(item.trouble),
    }  # fmt: skip


def _print(rows: list[Json], output: str) -> None:
    if output == "json":
        out.data(out.as_json(rows))
    elif output == "yaml":
        out.data(out.as_yaml(rows))
    elif output == "name" and rows:
        out.data("\n".join(dict.fromkeys(row["name"] for row in rows)))
    elif rows:
        out.data(out.table(HEADER, map(_cells, rows)))


def _cells(row: Json) -> tuple[str, ...]:
    runs = "yes" if row["runs"] else "no: " + "; ".join(row["reasons"])
    place = row["name"], row["region"], row["namespace"], row["job"]
    return *place, row["owner"] or "-", str(len(row["environments"])), runs
