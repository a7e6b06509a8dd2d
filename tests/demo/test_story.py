"""The commands that the demo shows are those that somebody can type: with the context and namespace of what is done."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.core.condition import READY, Condition
from reconciler.core.move import Move, Phase
from reconciler.core.names import Key
from tests.cluster.owner import OwnedError
from tests.core.fleet import KEY, declaration, record
from tests.demo import story as module
from tests.demo.failure import DemoError
from tests.demo.moving import Moving
from tests.demo.place import Place
from tests.demo.screen import Screen
from tests.demo.story import Story


def test_what_is_done_in_the_second_region_is_shown_with_its_context(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kube: Any = None
    monkeypatch.setattr(module.api, "apply", lambda *_: ["namespace/billing serverside-applied"])
    monkeypatch.setattr(module.api, "label", lambda *_: None)
    monkeypatch.setattr("tests.demo.moving.ledger.install", lambda *_, **__: None)
    place, local = SimpleNamespace(name="eu-west"), SimpleNamespace(local=True, busybox="busybox:1")
    told: Any = Story(Screen(1), place, local, kube)
    Moving(told, SimpleNamespace(context="tenantctl-us-east"), kube).services()
    said = [line.strip() for line in capfd.readouterr().out.splitlines()]
    for words in (
        "apply --server-side --filename tests/examples/services/billing",
        "label namespace billing tenantctl.io/lifecycle=enabled",
    ):
        assert f"$ kubectl --context tenantctl-us-east {words}" in said


def test_a_move_that_the_budget_holds_is_approved_as_an_operator_does(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = ["Applied", "DestructiveBudget"]
    monkeypatch.setattr("tests.demo.moving.api.record", lambda *_: of(reasons.pop(0)))
    ran: list[tuple[str, ...]] = []
    held = ["! hooli/trial-2  MIGRATE  eu-west → us-east  held: DestructiveBudget"]

    class Told:
        screen, kube = Screen(1), None
        place = SimpleNamespace(name="eu-west", fleet=SimpleNamespace(work=None))

        def ready(self, key: Key) -> bool:
            return True

        def run(self, *words: str, **_: Any) -> str:
            ran.append(words)
            return "\n".join([*held, "Plan 294fc27751e8 at cb4c6a2: 1 held, 5 unchanged."])

    moving = Moving(Told(), SimpleNamespace(context="tenantctl-us-east"), None)
    assert not moving._held_back(KEY)
    assert moving._held_back(KEY)
    moving._approve()
    assert ran[1][:3] == ("tenantctl", "approve", "294fc27751e8")
    held.append("! acme/production  DECOMMISSION  eu-west  held: Protected")
    with pytest.raises(DemoError, match="does not approve for you"):
        moving._approve()
    assert len(ran) == 3


def of(reason: str) -> Any:
    return record(declaration(KEY), conditions=(Condition(READY, reason == "Applied", reason, "no"),))


def test_the_phases_of_a_move_are_told_as_they_begin(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun = Move("eu-west", "us-east", Phase.EXPORTING, "d", "f" * 40, 2, "2026-11-26T12:00:00Z")
    moves = [begun, begun, begun.enter(Phase.CLEANING, "eu-west")]
    monkeypatch.setattr("tests.demo.moving.api.record", lambda *_: record(declaration(KEY), move=moves.pop(0)))
    story: Any = SimpleNamespace(screen=Screen(1), kube=None, ready=lambda key: True)
    arrived = Moving(story, story, story)._arrival(KEY)
    assert [arrived() for _ in range(3)] == [False] * 3
    told = [line.strip() for line in capfd.readouterr().out.splitlines()]
    assert [line.split()[1] for line in told] == ["Exporting:", "Cleaning:"]


# -- what is taken down ------------------------------------------------------------------------------------------------


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What `undo` has ended; clusters whose name begins with `their` belong to another."""
    names: list[str] = []

    def cluster_down(name: str, progress: object) -> None:
        if name.startswith("their"):
            raise OwnedError(f"The cluster {name} belongs to /x", remedy="choose another NAME")
        names.append(name)

    monkeypatch.setattr(module, "cluster_down", cluster_down)
    down = lambda _, command: names.append(f"object store of {command}")  # noqa: E731
    monkeypatch.setattr("tests.demo.story.objectstore.exists", lambda: True)
    monkeypatch.setattr("tests.demo.story.objectstore.down", down)
    monkeypatch.setattr("tests.demo.place.ROOT", tmp_path)
    return names


def test_undo_ends_both_clusters_releases_the_object_store_and_leaves_no_folder(
    ended: list[str], tmp_path: Path
) -> None:
    place = Place("mine")
    place.folder.mkdir(parents=True)
    module.undo(Screen(1), place, "")
    assert ended == ["mine-2", "mine", "object store of make demo NAME=mine"]
    assert not (tmp_path / ".demo").exists()


def test_undo_leaves_the_folder_of_another_demo(ended: list[str]) -> None:
    for place in (Place("mine"), Place("other")):
        place.folder.mkdir(parents=True)
    module.undo(Screen(1), Place("mine"), "")
    assert Place("other").folder.exists()


def test_undo_leaves_the_cluster_of_another_and_says_so_after_its_own_is_gone(ended: list[str]) -> None:
    place = Place("theirs")
    place.folder.mkdir(parents=True)
    with pytest.raises(OwnedError, match="belongs to /x"):
        module.undo(Screen(1), place, "")
    assert ended == ["object store of make demo NAME=theirs"]
    assert not place.folder.exists()
