"""Makers for the tests of moves: a site with Jobs of every verb, an environment that is on its way."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.archive import Archive
from reconciler.core.declaration import Declaration
from reconciler.core.move import Move, Phase
from reconciler.core.observed import Observed, Site
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, State
from reconciler.core.record import Record
from reconciler.core.step import Kind, Step, Verb
from tests.core.fleet import KEY, NOW, declaration, outcome, placed, record

HOME, EAST = "eu-west", "us-east"
STAYS = declaration()
GOES = declaration(region=EAST)
ARCHIVE = Archive("acme/production/1/billing/lifecycle/r1/manifest.json", "a" * 64)


def step(verb: str, service: str = "billing") -> Step:
    return Step(Kind.JOB, verb, (service, "lifecycle"))


def offered(*services: str, verbs: tuple[str, ...] = tuple(Verb)) -> dict[Step, str]:
    """What Jobs of these services offer."""
    return {step(verb, service): f"{service}-hash" for service in services for verb in verbs}


def done(verb: str, of: Declaration = STAYS, service: str = "billing", **fields: Any) -> Outcome:
    """A step that succeeded; its Job had every verb."""
    made = outcome(step(verb, service), of, f"{service}-hash", verbs=tuple(sorted(Verb)))
    return replace(made, **fields)


def home(*outcomes: Outcome, state: State = State.ACTIVE, of: Declaration = STAYS, epoch: int = 1) -> Placement:
    """A placement of what has billing, upserted."""
    found = outcomes or (done(Verb.UPSERT, of, epoch=epoch),)
    return replace(placed(of, *found), state=state, epoch=epoch)


def site(placement: Placement | None = None, jobs: Mapping[Step, str] | None = None, *active: str) -> Site:
    return Site(placement, offered("billing") if jobs is None else jobs, active)


def seen(at: Record | None, here: Site | None, there: Site | None = None, **fields: Any) -> Observed:
    """What is observed of an environment whose record says home; a site that is None does not answer."""
    sites = {name: found for name, found in ((HOME, here), (EAST, there or site())) if found}
    base = Observed(
        record=at,
        placement=here.placement if here else None,
        upserts={step(Verb.UPSERT): "billing-hash"},
        region=HOME,
        sites=sites,
        silent={} if here else {HOME: "no route"},
    )
    return replace(base, **fields)


def move(phase: Phase = Phase.EXPORTING, **fields: Any) -> Move:
    base = Move(HOME, EAST, phase, GOES.digest, "c0ffee", 2, "2027-01-15T08:00:00Z", GOES.effective)
    return replace(base, **fields)


def on_the_move(phase: Phase = Phase.EXPORTING, **fields: Any) -> Record:
    return record(STAYS, move=move(phase, **fields))


def archives() -> dict[str, Mapping[str, Any]]:
    return {"billing": ARCHIVE.dump()}


def text(archive: Archive) -> str:
    return json.dumps(archive.dump(), separators=(",", ":"))


__all__ = ["KEY", "NOW"]
