"""`tenantctl history`: what was done to one environment, the newest last."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, output_option
from reconciler.cli.output import as_json, as_yaml, data, note, table

if TYPE_CHECKING:
    from reconciler.core.names import Key
    from reconciler.core.record import Entry


@click.command()
@click.argument("key", type=KEY, required=False)
@cluster_options
@output_option("text", "json", "yaml")
def command(key: "Key | None", context: str | None, kubeconfig: str | None, output: str) -> int:
    """Show what was done to one environment: the last ten runs and interventions, the newest last.

    Without an environment: the last twenty suspensions of tenants, of regions and of everything, their ends, and
    commits that were approved as the source.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.records import entries_json, fleet_of, record_of

    kube = connect(context, kubeconfig)
    entries = record_of(kube, key).history if key else fleet_of(kube).history
    if output != "text":
        items = entries_json(entries)
        data(as_json(items) if output == "json" else as_yaml(items))
    elif entries:
        data(table(*history_rows(entries, time.time())))
    else:
        note(f"nothing was done to {key} yet" if key else "no tenant, no region and not everything was suspended yet")
    return 0


def history_rows(entries: "Iterable[Entry]", now: float) -> tuple[list[str], list[list[str]]]:
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
        for entry in entries
    ]
    return header, rows
