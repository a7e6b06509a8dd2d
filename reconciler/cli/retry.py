"""`tenantctl retry`: try the steps again that are not done."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, timeout_option
from reconciler.cli.output import count, note

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.names import Key
    from reconciler.core.record import Record


@click.command(epilog="Example:  tenantctl get environments --not-ready -o name | xargs tenantctl retry")
@click.argument("keys", type=KEY, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are Stalled.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; --all needs it where nobody can be asked.")
@click.option("--reason", default="", help="Why, for those who read it later.")
@click.option("--wait", is_flag=True, help="Wait until they are Ready or Stalled.")
@timeout_option(600)
@cluster_options
def command(
    keys: "tuple[Key, ...]",
    everything: bool,
    yes: bool,
    reason: str,
    wait: bool,
    timeout: float,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Try the steps again that are not done, counting attempts from one.

    For environments that are Stalled: a stopped or deleted run, attempts used up, a failure that asked for a person;
    also where only the clean-up after a move is, while the environment is Ready.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.records import record_of
    from reconciler.cli.settled import wait_settled
    from reconciler.core.errors import UsageError

    if bool(keys) == everything:
        raise UsageError("name environments, or say --all")
    kube = connect(context, kubeconfig)
    found = _stalled(kube, yes) if everything else [record_of(kube, key) for key in dict.fromkeys(keys)]
    chosen = [record for record in found if _is_stuck(record) or not _is_ready(record)]
    mark = str(time.time_ns())
    _ask(kube, chosen, reason, mark)
    return wait_settled(kube, [record.key for record in chosen], mark, timeout) if wait and chosen else 0


def _stalled(kube: "Kube", yes: bool) -> "list[Record]":
    """All that are Stalled, once somebody has agreed to that many."""
    from reconciler.cli.records import all_records
    from reconciler.cli.selection import confirm

    found = [each for each in all_records(kube) if _is_stuck(each)]
    if not found:
        note("no environment is Stalled")
        return []
    many = f"{count(len(found), 'environment')} that {'is' if len(found) == 1 else 'are'} Stalled"
    confirm(f"Try {many} again?", yes)
    note(f"trying {many}")
    return found


def _is_stuck(record: "Record") -> bool:
    """Whether it is Stalled, or what is left of its move is: that stands beside Ready (design §6, *Cleaning*)."""
    from reconciler.core.condition import STALLED
    from reconciler.core.record import condition

    stalled = condition(record, STALLED)
    return bool((stalled and stalled.status) or (record.move and record.move.attempts.stalled))


def _is_ready(record: "Record") -> bool:
    from reconciler.core.condition import READY
    from reconciler.core.record import condition

    ready = condition(record, READY)
    if ready is None or not ready.status:
        return False
    note(f"{record.key} is Ready: there is nothing to try again")
    return True


def _ask(kube: "Kube", chosen: "list[Record]", reason: str, mark: str) -> None:
    """Leave the mark of the lever, and the request to look at it, on every record."""
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.asker import mark_of
    from reconciler.cli.records import fleet_of, suspensions_of
    from reconciler.core import labels

    if not chosen:
        return
    records, fleet = Records(kube, labels.CONTROL_NAMESPACE), fleet_of(kube)
    values = {"retry": mark_of(kube, reason).dump(), "reconcile": mark}
    for record in chosen:
        records.patch(record.key, values)
        after = f" once run {record.claim.run} is over" if record.claim else ""
        note(f"{record.key}: the steps that are not done are tried again{after}")
        for each in suspensions_of(record, fleet):
            note(f"nothing is launched yet: {each}")
