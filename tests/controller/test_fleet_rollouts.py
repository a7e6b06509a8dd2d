"""What is known of a fleet, as rollouts count it: placements of a region joined with records and suspensions."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.kube.client import NoCluster
from reconciler.controller.world import Listeners, RegionWatch, World
from reconciler.core import labels, placement
from reconciler.core.attempts import Attempts
from reconciler.core.gap import basis_of
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.outcome import Result
from reconciler.core.record import Record, config_map_of
from reconciler.core.region import Region
from reconciler.core.rollout import Turn
from reconciler.core.step import Step
from reconciler.core.times import rfc3339
from tests.controller.life import lifecycle_job
from tests.core.fleet import NOW, declaration, outcome, placed, record

HOME = "eu-west"
ACME, BETA, ZETA = (Key(tenant, "production") for tenant in ("acme", "beta", "zeta"))
STEP = Step.parse("job/upsert/billing/lifecycle")
OTHER = Step.parse("job/upsert/search/lifecycle")


class Place:
    """A world with one region in which three environments wait for a new version of a Job."""

    def __init__(self) -> None:
        self.rolled: list[str] = []
        self.version = 0
        self.now = NOW
        listeners = Listeners(rolled=self.rolled.append)
        self.world = World(NoCluster("memory"), labels.CONTROL_NAMESPACE, listeners, lambda: self.now)
        self.watch = RegionWatch(Region(HOME), NoCluster("memory"), listeners, [labels.VERBS_ANNOTATION])
        self.world.regions = {HOME: self.watch}
        for service in ("billing", "search"):
            self.watch.namespaces.put({"metadata": {"name": service}})
        self.release("billing", 1)
        for key in (ACME, BETA, ZETA):
            self.place(key)
            self.record(key)

    def newer(self, raw: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        return raw | {"metadata": raw["metadata"] | {"resourceVersion": str(self.version)}}

    def release(self, service: str, version: int) -> None:
        self.watch.jobs.put(self.newer(lifecycle_job(service, version)))

    def place(self, key: Key, result: Result | None = None) -> None:
        of = declaration(key)
        done = [outcome(STEP, of, self.watch.upserts[STEP], result=result)] if result else []
        raw = placement.config_map_of(placed(of, *done), self.watch.state.namespace)
        for each in done:
            raw["data"][each.step.data_key] = each.dump()
        self.watch.placements.put(self.newer(raw))

    def record(self, key: Key, **fields: Any) -> None:
        made: Record = replace(record(declaration(key)), **fields)
        self.world.records.put(self.newer(config_map_of(made, labels.CONTROL_NAMESPACE)))

    def suspend(self, **pauses: str) -> None:
        raw = {"metadata": {"name": "fleet", "namespace": labels.CONTROL_NAMESPACE}, "data": pauses}
        self.world.fleets.put(self.newer(raw))

    def front(self) -> str:
        """The last tenant whose turn it is; empty: everybody's."""
        rollout = self.world.rollouts.rollout(HOME, STEP)
        assert rollout is not None
        return rollout.front.tenant if rollout.front else ""

    def basis(self, key: Key) -> str:
        """What an attempt is an attempt at now."""
        return basis_of(declaration(key), self.watch.upserts, None)


@pytest.fixture
def place() -> Place:
    return Place()


def test_what_is_observed_says_whose_turn_it_is(place: Place) -> None:
    seen = place.world.observe(ACME, declaration(ACME))
    assert seen.rollouts is place.world.rollouts
    turns = [seen.rollouts.turn(HOME, STEP, place.watch.upserts[STEP], key) for key in (ACME, BETA, ZETA)]
    assert turns == [Turn.GO, Turn.WAIT, Turn.WAIT]


def test_an_outcome_counts_and_is_told(place: Place) -> None:
    assert place.front() == "acme"
    place.rolled.clear()
    place.place(ACME, Result.SUCCEEDED)
    assert place.rolled == [HOME]
    assert place.front() == "zeta"


def test_what_is_not_applied_takes_no_part(place: Place) -> None:
    place.record(ACME, applied_digest="another")
    assert place.front() == "beta"


def test_what_has_no_record_or_is_damaged_takes_no_part(place: Place) -> None:
    raw = config_map_of(record(declaration(BETA)), labels.CONTROL_NAMESPACE)
    place.world.records.put(place.newer(raw | {"data": {"epoch": "broken"}}))
    lost = config_map_of(record(declaration(ACME)), labels.CONTROL_NAMESPACE)
    place.world.records.drop(place.newer(lost))
    assert place.front() == "zeta"


def test_a_damaged_placement_takes_no_part(place: Place) -> None:
    raw = placement.config_map_of(placed(declaration(ACME)), place.watch.state.namespace)
    place.watch.placements.put(place.newer(raw | {"data": {}}))
    assert place.front() == "beta"
    assert place.world.rollouts.turn_now(HOME, STEP, ACME) is Turn.GO


def test_a_suspension_of_many_and_its_end_count_and_are_told(place: Place) -> None:
    assert place.front() == "acme"
    place.rolled.clear()
    place.suspend(**{"pause.tenant.acme": Mark(by="ada").dump()})
    assert place.rolled == [HOME]
    assert place.front() == "beta"
    place.suspend()
    assert place.front() == "acme"


def test_a_suspension_ends_with_its_time(place: Place) -> None:
    place.suspend(**{"pause.all": Mark(until=rfc3339(NOW + 60)).dump()})
    assert place.front() == ""
    place.now += 61
    assert place.world.rollouts.turn_now(HOME, STEP, ZETA) is Turn.WAIT
    assert place.world.rollouts.turn_now(HOME, STEP, ACME) is Turn.GO


def test_what_is_stalled_is_passed_over_until_a_job_changes(place: Place) -> None:
    place.release("search", 1)
    place.record(ACME, attempts=Attempts(place.basis(ACME), 1, 0, "LifecycleJobFailed"))
    assert place.front() == "beta"
    place.release("search", 2)
    assert place.front() == "acme"


def test_what_an_older_job_stalled_is_not_passed_over(place: Place) -> None:
    place.record(ACME, attempts=Attempts(place.basis(ACME), 1, 0, "LifecycleJobFailed"))
    place.release("billing", 2)
    assert place.front() == "acme"


@pytest.mark.parametrize("declared", ['{"spec": {}}', '{"spec": {"services": 5}, "metadata": 7}'])
def test_an_edited_placement_that_is_stalled_is_waited_for(place: Place, declared: str) -> None:
    raw = placement.config_map_of(placed(declaration(ACME)), place.watch.state.namespace)
    place.watch.placements.put(place.newer(raw | {"data": raw["data"] | {"declaration": declared}}))
    place.record(ACME, attempts=Attempts("b", 1, 0, "LifecycleJobFailed"))
    assert place.front() == ("acme" if "services" not in declared else "beta")


def test_a_job_or_a_region_that_is_not_there_makes_nobody_wait(place: Place) -> None:
    for region, step in ((HOME, OTHER), ("mars", STEP)):
        assert place.world.rollouts.rollout(region, step) is None
        assert place.world.rollouts.turn_now(region, step, ZETA) is Turn.GO
    assert place.world.rollouts.turn("mars", STEP, "h", ZETA) is Turn.GO
