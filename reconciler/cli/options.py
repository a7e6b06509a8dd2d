"""Options that several commands share, each defined once."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

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
        help="The kubeconfig context of the control plane's cluster.",
    )(function)


def output_option(*formats: str) -> Callable[[F], F]:
    """-o/--output with the given formats; the first is the default. Passed as `output`."""
    return click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help="The form of the output."
    )
