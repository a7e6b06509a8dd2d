"""What `suspend` and `resume` are told to work on: environments, a tenant, a region, or everything."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.adapters.kube.state import Fleets
from reconciler.cli.options import KEY, region_option, tenant_option
from reconciler.core import labels
from reconciler.core.errors import Conflict, NotFound, UsageError
from reconciler.core.finding import suggest
from reconciler.core.fleet import EVERYTHING, Fleet, Reach, Scope, read_fleet

F = TypeVar("F", bound=Callable[..., Any])
TRIES = 5


def selection_options(function: F) -> F:
    """TENANT/ENVIRONMENT…, --tenant, --region, --all and --yes. Passed as `keys`, `tenant`, `region`, `everything`,
    `yes`.
    """
    for option in (
        click.option("-y", "--yes", is_flag=True, help="Do not ask; --all needs it where nobody can be asked."),
        click.option("--all", "everything", is_flag=True, help="Everything."),
        region_option("What is in this region, or is to be."),
        tenant_option("All environments of this tenant, later ones too."),
        click.argument("keys", type=KEY, nargs=-1),
    ):
        function = option(function)
    return function


def scope_of(keys: tuple[Any, ...], tenant: str | None, region: str | None, everything: bool) -> Scope | None:
    """What of the fleet was named; None for environments. Raises UsageError unless it is exactly one kind."""
    named = [Scope(Reach.TENANT, tenant)] if tenant is not None else []
    named += [Scope(Reach.REGION, region)] if region is not None else []
    named += [EVERYTHING] if everything else []
    if len(named) + bool(keys) != 1:
        raise UsageError("say what: environments, --tenant TENANT, --region REGION, or --all")
    return named[0] if named else None


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal. Raises UsageError where nobody can be asked, Abort on a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: say --yes")
    click.confirm(question, abort=True, err=True)


@dataclass(frozen=True)
class Covered:
    """What a scope covers now: how many environments, and how many of them have a run in progress."""

    environments: int
    runs: int

    def __str__(self) -> str:
        runs = {0: "", 1: "; 1 run in progress goes on"}.get(self.runs, f"; {self.runs} runs in progress go on")
        return f"{self.environments} environment{'' if self.environments == 1 else 's'}{runs}"


def covered(kube: Kube, scope: Scope) -> Covered:
    """Count what a scope covers. Raises NotFound, with what is known, for a tenant or region without any record."""
    marks = [
        _place(raw) for raw in kube.list(CONFIG_MAPS, labels.CONTROL_NAMESPACE, labelSelector=labels.selects("record"))
    ]
    names = {Reach.TENANT: 0, Reach.REGION: 1}
    index = names.get(scope.reach)
    inside = [mark for mark in marks if index is None or mark[index] == scope.name]
    if index is not None and not inside:
        known = sorted({mark[index] for mark in marks} - {""})
        hint = suggest(scope.name, known) or (f"; known are {', '.join(known[:10])}" if known else "")
        raise NotFound(f"no environment of {scope} is known here{hint}")
    return Covered(len(inside), sum(bool(mark[2]) for mark in inside))


def _place(raw: Any) -> tuple[str, str, str]:
    data, marks = raw.get("data") or {}, raw["metadata"].get("labels") or {}
    return marks.get(labels.TENANT, ""), data.get("region", ""), data.get("claim", "")


def change_fleet(kube: Kube, changes: Callable[[Fleet], dict[str, str | None]]) -> Fleet:
    """Write the fleet's keys, again if somebody was faster; returns the fleet as it was before. Raises NotFound."""
    fleets = Fleets(kube, labels.CONTROL_NAMESPACE)
    for _ in range(TRIES):
        read = fleets.find()
        if read is None:
            raise NotFound("namespace tenantctl has no ConfigMap fleet; 'tenantctl install' makes it")
        before = read_fleet(read)
        values = changes(before)
        try:
            if values:
                fleets.change(read, values)
            return before
        except Conflict:
            continue
    raise Conflict("the ConfigMap fleet is being changed by many at once; try again")
