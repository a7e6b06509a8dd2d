"""`tenantctl version`."""

import click

from reconciler import __version__
from reconciler.cli.options import output_option
from reconciler.cli.output import as_json, as_yaml, data


@click.command()
@output_option("text", "json", "yaml")
def command(output: str) -> None:
    """Print the version."""
    printers = {"json": as_json, "yaml": as_yaml}
    data(printers[output]({"version": __version__}) if output in printers else __version__)
