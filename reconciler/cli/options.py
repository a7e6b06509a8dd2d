"""Options that several commands share, each defined once."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from reconciler.cli.completing import contexts, environments, regions, tenants
from reconciler.core import labels

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(function: F) -> F:
    """--context and --kubeconfig: which cluster is the control plane's. Passed as `context` and `kubeconfig`."""
    function = click.option(
        "--kubeconfig", envvar="KUBECONFIG", help="The kubeconfig file.", metavar="FILE", show_envvar=True
    )(function)
    return click.option(
        "--context",
        envvar="TENANTCTL_CONTEXT",
        metavar="CONTEXT",
        show_envvar=True,
        shell_complete=contexts,
        help="The kubeconfig context of the control plane's cluster.",
    )(function)


def region_option(help: str, **attributes: Any) -> Callable[[F], F]:
    """--region, which shells complete; with click's attributes. Passed as `region`, or None without a default."""
    return click.option("--region", metavar="REGION", shell_complete=regions, help=help, **attributes)


def tenant_option(help: str) -> Callable[[F], F]:
    """--tenant, which shells complete. Passed as `tenant`, or None."""
    return click.option("--tenant", metavar="TENANT", shell_complete=tenants, help=help)


def namespace_option(function: F) -> F:
    """--namespace: where runs and placements are, if not where their region says. Passed as `namespace`, or None."""
    return click.option(
        "-n", "--namespace", metavar="NAMESPACE", help="The workflow namespace.", show_default="the region's own"
    )(function)


def output_option(*formats: str) -> Callable[[F], F]:
    """-o/--output with the given formats; the first is the default. Passed as `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="The form of the output.",
    )


def timeout_option(seconds: int) -> Callable[[F], F]:
    """--timeout in seconds. Passed as `timeout`, a float."""
    return click.option(
        "--timeout",
        type=float,
        default=seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait at most.",
    )


def annotation_option(function: F) -> F:
    """--annotation: keys that mark lifecycle Jobs, beside the default one. Passed as `annotations`."""
    text = f"One more annotation that marks lifecycle Jobs, beside {labels.VERBS_ANNOTATION}; can be repeated."
    return click.option("--annotation", "annotations", metavar="KEY", multiple=True, help=text)(function)


def repository_options(function: F) -> F:
    """--repository and --ref: what is declared. Passed as `repository` and `ref`."""
    function = click.option(
        "--ref",
        default="HEAD",
        show_default=True,
        metavar="REF",
        envvar="TENANTCTL_REF",
        help="The branch, tag or commit.",
    )(function)
    return click.option(
        "--repository",
        default=".",
        show_default=True,
        metavar="PATH|URL",
        envvar="TENANTCTL_REPOSITORY",
        show_envvar=True,
        help="The repository with the declarations.",
    )(function)


class Group(click.Group):
    """A group whose commands have other names, too; `otherwise` is the command that is meant where none is named."""

    def __init__(self, *arguments: Any, aliases: Mapping[str, str], otherwise: str = "", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._aliases, self._otherwise = aliases, otherwise

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name or alias."""
        return super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the command that is meant, if none is named."""
        named = args and (self.get_command(ctx, args[0]) or args[0] in self.get_help_option_names(ctx))
        return super().parse_args(ctx, [self._otherwise, *args] if self._otherwise and args and not named else args)


class KeyParameter(click.ParamType[Any]):
    """TENANT/ENVIRONMENT on a command line, as a Key."""

    name = "TENANT/ENVIRONMENT"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What help calls it."""
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the key, or fail with what to write instead."""
        from reconciler.core.names import Key

        try:
            return value if isinstance(value, Key) else Key.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """The environments that are declared around here."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(key) for key in environments(ctx, param, incomplete)]


KEY = KeyParameter()
