"""`tenantctl jobs`: `list` what a cluster holds of lifecycle Jobs, `lint` manifests of them offline, `run` one."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import output as out
from reconciler.cli.jobs_run import command as run_command
from reconciler.cli.lines import line_of
from reconciler.cli.options import annotation_option, cluster_options, output_option, region_option
from reconciler.core import labels
from reconciler.core.errors import UsageError
from reconciler.report.findings import text_with_lines
from reconciler.report.job_findings import FORMATS, JobFinding, summary

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.finding import Problem

Json = dict[str, Any]
HEADER = ("NAMESPACE", "NAME", "VERBS", "OWNER", "RUNS")
SUFFIXES = (".yaml", ".yml", ".json")


@click.group()
def command() -> None:
    """List, lint and run lifecycle Jobs."""


command.add_command(run_command)


@command.command(
    "list",
    short_help="List the lifecycle Jobs of a cluster, or of all regions.",
    epilog="Example:  tenantctl jobs list --all-regions -o wide",
)
@cluster_options
@click.option("-n", "--namespace", metavar="NAMESPACE", help="Only Jobs of this namespace, which is the service.")
@click.option("--all-regions", is_flag=True, help="Those of all regions of the fleet.")
@region_option("Those of this region of the fleet.")
@annotation_option
@output_option("text", "json", "yaml", "name", "wide")
def list_command(
    context: str | None, kubeconfig: str | None, namespace: str | None, all_regions: bool, region: str | None,
    annotations: tuple[str, ...], output: str,
) -> int:  # fmt: skip
    """List the lifecycle Jobs of a cluster: their verbs, their owners, and why one would not be run.

    Of the one cluster that --context names, be it the control plane's or not; or of regions of the fleet, by their
    contexts in your kubeconfig. Exit code 1: one of these does not answer, or its context is not there.
    """
    from reconciler.adapters.kube import connect

    if all_regions and region is not None:
        raise UsageError("say --all-regions or --region REGION")
    keys, fleetwide = _keys(annotations), all_regions or region is not None
    kube = connect(context, kubeconfig)
    try:
        if fleetwide:
            rows, complete = _of_regions(kube, kubeconfig, region, namespace, keys)
        else:
            rows, complete = _discovered("", kube, namespace, keys), True
    finally:
        kube.close()
    forms: dict[str, Callable[[list[Json]], str]] = {"json": out.as_json, "yaml": out.as_yaml, "name": _names}
    shown = forms[output](rows) if output in forms else _table(rows, fleetwide=fleetwide, wide=output == "wide")
    if shown:
        out.data(shown)
    if not rows and complete:
        out.note(f"no lifecycle Jobs; a suspended Job with the annotation {labels.VERBS_ANNOTATION} is one")
    return 0 if complete else 1


def _keys(annotations: Iterable[str]) -> tuple[str, ...]:
    return (labels.VERBS_ANNOTATION, *annotations)


def _of_regions(
    control: "Kube", kubeconfig: str | None, region: str | None, namespace: str | None, keys: Sequence[str]
) -> tuple[list[Json], bool]:
    """Those of regions, and whether all of these answered."""
    from reconciler.cli.region_clusters import Regions

    regions = Regions.of(control, kubeconfig)
    if not regions.fleet.regions:
        out.note("no regions are listed here: these are the Jobs of this cluster alone")
    return regions.read(regions.names(region), lambda name, kube, _: _discovered(name, kube, namespace, keys))


def _discovered(region: str, kube: "Kube", namespace: str | None, keys: Sequence[str]) -> list[Json]:
    from reconciler.adapters.kube.resources import JOBS, NAMESPACES
    from reconciler.core.discovery import COPIES_LEFT_OUT, survey

    enabled = {item["metadata"]["name"] for item in kube.list(NAMESPACES, labelSelector=labels.TRUSTED)}
    found = survey(kube.list(JOBS, namespace, labelSelector=COPIES_LEFT_OUT), enabled, keys)
    return [{"region": region or None} | _row(item) for item in found]


def _row(item: Any) -> Json:
    job = asdict(item.job)
    order = ("namespace", "name", "verbs", "unknown", "owner", "hash")
    return {key: job[key] for key in order} | {"runs": not item.trouble, "reasons": list(item.trouble)}


def _names(rows: list[Json]) -> str:
    """For `xargs`: a Job's name is the same in all regions."""
    return "\n".join(dict.fromkeys(f"{row['namespace']}/{row['name']}" for row in rows))


