"""The command line: one module per verb, imported only when that verb is called.

Exit codes are those of design §9: 0 ok, 1 failed, 2 changes (only with --detailed-exitcode), 3 declarations invalid,
4 not allowed, 5 timed out, 6 refused, 64 usage, 130 interrupted.
"""

import errno
import importlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click

from reconciler import __version__
from reconciler.cli.output import error_line
from reconciler.core.errors import TenantctlError, UsageError

INTERRUPTED = 130
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
COMMANDS = {
    "validate": "Check declarations, all of them, without a cluster.",
    "plan": "Show what would be done, and what is held and why.",
    "apply": "Do what the plan shows, once, and wait for it.",
    "run": "Reconcile continuously: the controller.",
    "get": "List environments, runs or rollouts.",
    "describe": "Show everything known about one environment.",
    "history": "Show what was done to one environment, or to many at once.",
    "logs": "Print the logs of an environment's last run.",
    "retry": "Try the steps again that are not done.",
    "stop": "Stop the run in progress, and its Jobs.",
    "suspend": "Launch nothing for a while: for environments, a tenant, a region, or at all.",
    "resume": "End a suspension.",
    "approve": "Let held actions go on: of a plan, of a move without its source, or of a commit.",
    "reconcile": "Ask the controller to look at an environment now.",
    "admin": "List admin processes, and run them in one environment or in many.",
    "jobs": "List, lint and run lifecycle Jobs.",
    "check": "Test the ground: API server, Argo, rights, repository.",
    "install": "Install tenantctl into a cluster, or print its manifests.",
    "uninstall": "Remove tenantctl from a cluster.",
    "why": "Show what made an environment's last runs: fields, commits, Jobs.",
    "new": "Write a declaration: of a tenant, an environment, a repository.",
    "codeowners": "Print who reviews what, made of the owners that are declared.",
    "schema": "Print the JSON Schemas of declarations, for editors.",
    "completion": "Print a script for a shell's completion.",
    "snapshot": "Write down the state of the clusters, for plans without one.",
    "version": "Print the version.",
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import `reconciler.cli.<name>` and return its `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"reconciler.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Suggest the nearest command for an unknown one."""
        import difflib

        completing = ctx.resilient_parsing
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not completing:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else "; see 'tenantctl --help'"
            raise click.UsageError(f"no such command '{args[0]}'{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(version)s")
def root() -> None:
    """Reconcile tenant environments: declarations in git, Argo Workflows in the clusters."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no expected failure leaves as a traceback."""
    try:
        result = root.main(list(arguments), prog_name="tenantctl", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        if sys.stderr.isatty():
            click.echo(err=True)  # the terminal shows ^C where the cursor is: the shell's prompt begins a line
        return INTERRUPTED
    except click.ClickException as error:
        return _usage(error)
    except TenantctlError as error:
        error_line(str(error))
        return error.exit_code
    except BrokenPipeError:
        _write_no_more()
        return 0
    except OSError as error:
        return _refused(error)
    except ImportError:
        if shutil.which("git"):
            raise
        error_line("there is no git; install it, or put it on PATH")
        return 1
    return result if isinstance(result, int) else 0


def _refused(error: OSError) -> int:
    """Say what the system did not let us do, and to which file. Raises what names none: that is a fault of ours."""
    if error.errno in FULL:
        _write_no_more()
        error_line(f"cannot write: {error.strerror}")
    elif error.filename is not None:
        error_line(f"{os.fsdecode(error.filename)}: {error.strerror}")
    elif isinstance(error, FileNotFoundError):  # getcwd(3) names no file
        error_line("the folder that you are in is not there any more; change to another")
    else:
        raise error
    return 1


def _write_no_more() -> None:
    """Let what is left in the buffer of stdout go nowhere, or the interpreter would fail on it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.ClickException) -> int:
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # click 8.2; before, it printed the help
        click.echo(error.format_message())
        return 0
    if isinstance(error, click.UsageError):
        error_line(error.format_message())
        if error.ctx:
            error_line(f"try '{error.ctx.command_path} --help'", prefix="")
        return UsageError.exit_code
    error_line(error.format_message())
    return 1
