"""`tenantctl uninstall`: remove what `install` made, and say what is left."""

import sys
import time
from typing import Any

import click

from reconciler.cli.install import noted, told
from reconciler.cli.options import cluster_options
from reconciler.cli.output import note
from reconciler.core import labels
from reconciler.core.errors import Refused, UsageError


@click.command()
@cluster_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--purge", is_flag=True, help="Remove records, placements and both namespaces as well.")
@click.option("--force", is_flag=True, help="Go on although runs are in progress; what they began is not finished.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="With --purge: until both namespaces are gone.")
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0), default=180, show_default=True,
    help="How long to wait.",
)  # fmt: skip
def command(
    context: str | None, kubeconfig: str | None, yes: bool, purge: bool, force: bool, wait: bool, timeout: float
) -> int:  # fmt: skip
    """Remove tenantctl from a cluster. Records and placements are kept, unless --purge is given.

    Nothing of a tenant is touched: their services, resources and applications go on running.
    """
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.resources import NAMESPACES
    from reconciler.manifests.removal import removable, runs_in_progress
    from reconciler.manifests.render import installed

    kube = connect(context, kubeconfig)
    settings = installed(kube.find(NAMESPACES, None, labels.CONTROL_NAMESPACE))
    targets = removable(kube, purge=purge)
    if not targets:
        note(f"{kube.where}: tenantctl is not installed")
        return 0
    running = runs_in_progress(kube, settings.workflow_namespace)
    if running and not force:
        raise Refused(f"{len(running)} runs are in progress ({_some(running)}); wait, stop them, or say --force")
    if not yes and not _confirmed(kube.where, targets, purge):
        return 1
    _remove(kube, targets)
    if wait:
        _await(kube, targets, timeout)
    _say_what_is_left(kube, settings.workflow_namespace, purge)
    return 0


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _loss(purge: bool) -> str:
    return ", all records and placements included: what is installed for tenants is then unknown" if purge else ""


def _confirmed(where: str, targets: Any, purge: bool) -> bool:
    """Whether somebody wants that. Raises UsageError where there is nobody to ask."""
    from reconciler.manifests.removal import by_kind

    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: say --yes")
    note(f"to be removed: {by_kind(targets)}")
    try:
        agreed = click.confirm(f"Remove {len(targets)} objects from {where}{_loss(purge)}?", err=True)
    except click.Abort:
        note("\nnothing was removed")
        raise
    if not agreed:
        note("nothing was removed")
    return agreed


def _remove(kube: Any, targets: Any) -> None:
    """Delete in order. A namespace is gone only when everything in it is."""
    from reconciler.manifests.apply import remove

    for target in targets:
        if remove(kube, target):
            told(f"{target} {'is being removed' if target.kind == 'Namespace' else 'removed'}")


def _await(kube: Any, targets: Any, timeout: float) -> None:
    from reconciler.manifests.apply import wait
    from reconciler.manifests.removal import remains

    end = time.monotonic() + timeout
    for target in targets:
        if target.kind == "Namespace":
            wait(lambda target=target: remains(kube, target), end - time.monotonic())  # type: ignore[misc]
            told(f"{target} removed")


def _say_what_is_left(kube: Any, workflow_namespace: str, purge: bool) -> None:
    from reconciler.manifests.removal import left

    for line in left(kube, workflow_namespace, purge=purge):
        noted(f"left: {line}")
