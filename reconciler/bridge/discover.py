"""The first stage of a run: what there is to do, as lists of fan-out items in files, which become output parameters.

A list that was given is taken literally, also `[]`; `auto` is worked out here. Files, since a script's `result` is cut
to its last 256 KiB without an error.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import JOBS, NAMESPACES
from reconciler.bridge.exits import DONE
from reconciler.bridge.patience import patiently
from reconciler.bridge.placements import placement_of
from reconciler.bridge.say import say
from reconciler.bridge.world import AUTO, World
from reconciler.core import labels
from reconciler.core.discovery import COPIES_LEFT_OUT, steps_of
from reconciler.core.errors import Refused, UsageError
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.placement import Placement
from reconciler.core.step import Kind, Step

KINDS = {"jobs": Kind.JOB, "resources": Kind.RESOURCE, "applications": Kind.APPLICATION}


def discover(kube: Kube, world: World, verb: str) -> int:
    """Write the lists and return the exit code. Raises NoPlacement, Refused, UsageError."""
    placement = placement_of(kube, world)
    if not placement.state.admits(verb):
        raise Refused(f"the placement of {world.key} is {placement.state}, which admits no {verb}")
    lists = {name: given(world.asked[name], name) for name in KINDS}
    found = {
        name: items if items is not None else _auto(kube, world, placement, verb, name) for name, items in lists.items()
    }
    write(Path(world.output), found | {"removals": []})
    return DONE


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
    """Jobs are discovered; nothing fills the stages of resources and applications in this version."""
    if name != "jobs":
        return []
    steps = steps_of(lifecycle_jobs(kube, world.annotations), enabled(kube), placement.spec, verb)
    return sorted(step.item for step in steps)


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
