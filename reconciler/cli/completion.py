"""`tenantctl completion`: scripts by which shells complete commands, options and names."""

import click

from reconciler.cli.output import data

VARIABLE = "_TENANTCTL_COMPLETE"  # what click looks for when the program is called `tenantctl`
SHELLS = ("bash", "zsh", "fish")


@click.command(epilog="bash, zsh:  source <(tenantctl completion bash)   ·   fish:  tenantctl completion fish | source")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print a script that makes a shell complete tenantctl's commands, options, and names of what is declared."""
    from click.shell_completion import get_completion_class

    from reconciler.cli.main import root

    found = get_completion_class(shell)
    assert found is not None
    script = found(root, {}, "tenantctl", VARIABLE)
    data(script.source_template % script.source_vars())
    return 0
