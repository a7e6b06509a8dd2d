"""Moves, ways back, decommissions and removals: before and after whatever write a process dies, the end is the same."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.approval import Approval
from reconciler.core.condition import READY
from reconciler.core.move import Phase
from reconciler.core.record import condition, read_record
from reconciler.core.times import rfc3339
from tests.controller.bridges import verb_of
from tests.controller.life import KEYS, REGIONS, Life
from tests.controller.memory import Died
from tests.controller.process import Process

KEY = KEYS[0]
HOME, EAST = REGIONS
OPEN: dict[str, Any] = {"seats": 1, "region": HOME, "deletionProtection": False}
MOVED: dict[str, Any] = {"seats": 1, "region": EAST, "deletionProtection": False}
MONTH = 31 * 24 * 3600.0


@dataclass
class Story:
    """One life, told to its end by processes of which one dies."""

    life: Life

    def settle(self) -> None:
        """Work off everything, with another process where one dies."""
        try:
            Process(self.life).settle()
        except Died:
            self.life.fuse.die_at = -1
            Process(self.life).settle()

    def rounds(self, count: int = 6) -> None:
        """Runs succeed, one after the other."""
        for _ in range(count):
            self.settle()
            self.life.everything_succeeds()
            self.life.now += 700
        self.settle()

    def declare(self, spec: Any) -> None:
        self.life.change(KEY, spec)

    def approve(self, **fields: Any) -> None:
        self.life.patch_record(KEY, {"approval": Approval(at=rfc3339(self.life.now), **fields).dump()})


def begun() -> Story:
    """An environment that is Ready at home, and has data there."""
    story = Story(Life())
    story.life.settle_in()
    for region in REGIONS:
        story.life.put_job(region, "search", 1)
    story.declare(OPEN)
    story.rounds(2)
    for service in ("billing", "search"):
        story.life.use(KEY, service)
    return story


def moves(story: Story) -> None:
    story.declare(MOVED)
    story.rounds()


def is_reverted_while_exporting(story: Story) -> None:
    story.declare(MOVED)
    story.settle()
    story.declare(OPEN)
    story.rounds()


def is_reverted_while_a_silent_target_imports(story: Story) -> None:
    story.declare(MOVED)
    story.rounds(1)
    story.life.regions[EAST].silent = True
    story.declare(OPEN)
    story.rounds(3)
    story.life.use(KEY)
    story.life.regions[EAST].silent = False
    story.rounds()


def moves_and_comes_back(story: Story) -> None:
    story.declare(MOVED)
    story.rounds(2)
    story.declare(OPEN)
    story.rounds(8)


def loses_its_source(story: Story) -> None:
    """Its region does not answer, and it moves without the data there; what is left there waits."""
    story.life.regions[HOME].silent = True
    story.declare(MOVED)
    story.settle()
    digest = story.life.desired.environments[KEY].digest
    story.approve(action="MIGRATE", digest=digest, region=HOME, without_source=True)
    story.rounds(3)


def moves_without_its_source(story: Story) -> None:
    loses_its_source(story)
    story.life.regions[HOME].silent = False
    story.life.give_up(KEY)
    story.rounds(3)


def is_decommissioned(story: Story) -> None:
    story.life.give_up(KEY)
    story.declare(None)
    story.rounds()


def is_decommissioned_by_its_state(story: Story) -> None:
    story.life.give_up(KEY)
    story.declare(OPEN | {"state": "Decommissioned"})
    story.rounds()


def is_removed_with_an_approval(story: Story) -> None:
    story.declare(OPEN | {"deletionProtection": True})
    story.settle()
    story.declare(None)
    story.settle()
    digest = read_record(story.life.control.objects["record", KEY.dotted]).applied_digest
    story.approve(action="DECOMMISSION", digest=digest, region=HOME)
    story.life.give_up(KEY)
    story.rounds()


def is_forgotten(story: Story) -> None:
    is_decommissioned(story)
    story.life.now += MONTH
    story.life.mono += MONTH
    story.rounds(2)


def comes_back(story: Story) -> None:
    is_decommissioned(story)
    story.declare(MOVED)
    story.rounds()


def loses_a_service(story: Story) -> None:
    story.life.give_up(KEY, ["search"])
    story.declare(OPEN | {"services": ["billing"]})
    story.rounds()


def loses_a_service_for_a_while(story: Story) -> None:
    loses_a_service(story)
    story.declare(OPEN)
    story.rounds()


STORIES = (
    moves, is_reverted_while_exporting, is_reverted_while_a_silent_target_imports, moves_and_comes_back,
    moves_without_its_source, is_decommissioned, is_decommissioned_by_its_state, is_removed_with_an_approval,
    is_forgotten, comes_back, loses_a_service, loses_a_service_for_a_while,
)  # fmt: skip


def told(story: Callable[[Story], None], die_at: int = -1) -> tuple[Story, int]:
    """The story and how many moments to die at it has."""
    life = begun()
    before = life.life.fuse.writes
    life.life.fuse.die_at = before + die_at if die_at >= 0 else -1
    story(life)
    return life, life.life.fuse.writes - before


def summary(story: Story) -> dict[str, Any]:
    """Everything that counts at the end, and which runs there were."""
    life = story.life
    raw = life.control.read("record", KEY.dotted)
    record = read_record(raw) if raw else None
    ready = condition(record, READY) if record else None
    return {
        "record": record and (record.region, record.epoch, record.move, record.claim, bool(record.gone)),
        "applied": record and (record.applied_digest, record.applied_revision),
        "ready": ready and (ready.status, ready.reason),
        "history": record and [(entry.event, entry.region, entry.attempt) for entry in record.history],
        "placements": {region: placement(life, region) for region in REGIONS},
        "stores": {region: life.stores.of(region, KEY) for region in REGIONS},
        "frozen": life.stores.frozen,
        "runs": Counter((memory.name, verb_of(raw)) for memory, raw in life.runs(completed=True)),
        "open runs": len(life.runs()),
        "records": life.control.objects["fleet", "fleet"]["data"]["records"],
    }


def placement(life: Life, region: str) -> Any:
    placed = life.placed(life.regions[region], KEY)
    said = {step: (each.result, each.epoch, each.digest) for step, each in placed.outcomes.items()} if placed else {}
    return placed and (placed.state, placed.epoch, placed.digest, said)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_an_environment_that(story: Callable[[Story], None]) -> None:
    """It ends where it has to, and where any process dies, in nothing different, with not one run more."""
    whole, moments = told(story)
    end = summary(whole)
    assert end == end | ENDS[story], end
    assert moments > 10
    for moment in range(moments):
        assert summary(told(story, moment)[0]) == end, f"death at {moment} of {moments}"


BOTH = {"billing": frozenset({1}), "search": frozenset({2})}
HERE = {"stores": {HOME: BOTH, EAST: {}}, "frozen": set()}
THERE = {"stores": {HOME: {}, EAST: BOTH}, "frozen": set()}
NOWHERE = {"stores": {HOME: {}, EAST: {}}}
APPLIED = {"ready": (True, "Applied")}
GONE = {"ready": (True, "Decommissioned")}

ENDS: dict[Callable[[Story], None], dict[str, Any]] = {
    moves: APPLIED | THERE,
    is_reverted_while_exporting: APPLIED | HERE,
    is_reverted_while_a_silent_target_imports: APPLIED
    | {"stores": {HOME: BOTH | {"billing": frozenset({1, 3})}, EAST: {}}},
    moves_and_comes_back: APPLIED | HERE,
    moves_without_its_source: APPLIED | {"stores": {HOME: {}, EAST: dict.fromkeys(BOTH, frozenset())}},
    is_decommissioned: GONE | NOWHERE,
    is_decommissioned_by_its_state: GONE | NOWHERE,
    is_removed_with_an_approval: GONE | NOWHERE,
    is_forgotten: {"record": None, "records": "0", "placements": {HOME: None, EAST: None}} | NOWHERE,
    comes_back: APPLIED | {"stores": {HOME: {}, EAST: dict.fromkeys(BOTH, frozenset())}},
    loses_a_service: APPLIED | {"stores": {HOME: {"billing": frozenset({1})}, EAST: {}}},
    loses_a_service_for_a_while: APPLIED | {"stores": {HOME: BOTH | {"search": frozenset()}, EAST: {}}},
}


def test_a_new_cluster_of_the_same_name_ends_the_wait_for_a_lost_region() -> None:
    """What docs/migration.md says of a region that never comes back."""
    story = begun()
    loses_its_source(story)
    assert summary(story)["record"][2].phase is Phase.CLEANING
    story.life.give_up(KEY)
    story.life.regions[HOME].objects.clear()
    story.life.regions[HOME].silent = False
    story.rounds(3)
    region, _, move, *_ = summary(story)["record"]
    assert (region, move) == (EAST, None)
