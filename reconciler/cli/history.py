"""`tenantctl history`: what was done to one environment, the newest last."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, output_option
from reconciler.cli.output import as_json, as_yaml, data, note, table

if TYPE_CHECKING:
    from reconciler.core.names import Key
    from reconciler.core.record import Record


@click.command()
@click.argument("key", type=KEY)
@cluster_options
@output_option("text", "json", "yaml")
def command(key: "Key", context: str | None, kubeconfig: str | None, output: str) -> int:
    """Show what was done to one environment: the last ten runs and interventions, the newest last."""
    from reconciler.adapters.kube import connect
    from reconciler.cli.records import record_json, record_of

    record = record_of(connect(context, kubeconfig), key)
    if output != "text":
        items = record_json(record)["history"]
        data(as_json(items) if output == "json" else as_yaml(items))
    elif record.history:
        data(table(*history_rows(record, time.time())))
    else:
        note(f"nothing was done to {key} yet")
    return 0


def history_rows(record: "Record", now: float) -> tuple[list[str], list[list[str]]]:
    """The header and rows of a history."""
    from reconciler.core.times import age

    header = ["AGO", "EVENT", "ATTEMPT", "TOOK", "REVISION", "RUN", "MESSAGE"]
    rows = [
        [
            age(entry.at, now),
            entry.event,
            str(entry.attempt or "-"),
            f"{entry.seconds:g}s" if entry.seconds else "-",
            entry.revision[:7] or "-",
            entry.run or "-",
            entry.message,
        ]
        for entry in record.history
    ]
    return header, rows
