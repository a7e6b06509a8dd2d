"""`tenantctl snapshot`: the state of all clusters in one file, for plans where no cluster can be reached."""

import os
import time

import click

from reconciler.cli.options import cluster_options, repository_options
from reconciler.cli.output import as_json, count, data, note


@click.command(
    epilog="Example:  tenantctl snapshot > snapshot.json   ·   tenantctl plan --against snapshot.json -o markdown"
)
@repository_options
@cluster_options
def command(repository: str, ref: str, context: str | None, kubeconfig: str | None) -> int:
    """Print what a plan reads of the clusters, as JSON: records, placements, runs, and which lifecycle Jobs there are.

    It holds declarations and outcomes, but no Secret and no pod template. CI that must not reach a cluster plans with
    it. Exit code 1: a region does not answer; it is in the file as that.
    """
    from reconciler.cli.wiring import Place, read_desired, region_cluster
    from reconciler.controller.snapshot import take
    from reconciler.core.lifecycle_job import lifecycle_annotations

    place, desired = Place(context, kubeconfig), read_desired(repository, ref)
    control = place.control()
    regions = {region: region_cluster(place, control, region) for region in desired.regions.values()}
    document = take(control, regions, lifecycle_annotations(os.environ), time.time())
    data(as_json(document))
    silent = {name: region["trouble"] for name, region in document["regions"].items() if "trouble" in region}
    for name, trouble in silent.items():
        note(f"region {name} does not answer: {trouble}")
    note(f"{count(len(regions) - len(silent), 'region')} at {document['at']}")
    return 1 if silent else 0
