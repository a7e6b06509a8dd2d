"""The first stage of a run: what there is to do, as lists of fan-out items in files, which become output parameters.

A list that was given is taken literally, also `[]`; `auto` is worked out here. Files, since a script's `result` is cut
to its last 256 KiB without an error.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import JOBS, NAMESPACES
from reconciler.bridge.exits import DONE
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import imports, placement_of
from reconciler.bridge.say import say
from reconciler.bridge.world import AUTO, World
from reconciler.core import labels
from reconciler.core.application import application_steps, decommission_steps
from reconciler.core.discovery import COPIES_LEFT_OUT, hashes_of, steps_of
from reconciler.core.errors import Refused, UsageError
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.placement import Placement
from reconciler.core.stages import LISTS, staged
from reconciler.core.step import ADMIN, Step, Verb
from reconciler.core.wanted import LAST, expected_steps

KINDS = {name: kind for kind, name in LISTS.items()}
# By itself an upsert takes nothing away: whether it may is for the reconciler's guards to say.
AUTO_VERBS: Mapping[str, tuple[str, ...]] = {Verb.MIGRATE_IN: (Verb.UPSERT, Verb.MIGRATE_IN)}


def discover(kube: Kube, world: World, verb: str) -> int:
    """Write the lists and return the exit code. Raises NoPlacement, Refused, UsageError."""
    placement = placement_of(kube, world)
    if not placement.state.admits(verb):
        raise Refused(f"the placement of {world.key} is {placement.state}, which admits no {verb}")
    given = {name: given_steps(world.asked[name], name) for name in KINDS}
    found = {
        name: steps if steps is not None else _auto(kube, world, placement, verb, name) for name, steps in given.items()
    }
    if verb.startswith(ADMIN) and not found["jobs"]:  # somebody asked for this very thing
        known = "'tenantctl admin list' shows those that there are"
        raise Refused(f"no lifecycle Job that {world.key} uses has {verb}; {known}")
    try:
        lists = staged(verb, (step for steps in found.values() for step in steps))
    except ValueError as error:
        raise UsageError(str(error)) from error
    write(Path(world.output), lists)
    return DONE


def given_steps(text: str, name: str) -> set[Step] | None:
    """The steps that were given; None for `auto`. Raises UsageError when it is neither."""
    if text == AUTO:
        return None
    try:
        items = json.loads(text)
        if not isinstance(items, list):
            raise TypeError(f"a {type(items).__name__}")
        return {Step.of_item(KINDS[name], item) for item in items}
    except (ValueError, TypeError, AttributeError) as error:
        example = "upsert/billing/billing-lifecycle"
        raise UsageError(f"{name}: neither auto nor a JSON list of steps like {example}: {error}") from error


def _auto(kube: Kube, world: World, placement: Placement, verb: str, name: str) -> Iterable[Step]:
    """Jobs are discovered, applications are declared; nothing fills the stage of resources in this version."""
    if name == "applications":
        return _applications(placement, verb)
    if name != "jobs":
        return ()
    jobs, trusted = lifecycle_jobs(kube, world.annotations), enabled(kube)
    if verb in LAST:  # not even a Job that is gone may be left out
        return expected_steps(verb, placement, hashes_of(job for job in jobs if job.namespace in trusted))
    verbs = AUTO_VERBS.get(verb, (verb,))
    steps = {step for word in verbs for step in steps_of(jobs, trusted, placement.spec, word)}
    if verb == Verb.MIGRATE_IN:
        steps |= imports(kube, world).keys()  # a Job that is not there yet, too: its data waits
    return steps


def _applications(placement: Placement, verb: str) -> Iterable[Step]:
    if verb == Verb.DECOMMISSION:
        return decommission_steps(placement)
    return application_steps(placement.spec) if verb in (Verb.UPSERT, Verb.MIGRATE_IN) else ()


def lifecycle_jobs(kube: Kube, annotations: tuple[str, ...]) -> list[LifecycleJob]:
    """All lifecycle Jobs of the cluster, trusted or not."""
    items = patiently(lambda: list(kube.list(JOBS, labelSelector=COPIES_LEFT_OUT)))
    return [job for raw in items if (job := read_lifecycle_job(raw, annotations))]


def enabled(kube: Kube) -> frozenset[str]:
    """The namespaces that the platform labelled as taking part."""
    items = patiently(lambda: list(kube.list(NAMESPACES, labelSelector=labels.TRUSTED)))
    return frozenset(item["metadata"]["name"] for item in items)


def write(folder: Path, lists: Mapping[str, list[str]]) -> None:
    """One file per list, and a line each to the log."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, items in lists.items():
        (folder / name).write_text(json.dumps(items))
        say(f"{name}: {len(items)}" + "".join(f"\n  {item}" for item in items))
