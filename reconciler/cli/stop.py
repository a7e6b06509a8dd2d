"""`tenantctl stop`: stop runs in progress, and their Jobs."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, namespace_option, timeout_option
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.cli.region_clusters import Regions
    from reconciler.core.claim import Claim
    from reconciler.core.names import Key

SHUTDOWN = "Stop"


@click.command()
@click.argument("keys", type=KEY, nargs=-1, required=True)
@click.option("--reason", default="", help="Why, for those who read it later.")
@namespace_option
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the Jobs have stopped, too.")
@timeout_option(120)
@cluster_options
def command(
    keys: "tuple[Key, ...]",
    reason: str,
    namespace: str | None,
    wait: bool,
    timeout: float,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Stop runs in progress, and their Jobs. Nothing is launched for them again until 'tenantctl retry' or a change."""
    from reconciler.adapters.kube import connect
    from reconciler.cli.region_clusters import Regions

    kube = connect(context, kubeconfig)
    claims = _in_progress(kube, keys)
    _stop(Regions.of(kube, kubeconfig, namespace), claims, reason)
    if wait:
        _wait(kube, claims, timeout)
    return 0


def _in_progress(kube: "Kube", keys: "tuple[Key, ...]") -> "dict[Key, Claim]":
    from reconciler.cli.records import record_of

    records = [record_of(kube, key) for key in dict.fromkeys(keys)]
    for record in records:
        if record.claim is None:
            note(f"{record.key} has no run in progress")
    return {record.key: record.claim for record in records if record.claim}


def _stop(regions: "Regions", claims: "dict[Key, Claim]", reason: str) -> None:
    """Stop each in its region; none where one of the regions cannot be reached. Raises UsageError."""
    from reconciler.adapters.kube.resources import WORKFLOWS
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.asker import mark_of
    from reconciler.core import labels

    if not claims:
        return
    places = {name: regions.place(name) for name in {claim.region for claim in claims.values()}}
    records, mark = Records(regions.control, labels.CONTROL_NAMESPACE), mark_of(regions.control, reason)
    for key, claim in claims.items():
        kube, namespace = places[claim.region]
        kube.merge(WORKFLOWS, namespace, claim.run, {"spec": {"shutdown": SHUTDOWN}})
        records.patch(key, {"stop": mark.dump()})
        note(f"{key}: stopping run {claim.run}")


def _wait(kube: "Kube", claims: "dict[Key, Claim]", timeout: float) -> None:
    """Wait until all are over. Raises TimedOut."""
    from reconciler.core.errors import TimedOut

    deadline = time.monotonic() + timeout
    for key, run in ((key, claim.run) for key, claim in claims.items()):
        while not _is_over(kube, key, run):
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"run {run} is not over after {timeout:g} s; is the controller running? See 'tenantctl get runs'"
                )
            time.sleep(0.5)
        note(f"{key}: run {run} is over")


def _is_over(kube: "Kube", key: "Key", run: str) -> bool:
    from reconciler.cli.records import record_of

    record = record_of(kube, key)
    return record.claim is None or record.claim.run != run
