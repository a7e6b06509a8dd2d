"""`tenantctl approve`: let held actions go on, a move without its source, or a commit that is not trusted by itself."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import KEY, cluster_options, repository_options
from reconciler.cli.output import count, note

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.cli.wiring import Place
    from reconciler.core.action import Hold, Plan
    from reconciler.core.approval import Approval
    from reconciler.core.desired import Desired
    from reconciler.core.names import Key

PLAN_ID = re.compile(r"[0-9a-f]{12}")
NO_RECORD = "it has no record yet; approve it once 'tenantctl get environments' lists it"


@dataclass(frozen=True)
class Asked:
    """Where the plan is made, why, and whether to ask back."""

    place: "Place"
    repository: str
    ref: str
    reason: str
    yes: bool


@click.command(epilog="Example:  tenantctl approve 1a2b3c4d5e6f acme/production --reason 'acme has left: ticket 1234'")
@click.argument("what", metavar="[PLAN-ID | TENANT/ENVIRONMENT]", required=False)
@click.argument("keys", metavar="[TENANT/ENVIRONMENT]...", type=KEY, nargs=-1)
@click.option("--without-source", is_flag=True, help="A move goes on without its data: its source does not answer.")
@click.option(
    "--source", "commit", metavar="COMMIT", help="Trust this commit, though it does not follow from the last."
)
@click.option("--reason", default="", help="Why, for those who read it later.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@repository_options
@cluster_options
def command(
    what: str | None,
    keys: "tuple[Key, ...]",
    without_source: bool,
    commit: str | None,
    reason: str,
    yes: bool,
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Let what a plan holds go on, for 24 hours: every held action of it that an approval lifts.

    PLAN-ID is what 'tenantctl plan' shows; another plan by now is refused with exit code 6. Name environments behind it
    to approve those only. An approval is for exactly one action, and lifts nothing once that is another one.
    """
    from reconciler.cli.wiring import Place
    from reconciler.core.errors import UsageError

    asked = Asked(Place(context, kubeconfig), repository, ref, reason, yes)
    if commit is not None:
        if what or without_source:
            raise UsageError("--source COMMIT is approved by itself: leave the rest out")
        return _source(asked, commit)
    if not what:
        raise UsageError("say what: the id of a plan, TENANT/ENVIRONMENT --without-source, or --source COMMIT")
    if without_source and keys:
        raise UsageError("--without-source is for one environment at a time")
    return _without_source(asked, _key(what)) if without_source else _plan(asked, _plan_id(what), keys)


def _key(text: str) -> "Key":
    from reconciler.core.errors import UsageError
    from reconciler.core.names import Key

    try:
        return Key.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _plan_id(text: str) -> str:
    from reconciler.core.errors import UsageError

    if not PLAN_ID.fullmatch(text):
        hint = "; for a move whose source does not answer, say --without-source" if "/" in text else ""
        raise UsageError(f"'{text}' is no id of a plan: 'tenantctl plan' shows it, 12 digits and letters{hint}")
    return text


# -- a plan --------------------------------------------------------------------------------------------------------


def _plan(asked: Asked, plan_id: str, keys: "tuple[Key, ...]") -> int:
    from reconciler.cli.plan import check_id
    from reconciler.cli.selection import confirm
    from reconciler.core.errors import Refused

    kube, (desired, plan) = asked.place.control(), _planned(asked)
    check_id(plan, plan_id)
    holds = [hold for hold in plan.holds if not keys or hold.key in keys]
    lifted, left = _sorted_out(kube, desired, plan, holds)
    _show(plan, holds, lifted, left)
    rest = sorted(set(keys) - {hold.key for hold in lifted})
    before = [key for key in rest if _approved(kube, plan, key)]  # by an earlier try that ended half-way, say
    for key in before:
        note(f"{key} is approved already")
    missing = [key for key in rest if key not in before]
    if missing:  # who names environments means all of them, or has mistyped one
        raise Refused(f"nothing is approved: {_not_held(desired, plan, missing)}")
    if not lifted and not before:
        raise Refused(f"plan {plan.id} holds nothing that an approval lifts")
    if lifted:
        confirm(f"Approve {count(len(lifted), 'held action')}?", asked.yes)
        _write(kube, asked, lifted)
    return 0


