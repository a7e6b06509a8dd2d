"""`tenantctl apply`: do what the plan shows, and wait for it."""

import sys
import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import cluster_options, repository_options, timeout_option
from reconciler.cli.output import count, note

if TYPE_CHECKING:
    from reconciler.controller.loop import Loop
    from reconciler.core.action import Hold, Plan
    from reconciler.core.names import Key

NOT_LISTED_YET = "not listed yet"

REFUSED = 6


@click.command()
@repository_options
@cluster_options
@click.option("--plan", "plan_id", metavar="ID", help="Apply only if the plan still has this id.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until all that is launched or in progress is over."
)
@timeout_option(1800)
@click.option(
    "--retry-wait", type=float, default=10, show_default=True, metavar="SECONDS", help="The wait before attempt 2."
)
def command(
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
    plan_id: str | None,
    yes: bool,
    wait: bool,
    timeout: float,
    retry_wait: float,
) -> int:
    """Do what the plan shows, once, and wait until it is done, and for what the plan holds until runs are over.

    Exit code 1: an environment of the plan did not become Ready; 6: something is held that no run mends.
    For use without a controller, or beside one: both write guarded claims, so nothing is launched twice.
    """
    from reconciler.cli.plan import INVALID, check_id, cluster_plan, print_plan
    from reconciler.cli.wiring import Place, read_desired

    place = Place(context, kubeconfig)
    desired = read_desired(repository, ref)
    plan = cluster_plan(desired, place, repository)
    print_plan(plan, "text")
    if plan_id is not None:
        check_id(plan, plan_id)
    keys, awaited = {action.key for action in plan.actions}, _awaited(plan) if wait else set()
    left = REFUSED if any(_is_left(hold) for hold in plan.holds if hold.key not in keys | awaited) else 0
    failed = 0
    if keys | awaited:
        if not yes and not _confirmed(plan, awaited - keys):
            return 1
        failed = _apply(place, repository, desired.revision, wait, timeout, retry_wait, keys | awaited)
    return failed or left or (INVALID if plan.findings else 0)


def _awaited(plan: "Plan") -> "set[Key]":
    return {hold.key for hold in plan.holds if _passes(hold)}


def _passes(hold: "Hold") -> bool:
    """Whether it is held by a run, its own or others', and goes on by itself when that is over."""
    from reconciler.core.action import HoldReason as Reason

    runs = (Reason.RUN_IN_PROGRESS, Reason.RETRY_LATER, Reason.IN_FLIGHT_LIMIT, Reason.ROLLOUT_WAITING)
    return hold.reason in runs


def _is_left(hold: "Hold") -> bool:
    """Whether it is held, and stays not Ready; what is invalid has an exit code of its own."""
    from reconciler.core.action import HoldReason

    return hold.reason is not HoldReason.INVALID_DECLARATION and not _passes(hold)


def _confirmed(plan: "Plan", awaited: "set[Key]") -> bool:
    from reconciler.core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: say --yes, or --plan ID with --yes")
    waiting = f", and wait for {count(len(awaited), 'environment')} that must wait for runs" if awaited else ""
    return click.confirm(f"Apply {count(len(plan.actions), 'action')}{waiting}?", err=True)


def _apply(
    place: object, location: str, revision: str, wait: bool, timeout: float, retry_wait: float, keys: "set[Key]"
) -> int:
    from reconciler.cli.engine import Engine
    from reconciler.cli.logging_setup import configure_logging
    from reconciler.controller.settings import Settings
    from reconciler.core.conclude import Backoff

    configure_logging("quiet")
    settings = Settings(interval=86400, backoff=Backoff(first=retry_wait))
    with Engine.open(place, location, revision, settings) as engine:  # type: ignore[arg-type]
        engine.loop.start()
        return _follow(engine.loop, keys, wait, timeout)


def _follow(loop: "Loop", keys: "set[Key]", wait: bool, timeout: float) -> int:
    """Print a line per change until all keys are settled, or are launched where `wait` is off."""
    from reconciler.core.errors import TimedOut

    shown: dict[Key, str] = {}
    deadline = time.monotonic() + timeout
    while True:
        open_keys = {key for key in keys if not _show(loop, key, shown, wait)}
        if not open_keys:
            return 1 if any(not state.startswith(("Ready", "Progressing")) for state in shown.values()) else 0
        if time.monotonic() > deadline:
            waiting = ", ".join(f"{key}: {shown.get(key, 'not begun')}" for key in sorted(open_keys))
            raise TimedOut(f"not ready after {timeout:g} s: {waiting}; see 'tenantctl logs {min(open_keys)}'")
        loop.changed.wait(1)
        loop.changed.clear()


def _show(loop: "Loop", key: "Key", shown: "dict[Key, str]", wait: bool) -> bool:
    """Print what changed; whether the key is settled: Ready, or Stalled."""
    from reconciler.core.record import Record, conditions_by_type

    record = loop.world.record(key)
    if key not in loop.passed or not isinstance(record, Record) or not record.conditions:
        return False
    conditions = conditions_by_type(record)
    ready, stalled = conditions["Ready"], conditions["Stalled"]
    state = "Ready" if ready.status else f"{ready.reason}: {ready.message}"
    if NOT_LISTED_YET in state:
        return False  # of our own start: the region was not asked yet
    if shown.get(key) != state:
        shown[key] = state
        note(f"{key}: {state}")
    desired = loop.desired.environments.get(key) if loop.desired else None
    applied = ready.status and desired is not None and record.applied_digest == desired.digest
    return applied or stalled.status or (not wait and record.claim is not None)
