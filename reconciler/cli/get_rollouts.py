"""`tenantctl get rollouts`: how far the versions of lifecycle Jobs have come."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import annotation_option, cluster_options, namespace_option, output_option, region_option
from reconciler.cli.output import as_json, as_yaml, data, note, table

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.cli.region_clusters import Regions
    from reconciler.core.fleet import Fleet
    from reconciler.core.lifecycle_job import LifecycleJob
    from reconciler.core.names import Key
    from reconciler.core.placement import Placement
    from reconciler.core.record import Record
    from reconciler.core.rollout_count import Count, Fleetwide

Json = dict[str, Any]
FORMATS = ("text", "wide", "json", "yaml", "name")
HEADER = ("REGION", "JOB", "HASH", "ENVIRONMENTS", "DONE", "FAILED", "RUNNING", "WAITING", "WAVE", "STATE")
WIDE = ("HELD", "FAILURES ALLOWED", "OWNER", "FAILED IN")
NAMED_MOST = 5


@click.command(
    short_help="Show how far lifecycle Jobs have come.",
    epilog="Example:  tenantctl get rollouts --region eu-west -o wide",
)
@click.argument("jobs", metavar="[NAMESPACE/JOB]...", nargs=-1)
@click.option("--halted", is_flag=True, help="Only those that are halted.")
@region_option("Only those of this region.")
@namespace_option
@annotation_option
@cluster_options
@output_option(*FORMATS)
def command(
    jobs: tuple[str, ...],
    halted: bool,
    region: str | None,
    namespace: str | None,
    annotations: tuple[str, ...],
    context: str | None,
    kubeconfig: str | None,
    output: str,
) -> int:
    """Show how far every lifecycle Job of every region has come, as it is now: in how many environments it is done.

    A new version is Rolling until it was run everywhere, wave by wave, and Halted when it failed too often. Exit code
    1: a region does not answer, or your kubeconfig does not have its context.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.region_clusters import Regions
    from reconciler.core.rollout_count import Stage

    kube = connect(context, kubeconfig)
    try:
        regions = Regions.of(kube, kubeconfig, namespace)
        counts, complete = _all_counts(regions, region, annotations)
    finally:
        kube.close()
    shown = [
        (place, found)
        for place, found in counts
        if (not jobs or _name(found.job) in jobs) and (not halted or found.stage is Stage.HALTED)
    ]
    _print(shown, output)
    if not shown and output in ("text", "wide"):
        note(
            "no rollout is like that" if counts else "no lifecycle Job with upsert is there; see 'tenantctl jobs list'"
        )
    return 0 if complete else 1


def _name(job: "LifecycleJob") -> str:
    return f"{job.namespace}/{job.name}"


# -- reading -------------------------------------------------------------------------------------------------------


def _all_counts(
    regions: "Regions", only: str | None, annotations: Iterable[str]
) -> "tuple[list[tuple[str, Count]], bool]":
    """For every Job its region and its count, and whether all regions answered."""
    records = _records(regions.control)
    if not records:
        note("no records are here: environments that something else holds are counted as waiting")

    def known(region: str, jobs: "list[LifecycleJob]") -> "Fleetwide":
        return _fleetwide(records, regions.fleet, region, jobs)

    def each(name: str, kube: "Kube", namespace: str) -> "list[tuple[str, Count]]":
        return _counts(name, _placements(kube, namespace), _jobs(kube, annotations), known)

    return regions.read(regions.names(only), each)


def _counts(
    name: str,
    placements: "list[Placement]",
    jobs: "list[LifecycleJob]",
    known: "Callable[[str, list[LifecycleJob]], Fleetwide]",
) -> "list[tuple[str, Count]]":
    """A count for every Job of a region, which its placements name where the fleet does not."""
    from reconciler.core.rollout_count import count_of

    active = (each for each in placements if each.state.admits("upsert"))
    region = name or next((str(each.spec.get("region", "")) for each in active), "")
    fleetwide = known(region, jobs)
    return [(region, count_of(job, placements, fleetwide)) for job in jobs]


def _placements(kube: "Kube", namespace: str) -> "list[Placement]":
    from reconciler.adapters.kube.resources import CONFIG_MAPS
    from reconciler.core import labels
    from reconciler.core.placement import read_placement

    raws = kube.list(CONFIG_MAPS, namespace, labelSelector=labels.selects("placement"))
    return _readable(read_placement, raws)


