"""`tenantctl resume`: end a suspension; what was held is launched."""

import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import cluster_options
from reconciler.cli.output import note
from reconciler.cli.selection import change_fleet, confirm, covered, scope_of, selection_options

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.fleet import Scope
    from reconciler.core.mark import Mark
    from reconciler.core.names import Key


@click.command()
@selection_options
@click.option("--reason", default="", help="Why, for those who read it later.")
@cluster_options
def command(
    keys: "tuple[Key, ...]",
    tenant: str | None,
    region: str | None,
    everything: bool,
    yes: bool,
    reason: str,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """End a suspension: of environments, a tenant, a region, or that of everything.

    Each suspension is ended as it was made: --all leaves what was suspended by itself, and says so.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.asker import mark_of

    scope = scope_of(keys, tenant, region, everything)
    kube = connect(context, kubeconfig)
    mark = mark_of(kube, reason, lifted=True)
    return _environments(kube, keys, mark) if scope is None else _scope(kube, scope, mark, yes)


def _environments(kube: "Kube", keys: "tuple[Key, ...]", mark: "Mark") -> int:
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.records import fleet_of, record_of, suspensions_of
    from reconciler.core import labels

    records, fleet = Records(kube, labels.CONTROL_NAMESPACE), fleet_of(kube)
    for record in [record_of(kube, key) for key in dict.fromkeys(keys)]:
        found = suspensions_of(record, fleet)
        own = [each for each in found if each.what == str(record.key)]
        if own:
            records.patch(record.key, {"pause": mark.dump()})
        note(f"{record.key} is resumed" if own else f"{record.key} is not suspended by itself")
        for each in found:
            if each not in own:
                note(f"  still held: {each}")
    return 0


def _scope(kube: "Kube", scope: "Scope", mark: "Mark", yes: bool) -> int:
    from reconciler.cli.records import fleet_of
    from reconciler.core.fleet import EVERYTHING, with_pause

    in_force = dict(fleet_of(kube).in_force(time.time()))
    if scope not in in_force:
        covered(kube, scope)  # an unknown name is an error, not a success
        note(f"{scope} is not suspended")
    else:
        if scope == EVERYTHING:
            confirm(f"Resume everything ({in_force[scope].reason})?", yes)
        change_fleet(kube, lambda fleet: with_pause(fleet, scope, mark, time.time()))
        note(f"{scope} is resumed")
    for other, pause in in_force.items():
        if other != scope:
            note(f"  still suspended: {other} {pause}")
    return 0
