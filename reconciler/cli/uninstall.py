"""`tenantctl uninstall`: remove what `install` made, and say what is left."""

from typing import Any

import click

from reconciler.cli.options import cluster_options
from reconciler.cli.output import data, note
from reconciler.core import labels
from reconciler.core.errors import Refused


@click.command()
@cluster_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--purge", is_flag=True, help="Remove records, placements and both namespaces as well.")
@click.option("--force", is_flag=True, help="Go on although runs are in progress; what they began is not finished.")
def command(context: str | None, kubeconfig: str | None, yes: bool, purge: bool, force: bool) -> int:
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
    if not yes:
        click.confirm(f"Remove {len(targets)} objects from {kube.where}{_loss(purge)}?", abort=True, err=True)
    _remove(kube, targets)
    _say_what_is_left(kube, settings.workflow_namespace, purge)
    return 0


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _loss(purge: bool) -> str:
    return ", all records and placements included: what is installed for tenants is then unknown" if purge else ""


def _remove(kube: Any, targets: Any) -> None:
    from reconciler.manifests.apply import remove

    for target in targets:
        if remove(kube, target):
            data(f"{target} removed")


def _say_what_is_left(kube: Any, workflow_namespace: str, purge: bool) -> None:
    from reconciler.manifests.removal import left

    for line in left(kube, workflow_namespace, purge=purge):
        note(f"left: {line}")