def _planned(asked: Asked) -> "tuple[Desired, Plan]":
    from reconciler.cli.plan import cluster_plan
    from reconciler.cli.wiring import read_desired

    desired = read_desired(asked.repository, asked.ref)
    return desired, cluster_plan(desired, asked.place, asked.repository)


def _approved(kube: "Kube", plan: "Plan", key: "Key") -> bool:
    """Whether a planned action goes on because it was approved."""
    import time

    from reconciler.cli.records import find_record
    from reconciler.core.approval import Approval

    action = next((action for action in plan.actions if action.key == key), None)
    record = find_record(kube, key) if action else None
    approval = Approval.load(record.approval) if record else None
    return bool(action and approval and approval.lifts(action, time.time()))


def _not_held(desired: "Desired", plan: "Plan", keys: "list[Key]") -> str:
    """With what may have been meant instead of one that is known nowhere."""
    from reconciler.core.finding import suggest

    held = {str(hold.key) for hold in plan.holds}
    known = {*held, *map(str, desired.environments), *(str(action.key) for action in plan.actions)}
    hint = next(filter(None, (suggest(str(key), held) for key in keys if str(key) not in known)), "")
    return f"plan {plan.id} holds nothing that an approval lifts of {', '.join(map(str, keys))}{hint}"


def _sorted_out(
    kube: "Kube", desired: "Desired", plan: "Plan", holds: "Iterable[Hold]"
) -> "tuple[list[Hold], list[tuple[Hold, str]]]":
    """The holds to lift, one for each environment, and the others with why not."""
    from reconciler.core.approval import refusal

    lifted: dict[Key, Hold] = {}
    left = []
    for hold in holds:
        why = refusal(hold, declared=hold.key in desired.environments)
        if not why and hold.key not in lifted and not _recorded(kube, hold.key):
            why = NO_RECORD
        if why:
            left.append((hold, why))
        else:
            lifted.setdefault(hold.key, hold)
    # Half of what looks like a rename is not lifted while the other stays held: once a new one is applied, it may not
    # look so any more, and the old one would go without anybody's word.
    twins = {hold.key: hold.twin for hold in plan.holds if hold.twin}
    while halves := [key for key in lifted if twins.get(key) in twins.keys() - lifted.keys()]:
        left += [(lifted.pop(key), f"it may be {twins[key]} renamed: approve both") for key in halves]
    return list(lifted.values()), left


def _recorded(kube: "Kube", key: "Key") -> bool:
    from reconciler.adapters.kube.resources import CONFIG_MAPS
    from reconciler.core import labels

    return kube.find(CONFIG_MAPS, labels.CONTROL_NAMESPACE, key.dotted) is not None


def _show(plan: "Plan", holds: "list[Hold]", lifted: "list[Hold]", left: "list[tuple[Hold, str]]") -> None:
    note(f"Plan {plan.id} at {plan.revision[:7]}: {len(lifted)} of {count(len(holds), 'hold')} can be approved")
    for hold in lifted:
        assert hold.action is not None
        where = hold.action.source or hold.action.target
        note(f"{hold.action.kind.sign} {hold.key}  {hold.action.kind.value}  {where}  {hold.reason.value}")
        note(f"    {hold.message}")
    for hold, why in left:
        note(f"! {hold.key}  stays held: {hold.reason.value}")
        note(f"    {why}")


def _write(kube: "Kube", asked: Asked, lifted: "list[Hold]", *, without_source: bool = False) -> None:
    """Patch an approval onto each record; what was patched before an error stays approved, and the rest is said."""
    from reconciler.cli.asker import mark_of
    from reconciler.core.approval import approval_for
    from reconciler.core.errors import TenantctlError

    mark = mark_of(kube, asked.reason)
    for number, hold in enumerate(lifted):
        assert hold.action is not None
        try:
            given = approval_for(hold.action, mark, without_source=without_source, jobs=hold.jobs)
            _patch(kube, hold.key, given)
        except TenantctlError:
            note(f"not approved: {', '.join(str(each.key) for each in lifted[number:])}; say it again")
            raise


