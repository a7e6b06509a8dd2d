"""`tenantctl stop`: stop the run in progress, and its Jobs."""

import time
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import KEY, cluster_options
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.core.names import Key

SHUTDOWN = "Stop"


@click.command()
@click.argument("key", type=KEY)
@click.option("--reason", default="", help="Why, for those who read it later.")
@click.option("--namespace", help="The workflow namespace.", default="tenantctl-workflows", show_default=True)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until its Jobs have stopped, too.")
@click.option("--timeout", default=120.0, show_default=True, metavar="SECONDS", help="How long to wait at most.")
@cluster_options
def command(
    key: "Key", reason: str, namespace: str, wait: bool, timeout: float, context: str | None, kubeconfig: str | None
) -> int:
    """Stop the run in progress, and its Jobs. Nothing is launched for it again until 'tenantctl retry' or a change."""
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.resources import WORKFLOWS
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.asker import mark_of
    from reconciler.cli.records import record_of
    from reconciler.core import labels

    kube = connect(context, kubeconfig)
    record = record_of(kube, key)
    if record.claim is None:
        note(f"{key} has no run in progress")
        return 0
    kube.merge(WORKFLOWS, namespace, record.claim.run, {"spec": {"shutdown": SHUTDOWN}})
    Records(kube, labels.CONTROL_NAMESPACE).patch(key, {"stop": mark_of(kube, reason).dump()})
    note(f"{key}: stopping run {record.claim.run}")
    return _wait(kube, key, record.claim.run, timeout) if wait else 0


def _wait(kube: Any, key: "Key", run: str, timeout: float) -> int:
    from reconciler.cli.records import record_of
    from reconciler.core.errors import TimedOut

    deadline = time.monotonic() + timeout
    while (record := record_of(kube, key)).claim is not None and record.claim.run == run:
        if time.monotonic() > deadline:
            raise TimedOut(
                f"run {run} is not over after {timeout:g} s; is the controller running? See 'tenantctl get runs'"
            )
        time.sleep(0.5)
    note(f"{key}: run {run} is over")
    return 0
