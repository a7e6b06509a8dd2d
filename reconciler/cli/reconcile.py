"""`tenantctl reconcile`: ask the controller to look at environments now."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, repository_options, timeout_option
from reconciler.cli.output import count, note

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.names import Key


@click.command()
@click.argument("keys", type=KEY, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All recorded environments.")
@click.option("--wait", is_flag=True, help="Wait until they are Ready or Stalled.")
@click.option(
    "--declared", is_flag=True, help="With --all --wait: also for those that are declared and not known yet, a new one."
)
@repository_options
@timeout_option(600)
@cluster_options
def command(
    keys: "tuple[Key, ...]",
    everything: bool,
    wait: bool,
    declared: bool,
    repository: str,
    ref: str,
    timeout: float,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Ask the controller to fetch the repository and look at environments now.

    What is declared is read from --repository at --ref, and only for --declared.
    """
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.records import all_records
    from reconciler.cli.settled import wait_settled
    from reconciler.core import labels
    from reconciler.core.errors import UsageError

    if bool(keys) == everything:
        raise UsageError("name environments, or say --all")
    if declared and not (everything and wait):
        raise UsageError("--declared is for --all --wait")
    kube = connect(context, kubeconfig)
    chosen = [record.key for record in all_records(kube)] if everything else [_recorded(kube, key) for key in keys]
    records = Records(kube, labels.CONTROL_NAMESPACE)
    mark = str(time.time_ns())
    for key in chosen:
        records.patch(key, {"reconcile": mark})
    new = _new(repository, ref, chosen) if declared else []
    note(f"asked for {count(len(chosen), 'environment')}{f', and {len(new)} more are new' if new else ''}")
    return wait_settled(kube, chosen, mark, timeout, new) if wait else 0


def _new(repository: str, ref: str, known: "list[Key]") -> "list[Key]":
    """Those that are declared and have no record that could be asked by."""
    from reconciler.cli.wiring import read_desired

    return sorted(read_desired(repository, ref).environments.keys() - set(known))


def _recorded(kube: "Kube", key: "Key") -> "Key":
    """The key, if the controller knows it: a new one has no record that could be asked by. Raises NotFound."""
    from reconciler.cli.records import record_of
    from reconciler.core.errors import NotFound

    try:
        return record_of(kube, key).key
    except NotFound as error:
        hint = "if it was merged just now, 'tenantctl reconcile --all' has the repository read, which makes it known"
        raise NotFound(f"{error}; {hint}") from error