def _patch(kube: "Kube", key: "Key", approval: "Approval") -> None:
    from reconciler.adapters.kube.state import Records
    from reconciler.core import labels
    from reconciler.core.approval import VALID_SECONDS
    from reconciler.core.times import parse_rfc3339, rfc3339

    Records(kube, labels.CONTROL_NAMESPACE).patch(key, {"approval": approval.dump()})
    end = rfc3339(parse_rfc3339(approval.at) + VALID_SECONDS)
    note(f"{key}: {approval.action} in {approval.region} is approved until {end}")


# -- a move without its source -------------------------------------------------------------------------------------


def _without_source(asked: Asked, key: "Key") -> int:
    from reconciler.cli.records import record_of
    from reconciler.cli.selection import confirm

    kube = asked.place.control()
    record_of(kube, key)
    _, plan = _planned(asked)
    hold = _unreachable(plan, key)
    assert hold.action is not None
    source, target = hold.action.source, hold.action.target
    note(f"{key}: {hold.message}")
    note(f"It begins anew in {target}, without the data that it has in {source}: that is given up.")
    note(f"What {source} holds of it is taken away once that region answers again.")
    confirm(f"Give up the data of {key} in {source}?", asked.yes)
    _write(kube, asked, [hold], without_source=True)
    return 0


def _unreachable(plan: "Plan", key: "Key") -> "Hold":
    """The hold of the move. Raises Refused, with what holds it instead."""
    from reconciler.core.action import HoldReason
    from reconciler.core.errors import Refused

    found = [hold for hold in plan.holds if hold.key == key]
    for hold in found:
        if hold.reason is HoldReason.SOURCE_UNREACHABLE and hold.action is not None:
            return hold
    why = "; ".join(f"held: {hold.reason.value}: {hold.message}" for hold in found) or "not held at all"
    raise Refused(f"{key} is no move whose source does not answer; it is {why}")


# -- a commit ------------------------------------------------------------------------------------------------------


def _source(asked: Asked, commit: str) -> int:
    from reconciler.cli.asker import mark_of
    from reconciler.cli.selection import change_fleet, confirm
    from reconciler.core.fleet import with_source

    kube = asked.place.control()
    live = _live(kube)
    desired, why = _judged(asked, commit, kube, len(live))
    revision = desired.revision
    if not why:
        note(f"commit {revision} is trusted already: there is nothing to approve")
        return 0
    gone = len(live - desired.environments.keys() - desired.held)
    note(why)
    note(
        f"It does not declare {gone} of {count(len(live), 'recorded environment')}; every other guard still holds them."
    )
    confirm(f"Trust commit {revision}?", asked.yes)
    mark = mark_of(kube, asked.reason)
    change_fleet(kube, lambda fleet: with_source(fleet, revision, mark))
    note(f"commit {revision} is approved as the source")
    return 0


def _judged(asked: Asked, commit: str, kube: "Kube", live: int) -> "tuple[Desired, str]":
    """What the commit declares, and why it is not trusted. Raises Refused unless it is what the ref is now."""
    from reconciler.cli.records import fleet_of
    from reconciler.cli.wiring import repository
    from reconciler.controller.history import GitHistory
    from reconciler.core.errors import Refused

    with repository(asked.repository) as opened:
        revision, tip = opened.resolve(commit), opened.resolve(asked.ref)
        if revision != tip:
            raise Refused(f"{asked.ref} is {tip} now, not {revision}; look at that, or name another --ref")
        desired = opened.desired(revision)
        return desired, GitHistory(opened, lambda key: None).trust(desired, fleet_of(kube), live)


def _live(kube: "Kube") -> "set[Key]":
    """The keys of all records that are no tombstones, damaged ones too."""
    from reconciler.adapters.kube.resources import CONFIG_MAPS
    from reconciler.core import labels
    from reconciler.core.names import Key

    listed = kube.list(CONFIG_MAPS, labels.CONTROL_NAMESPACE, labelSelector=labels.selects("record"))
    return {Key.parse(raw["metadata"]["name"]) for raw in listed if not (raw.get("data") or {}).get("gone")}
