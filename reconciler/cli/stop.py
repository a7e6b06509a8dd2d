"""`tenantctl stop`: stop runs in progress, and their Jobs."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, timeout_option
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.names import Key

SHUTDOWN = "Stop"


@click.command()
@click.argument("keys", type=KEY, nargs=-1, required=True)
@click.option("--reason", default="", help="Why, for those who read it later.")
@click.option("--namespace", help="The workflow namespace.", default="tenantctl-workflows", show_default=True)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the Jobs have stopped, too.")
@timeout_option(120)
@cluster_options
def command(
    keys: "tuple[Key, ...]",
    reason: str,
    namespace: str,
    wait: bool,
    timeout: float,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Stop runs in progress, and their Jobs. Nothing is launched for them again until 'tenantctl retry' or a change."""
    from reconciler.adapters.kube import connect

    kube = connect(context, kubeconfig)
    runs = _in_progress(kube, keys)
    _stop(kube, namespace, runs, reason)
    if wait:
        _wait(kube, runs, timeout)
    return 0


def _in_progress(kube: "Kube", keys: "tuple[Key, ...]") -> "dict[Key, str]":
    from reconciler.cli.records import record_of

    records = [record_of(kube, key) for key in dict.fromkeys(keys)]
    for record in records:
        if record.claim is None:
            note(f"{record.key} has no run in progress")
    return {record.key: record.claim.run for record in records if record.claim}


def _stop(kube: "Kube", namespace: str, runs: "dict[Key, str]", reason: str) -> None:
    from reconciler.adapters.kube.resources import WORKFLOWS
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.asker import mark_of
    from reconciler.core import labels

    if not runs:
        return
    records, mark = Records(kube, labels.CONTROL_NAMESPACE), mark_of(kube, reason)
    for key, run in runs.items():
        kube.merge(WORKFLOWS, namespace, run, {"spec": {"shutdown": SHUTDOWN}})
        records.patch(key, {"stop": mark.dump()})
        note(f"{key}: stopping run {run}")


def _wait(kube: "Kube", runs: "dict[Key, str]", timeout: float) -> None:
    """Wait until all are over. Raises TimedOut."""
    from reconciler.core.errors import TimedOut

    deadline = time.monotonic() + timeout
    for key, run in runs.items():
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
