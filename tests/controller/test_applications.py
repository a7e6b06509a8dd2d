"""What Argo CD says of applications after they were brought: who is told, and when nothing is known."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.controller.applications import ApplicationWatch
from reconciler.core.application import WELL, entry_digest
from reconciler.core.errors import Unavailable
from reconciler.core.names import Key
from reconciler.core.outcome import Result
from reconciler.core.placement import Placement, State
from reconciler.core.step import Step
from tests.core.fleet import KEY, declaration, outcome, placed

UP = Step.parse("application/upsert/portal")
PORTAL = {"name": "portal", "source": {"repoURL": "https://git.example.com/p.git"}, "namespace": "acme-production"}
NAME = "acme.production.portal.eu-west"
OF = declaration(applications=[PORTAL])


def placement(**fields: Any) -> Placement:
    return placed(OF, replace(outcome(UP, OF, entry_digest(PORTAL)), **fields))


def application(health: str) -> dict[str, Any]:
    status = {"sync": {"status": "Synced"}, "health": {"status": health}}
    return {"metadata": {"name": NAME, "labels": {}}, "status": status}


class Region:
    """Placements, an Argo CD, and who was told."""

    def __init__(self, *placements: Placement) -> None:
        self.placements, self.asked, self.told = list(placements), 0, list[Key]()
        self.live: dict[str, Any] = {NAME: application("Healthy")}
        self.error: Exception | None = None
        self.watch = ApplicationWatch("eu-west", self._placed, self._ask, self.told.append)

    def _placed(self) -> Iterable[Placement]:
        return self.placements

    def _ask(self) -> dict[str, Any]:
        self.asked += 1
        if self.error:
            raise self.error
        return self.live

    def look(self) -> str | None:
        self.told.clear()
        self.watch.look()
        return self.watch.stand(self.placements[0]).unwell


def test_it_is_told_when_it_becomes_ill_and_when_it_is_well_again() -> None:
    region = Region(placement())
    assert (region.look(), region.told) == ("", [KEY])
    assert (region.look(), region.told) == ("", [])
    region.live = {NAME: application("Degraded")}
    assert (region.look(), region.told) == ("portal: Synced, Degraded", [KEY])
    region.live = {}
    assert (region.look(), region.told) == ("portal: not in Argo CD", [KEY])
    assert region.watch.stand(region.placements[0]).gone == {UP}
    region.live = {NAME: application("Healthy")}
    assert (region.look(), region.told) == ("", [KEY])


def test_without_an_answer_what_was_said_last_stays() -> None:
    region = Region(placement())
    region.error = Unavailable("Argo CD does not answer")
    assert (region.look(), region.told) == (None, [])
    region.error, region.live = None, {NAME: application("Degraded")}
    region.look()
    region.error = Unavailable("Argo CD does not answer")
    assert (region.look(), region.told) == ("portal: Synced, Degraded", [])
    assert region.watch.trouble == "Argo CD does not answer"


@pytest.mark.parametrize(
    "found",
    [placed(declaration()), placement(result=Result.RUNNING), replace(placement(), state=State.RELEASED)],
    ids=["none declared", "not brought yet", "going"],
)
def test_where_nothing_was_brought_nothing_is_asked(found: Placement) -> None:
    region = Region(found)
    assert (region.look(), region.asked) == ("", 0)


def test_before_it_was_asked_about_nothing_is_known() -> None:
    """Such as after a restart, when the first look comes before the placements are read."""
    region = Region(placement())
    assert region.watch.stand(region.placements[0]).unwell is None
    region.placements = []
    region.watch.look()
    assert region.watch.stand(placement()).unwell is None
    assert region.watch.stand(placed(declaration())) == WELL


def test_what_was_brought_anew_since_is_well_until_the_next_look() -> None:
    """Its step has just seen it Healthy; the older word would be about what was there before."""
    region = Region(placement())
    region.live = {}
    assert region.look() == "portal: not in Argo CD"
    region.placements = [placement(run="r2")]
    assert region.watch.stand(region.placements[0]) == WELL
    assert region.look() == "portal: not in Argo CD"


def test_it_ends_when_it_is_asked_to() -> None:
    region = Region(placement())

    def ask() -> dict[str, Any]:
        region.watch.stop()
        return region._ask()

    region.watch = ApplicationWatch("eu-west", region._placed, ask, region.told.append)
    region.watch.run(3600)
    region.watch.run(3600)
    assert (region.asked, region.told) == (1, [KEY])
