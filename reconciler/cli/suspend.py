"""`tenantctl suspend`: launch nothing for a while. The end of it is `tenantctl resume`, or a time."""

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
@click.option("--reason", required=True, help="Why, for those who meet it.")
@click.option("--for", "duration", metavar="DURATION", help="It ends by itself after this: 30m, 2h, 7d.")
@click.option("--until", metavar="TIME", help="It ends by itself then: 2027-01-31T06:00:00Z.")
@cluster_options
def command(
    keys: "tuple[Key, ...]",
    tenant: str | None,
    region: str | None,
    everything: bool,
    yes: bool,
    reason: str,
    duration: str | None,
    until: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Launch nothing for environments, a tenant, a region, or at all. Runs in progress go on.

    What would be done is still seen: the plan shows it held as Paused, with who suspended it, why and until when.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.asker import mark_of
    from reconciler.core.errors import UsageError

    scope = scope_of(keys, tenant, region, everything)
    if not reason.strip():
        raise UsageError("--reason: say why")
    end = _end(duration, until, time.time())
    kube = connect(context, kubeconfig)
    if scope is None:
        return _environments(kube, keys, mark_of(kube, reason, until=end))
    return _scope(kube, scope, mark_of(kube, reason, until=end), yes)


def _end(duration: str | None, until: str | None, now: float) -> str:
    """When it ends, in RFC 3339; empty for never. Raises UsageError."""
    from reconciler.core.errors import UsageError
    from reconciler.core.times import parse_duration, parse_rfc3339, rfc3339

    if duration and until:
        raise UsageError("--for and --until say the same; give one")
    try:
        end = now + parse_duration(duration) if duration else parse_rfc3339(until) if until else None
        text = "" if end is None else rfc3339(end)
    except (ValueError, OverflowError) as error:
        hint = "--for" if duration else "--until: write a time like 2027-01-31T06:00:00Z"
        raise UsageError(f"{hint}: {error}") from error
    if end is not None and end <= now:
        raise UsageError(f"{text} is over already")
    return text


def _environments(kube: "Kube", keys: "tuple[Key, ...]", mark: "Mark") -> int:
    from reconciler.adapters.kube.state import Records
    from reconciler.cli.records import record_of
    from reconciler.core import labels

    records = Records(kube, labels.CONTROL_NAMESPACE)
    for record in [record_of(kube, key) for key in dict.fromkeys(keys)]:
        records.patch(record.key, {"pause": mark.dump()})
        goes_on = f"; run {record.claim.run} in progress goes on" if record.claim else ""
        note(f"{record.key} is suspended {_length(mark)}{goes_on}")
    return 0


def _scope(kube: "Kube", scope: "Scope", mark: "Mark", yes: bool) -> int:
    from reconciler.core.fleet import EVERYTHING, with_pause

    inside = covered(kube, scope)
    if scope == EVERYTHING:
        confirm(f"Suspend everything {_length(mark)}, {inside}?", yes)
    change_fleet(kube, lambda fleet: with_pause(fleet, scope, mark, time.time()))
    note(f"{scope} is suspended {_length(mark)}: {inside}")
    return 0


def _length(mark: "Mark") -> str:
    return f"until {mark.until}" if mark.until else "until 'tenantctl resume'"
