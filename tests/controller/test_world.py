"""What is kept of a region: it never raises for what people write, and it is the newest that any thread knew."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.adapters.kube.client import NoCluster
from reconciler.controller.world import Damaged, Listeners, RegionWatch, World
from reconciler.core import labels
from reconciler.core.fleet import EVERYTHING, Reach, Scope
from reconciler.core.lifecycle_job import LifecycleJob
from reconciler.core.record import config_map_of
from reconciler.core.region import Region
from reconciler.core.step import Step
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


VERBS = "lifecycle.upsert,lifecycle.migrate-out,lifecycle.decommission,admin.a"
JOB = {
    "metadata": {
        "namespace": "billing",
        "name": "billing-lifecycle",
        "annotations": {labels.VERBS_ANNOTATION: VERBS},
    },
    "spec": {"suspend": True, "template": {"spec": {"containers": []}}},
}
LAST = {Step.parse(f"job/{verb}/billing/billing-lifecycle"): "" for verb in ("migrate-out", "decommission")}


def test_a_job_that_argo_cd_replaces_is_missed_by_what_takes_away_only() -> None:
    """It is deleted and made again: a decommission that is decided in between must not do without it."""
    seconds = [1000.0]
    watch = watched(lambda: seconds[0])
    watch.namespaces.put({"metadata": {"name": "billing"}})
    watch.jobs.put(JOB)
    offered = watch.offers
    assert {step.verb for step in offered} == {"upsert", "migrate-out", "decommission", "admin.a"}
    watch.jobs.drop(JOB)
    assert watch.offers == LAST
    assert watch.away == dict.fromkeys(LAST, 1300.0)
    assert watch.upserts == {}
    watch.jobs.put(JOB)
    assert (watch.offers, watch.away) == (offered, {})
    watch.jobs.drop(JOB)
    seconds[0] += 299
    assert watch.offers == LAST
    seconds[0] += 1
    assert (watch.offers, watch.away) == ({}, {}), "for as long as a bridge waits for it"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_job_that_goes_while_others_look_is_missed_by_nobody(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watched()
    watch.namespaces.put({"metadata": {"name": "billing"}})
    watch.jobs.put(JOB)
    listed = watch.trusted

    def meanwhile() -> list[LifecycleJob]:
        monkeypatch.undo()
        found = listed() if when == "after" else []
        watch.jobs.drop(JOB)
        return found or listed()

    monkeypatch.setattr(watch, "trusted", meanwhile)
    assert watch.offers.keys() >= LAST.keys()
    assert watch.offers == LAST


def test_a_job_on_its_way_out_is_away_and_one_whose_namespace_takes_part_no_more_is_not() -> None:
    watch = watched()
    watch.namespaces.put({"metadata": {"name": "billing"}})
    watch.jobs.put(JOB)
    watch.jobs.put({**JOB, "metadata": JOB["metadata"] | {"deletionTimestamp": "2027-01-15T08:00:00Z"}})
    assert watch.offers == LAST
    watch.namespaces.drop({"metadata": {"name": "billing"}})
    assert watch.offers == {}


def watched(clock: Callable[[], float] = lambda: 0.0) -> RegionWatch:
    annotations = [labels.VERBS_ANNOTATION]
    return RegionWatch(Region("eu-west"), NoCluster("memory"), Listeners(), annotations, clock=clock)
