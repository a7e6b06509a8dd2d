"""What is kept of a region: it never raises for what people write, and it is the newest that any thread knew."""

from typing import Any

import pytest

from reconciler.adapters.kube.client import NoCluster
from reconciler.controller.world import Damaged, Listeners, RegionWatch, World
from reconciler.core import labels
from reconciler.core.fleet import EVERYTHING, Reach, Scope
from reconciler.core.record import config_map_of
from reconciler.core.region import Region
from tests.core.fleet import declaration, record

NAMESPACE = labels.CONTROL_NAMESPACE


@pytest.mark.parametrize(
    "data",
    [{"policy": "5"}, {"claim": "[]"}, {"conditions": "[1]"}, {"epoch": ""}, {"attempts": "[]"}, {"history": "{}0"}],
    ids=str,
)
def test_a_record_that_somebody_damaged_is_kept_as_damaged(data: dict[str, str]) -> None:
    world = World(NoCluster("memory"), NAMESPACE, Listeners())
    raw = config_map_of(record(declaration()), NAMESPACE)
    world.records.put(raw | {"data": raw["data"] | data})
    assert isinstance(world.records.values()[0], Damaged)


@pytest.mark.parametrize("text", ["5", "[]", "{}", '{"spec": 1}', "{"])
def test_a_placement_whose_declaration_is_none_is_kept_as_damaged(text: str) -> None:
    watch = watched()
    data = {"declaration": text, "digest": "d", "revision": "r", "epoch": "1", "state": "Active"}
    watch.placements.put({"metadata": {"name": "acme.a", "namespace": "w"}, "data": data})
    assert isinstance(watch.placements.values()[0], Damaged)


@pytest.mark.parametrize("spec", [{"arguments": {"parameters": [{"value": "x"}]}}, {"arguments": None}, None], ids=str)
def test_a_workflow_that_is_none_of_ours_is_kept_without_a_key(spec: Any) -> None:
    watch = watched()
    watch.runs.put({"metadata": {"name": "other", "namespace": "w"}, "spec": spec})
    assert watch.runs.values()[0].key is None


def test_an_approved_source_is_told_as_a_change_of_everything_and_its_use_is_not() -> None:
    told: list[set[Scope]] = []
    world = World(NoCluster("memory"), NAMESPACE, Listeners(paused=told.append))
    acme = Scope(Reach.TENANT, "acme")
    steps: list[dict[str, str]] = [
        {"accepted": "a"},
        {"accepted": "a", "source": "b"},
        {"accepted": "b", acme.data_key: "x"},
        {"accepted": "c", acme.data_key: "x"},
    ]
    for version, data in enumerate(steps, 1):
        metadata = {"name": labels.FLEET, "namespace": NAMESPACE, "resourceVersion": str(version)}
        world.fleets.put({"metadata": metadata, "data": data})
    assert told == [set(), {EVERYTHING}, {acme}, set()]


def watched() -> RegionWatch:
    return RegionWatch(Region("eu-west"), NoCluster("memory"), Listeners(), [labels.VERBS_ANNOTATION])
