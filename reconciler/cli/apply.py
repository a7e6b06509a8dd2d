"""`tenantctl apply`: do what the plan shows, and wait for it."""

import sys
import time
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import cluster_options, repository_options
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.controller.loop import Loop
    from reconciler.core.action import Plan
    from reconciler.core.names import Key


@click.command()
@repository_options
@cluster_options
@click.option("--plan", "plan_id", metavar="ID", help="Apply only if the plan still has this id.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until everything launched is over.")
@click.option("--timeout", default=1800.0, show_default=True, metavar="SECONDS", help="How long to wait at most.")
@click.option("--retry-wait", default=10.0, show_default=True, metavar="SECONDS", help="The wait before attempt 2.")
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
    """Do what the plan shows, once, and wait until it is done.

    For use without a controller, or beside one: both write guarded claims, so nothing is launched twice.
    """
    from reconciler.cli.plan import INVALID, cluster_plan, print_plan
    from reconciler.cli.wiring import Place, read_desired

    place = Place(context, kubeconfig)
    desired = read_desired(repository, ref)
    plan = cluster_plan(desired, place)
    print_plan(plan, "text")
    _check(plan, plan_id)
    if not plan.actions:
        return INVALID if plan.findings else 0
    if not yes and not _confirmed(plan):
        return 1
    code = _apply(place, repository, desired.revision, wait, timeout, retry_wait, {a.key for a in plan.actions})
    return code or (INVALID if plan.findings else 0)


def _check(plan: "Plan", plan_id: str | None) -> None:
    from reconciler.core.errors import Refused

    if plan_id is not None and plan.id != plan_id:
        raise Refused(f"the plan is now {plan.id}, not {plan_id}; read it again")


def _confirmed(plan: "Plan") -> bool:
    from reconciler.core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: say --yes, or --plan ID with --yes")
    return click.confirm(f"Apply {len(plan.actions)} actions?", err=True)


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
            raise TimedOut(f"not ready after {timeout:g} s: {waiting}; see 'tenantctl logs TENANT/ENVIRONMENT'")
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
    if shown.get(key) != state:
        shown[key] = state
        note(f"{key}: {state}")
    desired = loop.desired.environments.get(key) if loop.desired else None
    applied = ready.status and desired is not None and record.applied_digest == desired.digest
    return applied or stalled.status or (not wait and record.claim is not None)