def _jobs(kube: "Kube", annotations: Iterable[str]) -> "list[LifecycleJob]":
    """Those that run and have the verb, by namespace and name."""
    from reconciler.adapters.kube.resources import JOBS, NAMESPACES
    from reconciler.core import labels
    from reconciler.core.discovery import COPIES_LEFT_OUT, survey
    from reconciler.core.step import Verb

    enabled = {item["metadata"]["name"] for item in kube.list(NAMESPACES, labelSelector=labels.TRUSTED)}
    raws = kube.list(JOBS, None, labelSelector=COPIES_LEFT_OUT)
    surveyed = survey(raws, enabled, (labels.VERBS_ANNOTATION, *annotations))
    return [item.job for item in surveyed if not item.trouble and item.job.has(Verb.UPSERT)]


def _fleetwide(records: "dict[Key, Record]", fleet: "Fleet", region: str, jobs: "list[LifecycleJob]") -> "Fleetwide":
    """What the control plane knows, if its context was given."""
    from reconciler.core.rollout_count import Fleetwide
    from reconciler.core.step import Verb

    upserts = {job.step(Verb.UPSERT): job.hash for job in jobs}
    return Fleetwide(region, records or None, fleet, time.time(), upserts)


def _records(kube: "Kube") -> "dict[Key, Record]":
    from reconciler.adapters.kube.resources import CONFIG_MAPS
    from reconciler.core import labels
    from reconciler.core.record import read_record

    raws = kube.list(CONFIG_MAPS, labels.CONTROL_NAMESPACE, labelSelector=labels.selects("record"))
    return {record.key: record for record in _readable(read_record, raws)}


def _readable(read: Any, raws: Iterable[Json]) -> list[Any]:
    """What can be read; what somebody damaged is said, and left out as the controller leaves it out."""
    found = []
    for raw in raws:
        try:
            found.append(read(raw))
        except ValueError as error:
            note(f"left out: {error}")
    return found


# -- printing ------------------------------------------------------------------------------------------------------


def _print(counts: "list[tuple[str, Count]]", output: str) -> None:
    if output in ("json", "yaml"):
        items = [_json(region, found) for region, found in counts]
        data(as_json(items) if output == "json" else as_yaml(items))
    elif output == "name":
        for name in dict.fromkeys(_name(found.job) for _, found in counts):
            data(name)
    elif counts:
        wide = output == "wide"
        rows = [_row(region, found) + (_wide(found) if wide else []) for region, found in counts]
        data(table((*HEADER, *WIDE) if wide else HEADER, rows))


def _row(region: str, found: "Count") -> list[str]:
    shown = _json(region, found)
    numbers = [str(shown[name]) for name in ("environments", "done", "failed", "running", "waiting")]
    wave = str(shown["wave"]) if found.rollout.front else "-"
    return [region or "-", _name(found.job), found.job.hash[:7], *numbers, wave, shown["state"]]


def _wide(found: "Count") -> list[str]:
    from reconciler.core.standing import Standing

    failed = found.keys(Standing.FAILED)
    named = ",".join(map(str, failed[:NAMED_MOST])) + (
        f" and {more} more" if (more := len(failed) - NAMED_MOST) > 0 else ""
    )
    return [str(len(found.keys(Standing.HELD))), str(found.failures_allowed), found.job.owner or "-", named or "-"]


def _json(region: str, found: "Count") -> Json:
    from reconciler.core.standing import Standing

    by = {standing: [str(key) for key in found.keys(standing)] for standing in Standing}
    return {
        "region": region,
        "namespace": found.job.namespace,
        "job": found.job.name,
        "hash": found.job.hash,
        "owner": found.job.owner,
        "environments": len(found.standings),
        "done": len(by[Standing.DONE]),
        "failed": len(by[Standing.FAILED]),
        "running": len(by[Standing.RUNNING]),
        "waiting": found.waiting,
        "held": len(by[Standing.HELD]),
        "wave": found.rollout.wave,
        "failuresAllowed": found.failures_allowed,
        "state": found.stage.value,
        "failedIn": by[Standing.FAILED],
        "runningIn": by[Standing.RUNNING],
    }
