"""`tenantctl plan`: what would be done, and what is held and why."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import cluster_options, output_option, repository_options
from reconciler.cli.output import as_json, as_yaml, data, note

if TYPE_CHECKING:
    from reconciler.controller.reconciler import Reconciler
    from reconciler.controller.world import World
    from reconciler.core.action import Plan
    from reconciler.core.desired import Desired
    from reconciler.core.preview import Preview

CHANGES = 2
INVALID = 3
CLUSTER, EMPTY = "cluster", "empty"
EXAMPLES = "Examples:  tenantctl plan   ·   tenantctl plan --from main --to HEAD --merge-base -o markdown"


@click.command(epilog=EXAMPLES)
@repository_options
@cluster_options
@click.option(
    "--against",
    metavar="cluster|empty|FILE",
    default=CLUSTER,
    show_default=True,
    help="What to compare with: the clusters, nothing at all, or a file of 'tenantctl snapshot'.",
)
@click.option("--from", "base", metavar="REV", help="Compare with this commit, which stands for what is applied.")
@click.option("--to", "head", metavar="REV", help="The commit that --from is compared with.  [default: --ref]")
@click.option("--merge-base", is_flag=True, help="Compare with the last commit that --from and --to have in common.")
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do; what is held does not count."
)
@output_option("text", "json", "yaml", "name", "markdown", "github")
def command(
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
    against: str,
    base: str | None,
    head: str | None,
    merge_base: bool,
    detailed_exitcode: bool,
    output: str,
) -> int:
    """Show what would be done, and what is held and why. Nothing is changed.

    It is the same decision that the controller makes, so the preview is the deed. With --from, what one commit changes
    compared with another: from git alone, without a cluster. ~ is an upsert, > a move, - a decommission, ! is held.

    -o github prints annotations for a pull request's files; where GITHUB_STEP_SUMMARY is set, the plan goes there too.
    """
    _check(base, head, merge_base, against)
    preview = (
        preview_of(repository, base, head or ref, merge_base)
        if base is not None
        else _of_one(repository, ref, against, context, kubeconfig)
    )
    print_preview(preview, output)
    if preview.plan.findings:
        return INVALID
    return CHANGES if detailed_exitcode and preview.plan.actions else 0


def _check(base: str | None, head: str | None, merge_base: bool, against: str) -> None:
    from reconciler.core.errors import UsageError

    if against not in (CLUSTER, EMPTY) and not Path(against).exists():
        raise click.BadParameter(f"'{against}' is neither {CLUSTER} nor {EMPTY} nor a file", param_hint="--against")
    if base is None and (head is not None or merge_base):
        raise UsageError("--to and --merge-base need --from; for one commit say --ref")
    if base is not None and against != CLUSTER:
        raise UsageError("--from is what to compare with, and so is --against: say one of them")


def preview_of(repository: str, base: str, head: str, merge_base: bool = False) -> "Preview":
    """What one commit changes compared with another; says when it undoes what the other has and it lacks."""
    from reconciler.adapters.git.comparison import Comparison
    from reconciler.cli import wiring
    from reconciler.controller.preview import preview

    with wiring.repository(repository) as opened:
        comparison = Comparison(opened)
        first = comparison.merge_base(base, head) if merge_base else opened.resolve(base)
        second = opened.resolve(head)
        if not opened.is_ancestor(first, second):
            note(
                f"{head} does not contain {base}: what it lacks of it shows as taken away (--merge-base leaves it out)"
            )
        return preview(opened, comparison, first, second)


def _of_one(repository: str, ref: str, against: str, context: str | None, kubeconfig: str | None) -> "Preview":
    """One commit, compared with clusters, with a snapshot of them, or with nothing."""
    from reconciler.cli.wiring import Place, read_desired
    from reconciler.core.preview import Preview

    desired = read_desired(repository, ref)
    _warn(repository, ref, desired.revision)
    if against == EMPTY:
        return Preview(offline_plan(desired))
    if against == CLUSTER:
        return Preview(cluster_plan(desired, Place(context, kubeconfig), repository))
    return Preview(snapshot_plan(desired, against, repository))


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
    from reconciler.controller.settings import Settings

    assert isinstance(place, Place)
    world, records = synced_world(place, desired)
    return _plan_of_world(desired, world, reconciler_of(place, location, world, records, Settings()))


def snapshot_plan(desired: "Desired", file: str, location: str) -> "Plan":
    """The plan for the clusters as they were when a snapshot was taken. Raises UsageError when the file is none."""
    import json

    from reconciler.cli.wiring import reader_of
    from reconciler.controller.snapshot import read_snapshot
    from reconciler.core.errors import UsageError

    try:
        document = json.loads(Path(file).read_bytes())
    except OSError as error:
        raise UsageError(f"--against {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no snapshot: {error}") from error
    world, at = read_snapshot(document, file, desired)
    return _plan_of_world(desired, world, reader_of(location, world, lambda: at))


def _plan_of_world(desired: "Desired", world: "World", reconciler: "Reconciler") -> "Plan":
    from reconciler.controller.planning import plan_of

    keys = sorted(world.keys() | {*desired.environments, *desired.held})
    taken = {name: world.in_flight(name) for name in world.regions}
    return plan_of(desired, [reconciler.preview(key, desired) for key in keys], taken)


def check_id(plan: "Plan", plan_id: str) -> None:
    """Raises Refused unless the plan still has the id that somebody has read."""
    from reconciler.core.errors import Refused

    if plan.id != plan_id:
        raise Refused(f"the plan is now {plan.id}, not {plan_id}; read it again")


def print_plan(plan: "Plan", output: str) -> None:
    """Print a plan as `print_preview` does."""
    from reconciler.core.preview import Preview

    print_preview(Preview(plan), output)


def print_preview(preview: "Preview", output: str) -> None:
    """Print a plan to stdout; to stderr the findings that it does not show, unless the form has a place for them."""
    from reconciler.report.preview import github, preview_json, preview_text

    plan = preview.plan
    if output in ("json", "yaml"):
        data((as_json if output == "json" else as_yaml)(preview_json(preview)))
    elif output == "markdown":
        data(_markdown(preview))
    elif output == "github":
        _lines(github(preview))
        _summarise(preview)
    elif output == "name":
        _lines("\n".join(str(action.key) for action in plan.actions))
    else:
        data(preview_text(preview))
        _note_findings(plan)


def _lines(text: str) -> None:
    if text:
        data(text)


def _markdown(preview: "Preview") -> str:
    from reconciler.report.markdown import markdown

    return markdown(preview)


def _summarise(preview: "Preview") -> None:
    """Add the plan to the summary of a GitHub job. Raises TenantctlError when that cannot be written."""
    from reconciler.core.errors import TenantctlError

    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(_markdown(preview) + "\n")
    except OSError as error:
        raise TenantctlError(f"GITHUB_STEP_SUMMARY: {file} cannot be written: {error.strerror}") from error


def _note_findings(plan: "Plan") -> None:
    shown = [hold.message for hold in plan.holds]
    for text in map(str, plan.findings):
        if not any(message == text or message.startswith(f"{text} (and ") for message in shown):
            note(text)
