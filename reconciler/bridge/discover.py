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
from reconciler.core.step import ADMIN, Kind, Step, Verb
from reconciler.core.wanted import expected_steps

KINDS = {"jobs": Kind.JOB, "resources": Kind.RESOURCE, "applications": Kind.APPLICATION}
# Of which verbs a run's Jobs are, and in which list each stage finds its own.
STAGES: Mapping[str, Mapping[str, str]] = {
    Verb.UPSERT: {Verb.UPSERT: "jobs", Verb.DECOMMISSION: "removals"},
    Verb.MIGRATE_OUT: {Verb.MIGRATE_OUT: "jobs"},
    Verb.MIGRATE_IN: {Verb.UPSERT: "jobs", Verb.MIGRATE_IN: "imports"},
    Verb.DECOMMISSION: {Verb.DECOMMISSION: "jobs"},
}
# By itself an upsert takes nothing away: whether it may is for the reconciler's guards to say.
AUTO_VERBS: Mapping[str, tuple[str, ...]] = {Verb.MIGRATE_IN: (Verb.UPSERT, Verb.MIGRATE_IN)}
EXPECTED = frozenset({Verb.MIGRATE_OUT, Verb.DECOMMISSION})  # not even a Job that is gone may be left out


def discover(kube: Kube, world: World, verb: str) -> int:
    """Write the lists and return the exit code. Raises NoPlacement, Refused, UsageError."""
    placement = placement_of(kube, world)
    if not placement.state.admits(verb):
        raise Refused(f"the placement of {world.key} is {placement.state}, which admits no {verb}")
    lists = {name: given(world.asked[name], name) for name in KINDS}
    found = {
        name: items if items is not None else _auto(kube, world, placement, verb, name) for name, items in lists.items()
    }
    if verb.startswith(ADMIN) and not found["jobs"]:  # somebody asked for this very thing
        known = "'tenantctl admin list' shows those that there are"
        raise Refused(f"no lifecycle Job that {world.key} uses has {verb}; {known}")
    write(Path(world.output), _in_stages(found, verb))
    return DONE


def _in_stages(found: Mapping[str, list[str]], verb: str) -> dict[str, list[str]]:
    """The lists as the run's stages find them: what an upsert takes away comes last, of whatever kind."""
    staged = {**found, **_staged(found["jobs"], verb)}
    if verb == Verb.UPSERT:
        away = [item for item in found["applications"] if item.startswith(f"{Verb.DECOMMISSION}/")]
        staged["applications"] = [item for item in found["applications"] if item not in away]
        staged["removals"] = [*staged["removals"], *(f"{Kind.APPLICATION}/{item}" for item in away)]
    return staged


def _staged(items: list[str], verb: str) -> dict[str, list[str]]:
    """The Jobs' items by the stage that runs them. Raises UsageError for one that no stage of the run does."""
    stages = STAGES.get(verb, {verb: "jobs"})
    by_verb: dict[str, list[str]] = {word: [] for word in stages}
    for item in items:
        word = item.partition("/")[0]
        if word not in by_verb:
            raise UsageError(f"jobs: {item} is no step of a {verb}; its verbs are {', '.join(by_verb)}")
        by_verb[word].append(item)
    lists = {name: by_verb[word] for word, name in stages.items()}
    return lists | {"removals": [f"{Kind.JOB}/{item}" for item in lists.get("removals", [])]}


def given(text: str, name: str) -> list[str] | None:
    """The list that was given, sorted; None for `auto`. Raises UsageError when it is neither."""
    if text == AUTO:
        return None
    try:
        items = json.loads(text)
        if not isinstance(items, list):
            raise TypeError(f"a {type(items).__name__}")
        return sorted({Step.of_item(KINDS[name], item).item for item in items})
    except (ValueError, TypeError, AttributeError) as error:
        example = "upsert/billing/billing-lifecycle"
        raise UsageError(f"{name}: neither auto nor a JSON list of steps like {example}: {error}") from error


def _auto(kube: Kube, world: World, placement: Placement, verb: str, name: str) -> list[str]:
    """Jobs are discovered, applications are declared; nothing fills the stage of resources in this version."""
    if name == "applications":
        return sorted(step.item for step in _applications(placement, verb))
    if name != "jobs":
        return []
    jobs, trusted = lifecycle_jobs(kube, world.annotations), enabled(kube)
    if verb in EXPECTED:
        offered = hashes_of(job for job in jobs if job.namespace in trusted)
        return sorted(step.item for step in expected_steps(verb, placement, offered))
    verbs = AUTO_VERBS.get(verb, (verb,))
    steps = {step for word in verbs for step in steps_of(jobs, trusted, placement.spec, word)}
    if verb == Verb.MIGRATE_IN:
        steps |= imports(kube, world).keys()  # a Job that is not there yet, too: its data waits
    return sorted(step.item for step in steps)


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
