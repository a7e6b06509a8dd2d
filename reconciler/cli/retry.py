"""`tenantctl retry`: try the steps again that are not done."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.core.names import Key


@click.command()
@click.argument("key", type=KEY)
@click.option("--reason", default="", help="Why, for those who read it later.")
@click.option("--wait", is_flag=True, help="Wait until it is Ready or Stalled.")
@click.option("--timeout", default=600.0, show_default=True, metavar="SECONDS", help="How long to wait at most.")
@cluster_options
def command(key: "Key", reason: str, wait: bool, timeout: float, context: str | None, kubeconfig: str | None) -> int:
    """Try the steps again that are not done, counting attempts from one.

    For an environment that is Stalled: a stopped or deleted run, attempts used up, a failure that asked for a person.
    """
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.asker import mark_of
    from reconciler.cli.records import fleet_of, record_of, suspensions_of
    from reconciler.cli.settled import wait_settled
    from reconciler.core import labels
    from reconciler.core.condition import READY
    from reconciler.core.record import condition

    kube = connect(context, kubeconfig)
    record = record_of(kube, key)
    ready = condition(record, READY)
    if ready is not None and ready.status:
        note(f"{key} is Ready: there is nothing to try again")
        return 0
    mark = str(time.time_ns())
    why = mark_of(kube, reason)
    Records(kube, labels.CONTROL_NAMESPACE).patch(key, {"retry": why.dump(), "reconcile": mark})
    after = f" once run {record.claim.run} is over" if record.claim else ""
    note(f"{key}: the steps that are not done are tried again{after}")
    for each in suspensions_of(record, fleet_of(kube)):
        note(f"nothing is launched yet: {each}")
    return wait_settled(kube, [key], mark, timeout) if wait else 0
