"""`tenantctl plan`: what would be done, and what is held and why."""

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import cluster_options, output_option, repository_options
from reconciler.cli.output import as_json, as_yaml, data, note

if TYPE_CHECKING:
    from reconciler.core.action import Plan
    from reconciler.core.desired import Desired

CHANGES = 2
INVALID = 3


@click.command()
@repository_options
@cluster_options
@click.option(
    "--against",
    type=click.Choice(["cluster", "empty"]),
    default="cluster",
    show_default=True,
    help="What to compare with: the clusters, or nothing at all (needs no cluster).",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do.")
@output_option("text", "json", "yaml", "name")
def command(
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
    against: str,
    detailed_exitcode: bool,
    output: str,
) -> int:
    """Show what would be done, and what is held and why. Nothing is changed.

    It is the same decision that the controller makes, so the preview is the deed.
    """
    from reconciler.cli.wiring import Place, read_desired

    desired = read_desired(repository, ref)
    _warn(repository, ref, desired.revision)
    place = Place(context, kubeconfig)
    plan = offline_plan(desired) if against == "empty" else cluster_plan(desired, place, repository)
    print_plan(plan, output)
    if plan.findings:
        return INVALID
    return CHANGES if detailed_exitcode and plan.actions else 0


def _warn(location: str, ref: str, revision: str) -> None:
    """Say what is declared in the work tree, but not in the commit that is checked out and planned for."""
    from reconciler.adapters.git.hardened import is_url
    from reconciler.cli import wiring

    if ref != "HEAD" or is_url(location):
        return
    with wiring.repository(location) as opened:
        folders = " and ".join(f"{folder}/" for folder in opened.uncommitted(revision))
    if folders:
        note(f"uncommitted changes in {folders} are not in this plan")


def offline_plan(desired: "Desired") -> "Plan":
    """The plan for clusters that hold nothing."""
    from reconciler.controller.planning import plan_of
    from reconciler.core.decide import decide
    from reconciler.core.observed import Observed

    keys = sorted({*desired.environments, *desired.held})
    nothing = Observed()
    return plan_of(desired, [decide(key, desired, nothing, 0) for key in keys], None)


def cluster_plan(desired: "Desired", place: object, location: str) -> "Plan":
    """The plan for the clusters as they are now; `location` is the repository that the declarations are from."""
    from reconciler.cli.wiring import Place, reconciler_of, synced_world
    from reconciler.controller.planning import plan_of
    from reconciler.controller.settings import Settings

    assert isinstance(place, Place)
    world, records = synced_world(place, desired)
    reconciler = reconciler_of(place, location, world, records, Settings())
    keys = sorted(world.keys() | {*desired.environments, *desired.held})
    taken = {name: world.in_flight(name) for name in world.regions}
    return plan_of(desired, [reconciler.preview(key, desired) for key in keys], taken)


def check_id(plan: "Plan", plan_id: str) -> None:
    """Raises Refused unless the plan still has the id that somebody has read."""
    from reconciler.core.errors import Refused

    if plan.id != plan_id:
        raise Refused(f"the plan is now {plan.id}, not {plan_id}; read it again")


def print_plan(plan: "Plan", output: str) -> None:
    """Print a plan to stdout; to stderr the findings that it does not show, unless the form has a place for them."""
    from reconciler.report.plan import plan_json, plan_text

    if output == "name":
        for action in plan.actions:
            data(str(action.key))
        return
    printers = {"json": as_json, "yaml": as_yaml}
    data(printers[output](plan_json(plan)) if output in printers else plan_text(plan))
    if output == "text":
        shown = [hold.message for hold in plan.holds]
        for text in map(str, plan.findings):
            if not any(message == text or message.startswith(f"{text} (and ") for message in shown):
                note(text)
