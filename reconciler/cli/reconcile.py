"""`tenantctl reconcile`: ask the controller to look at environments now."""

import time
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import KEY, cluster_options
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.core.names import Key
    from reconciler.core.record import Record


@click.command()
@click.argument("keys", type=KEY, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All recorded environments.")
@click.option("--wait", is_flag=True, help="Wait until they are Ready or Stalled.")
@click.option("--timeout", default=600.0, show_default=True, metavar="SECONDS", help="How long to wait at most.")
@cluster_options
def command(
    keys: "tuple[Key, ...]", everything: bool, wait: bool, timeout: float, context: str | None, kubeconfig: str | None
) -> int:
    """Ask the controller to fetch the repository and look at environments now."""
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.records import all_records, record_of
    from reconciler.core import labels
    from reconciler.core.errors import UsageError

    if bool(keys) == everything:
        raise UsageError("name environments, or say --all")
    kube = connect(context, kubeconfig)
    chosen = [record.key for record in all_records(kube)] if everything else [record_of(kube, key).key for key in keys]
    records = Records(kube, labels.CONTROL_NAMESPACE)
    mark = str(time.time_ns())
    for key in chosen:
        records.patch(key, {"reconcile": mark})
    note(f"asked for {len(chosen)} environments")
    return _wait(kube, chosen, mark, timeout) if wait else 0


def _wait(kube: Any, keys: "list[Key]", mark: str, timeout: float) -> int:
    """Wait until each was looked at and is settled; exit code 1 when one is Stalled. Raises TimedOut."""
    from reconciler.cli.records import record_of
    from reconciler.core.errors import TimedOut

    deadline = time.monotonic() + timeout
    pending = dict.fromkeys(keys, "")
    stalled = False
    while pending:
        for key in list(pending):
            state = _state(record_of(kube, key), mark)
            if state.startswith(("Ready", "Stalled")):
                note(f"{key}: {state}")
                stalled |= state.startswith("Stalled")
                del pending[key]
            else:
                pending[key] = state
        if pending and time.monotonic() > deadline:
            waiting = ", ".join(f"{key}: {state}" for key, state in pending.items())
            raise TimedOut(f"not ready after {timeout:g} s: {waiting}; is the controller running?")
        time.sleep(0.5 if pending else 0)
    return 1 if stalled else 0


def _state(record: "Record", mark: str) -> str:
    from reconciler.core.record import conditions_by_type

    if record.handled != mark:
        return "not looked at yet"
    conditions = conditions_by_type(record)
    if conditions["Ready"].status:
        return "Ready"
    stalled = conditions["Stalled"]
    return f"Stalled: {stalled.reason}: {stalled.message}" if stalled.status else conditions["Ready"].message