def _table(rows: list[Json], *, fleetwide: bool, wide: bool) -> str:
    header = (*(("REGION",) if fleetwide else ()), *HEADER, *(("HASH",) if wide else ()))
    return out.table(header, [_cells(row, fleetwide=fleetwide, wide=wide) for row in rows]) if rows else ""


def _cells(row: Json, *, fleetwide: bool, wide: bool) -> tuple[str, ...]:
    runs = "yes" if row["runs"] else "no: " + "; ".join(row["reasons"])
    verbs = ",".join([*row["verbs"], *(f"{verb}?" for verb in row["unknown"])])
    region = (row["region"] or "-",) if fleetwide else ()
    return (
        *region,
        row["namespace"],
        row["name"],
        verbs or "-",
        row["owner"] or "-",
        runs,
        *((row["hash"],) if wide else ()),
    )


@dataclass(frozen=True)
class Source:
    """A file, or standard input, to be linted. `named`: by itself, not found in a folder."""

    name: str
    data: bytes
    named: bool = True


@command.command(
    "lint",
    short_help="Check manifests of lifecycle Jobs, without a cluster.",
    epilog="Example:  tenantctl jobs lint deploy/   ·   helm template . | tenantctl jobs lint -",
)
@click.argument("paths", nargs=-1, required=True)
@annotation_option
@output_option(*FORMATS, "wide")
def lint_command(paths: tuple[str, ...], annotations: tuple[str, ...], output: str) -> int:
    """Check manifests of lifecycle Jobs against the contract, without a cluster.

    PATHS are YAML files, folders of them, or - for standard input; objects of other kinds are passed over.
    What is no YAML is an error; in a folder, where templates of Helm may be, a warning. -o wide shows the lines.
    Exit code 1: there are errors. Warnings and notes leave it at 0.
    """
    from reconciler.core.job_contract import Level

    findings, jobs = _lint(_sources(paths), _keys(annotations))
    shown = text_with_lines(findings, line_of) if output == "wide" else FORMATS[output](findings)
    if shown:
        out.data(shown)
    out.note(summary(findings, jobs))
    return int(any(finding.level is Level.ERROR for finding in findings))


def _sources(paths: Iterable[str]) -> Iterator[Source]:
    for path in paths:
        if path == "-":
            yield Source("<stdin>", sys.stdin.buffer.read())
            continue
        for file in _files(Path(path)):
            yield Source(str(file), _content(file), named=file == Path(path))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    return [path]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _lint(sources: Iterable[Source], keys: Sequence[str]) -> tuple[list[JobFinding], int]:
    from reconciler.core.job_contract import Advice, advice, is_lifecycle, symmetry, wrong_kind
    from reconciler.core.manifest import Manifest, read_manifests

    findings: list[JobFinding] = []
    jobs: list[tuple[Source, Manifest]] = []

    def note(source: Source, manifest: Manifest, item: Advice) -> None:
        place = manifest.position(item.path, at_key=item.at_key)
        findings.append(JobFinding(source.name, *place, item.level, item.code, item.message))

    for source in sources:
        manifests, problem = read_manifests(source.data)
        jobs += [(source, manifest) for manifest in manifests if is_lifecycle(manifest.value, keys)]
        for manifest in manifests:
            for item in wrong_kind(manifest.value, keys):
                note(source, manifest, item)
        if problem:
            findings.append(_unread(source, problem, keys))
    for source, manifest in jobs:
        for item in advice(manifest.value, keys):
            note(source, manifest, item)
    for index, item in symmetry([manifest.value for _, manifest in jobs], keys):
        note(*jobs[index], item)
    return sorted(findings), len(jobs)


def _unread(source: Source, problem: "Problem", keys: Sequence[str]) -> JobFinding:
    """What is no YAML fails, unless it was met in a folder and has nothing of a lifecycle Job in it."""
    from reconciler.core.job_contract import Level

    level = Level.ERROR if source.named or any(key.encode() in source.data for key in keys) else Level.WARNING
    hint = "; render the template first" if b"{{" in source.data else ""
    return JobFinding(source.name, problem.line, problem.column, level, problem.code, problem.message + hint)
