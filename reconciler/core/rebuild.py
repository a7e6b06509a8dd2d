"""A record that was lost, made again from what the regions hold (design §5, *Fleet*).

| home                     | elsewhere                 | the record says                                             |
|--------------------------|---------------------------|-------------------------------------------------------------|
| Active                   | nothing                   | it is there                                                 |
| Active                   | Frozen                    | Importing: what was done counts, and the commit comes again |
| Active, all is imported  | Frozen                    | Cleaning: it may have lived there since, no way leads back  |
| Active, highest epoch    | Active                    | Thawing: it is made to live before the other is cleaned     |
| Active                   | Released                  | Cleaning of that: done at once where nothing is left        |
| Frozen                   | nothing                   | it is there; a new epoch thaws it, a move begins again      |
| Released                 | nothing                   | it is there; it was being taken away                        |

Its policy may have changed since the placement was written, so it is protected until a declaration says otherwise.
"""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.declaration import Declaration
from reconciler.core.move import Move, Phase
from reconciler.core.observed import Site
from reconciler.core.outcome import Result
from reconciler.core.placement import Placement, State
from reconciler.core.record import Entry, Record
from reconciler.core.saga import archives_of
from reconciler.core.step import Verb
from reconciler.core.times import rfc3339

ORDER = {State.ACTIVE: 2, State.FROZEN: 1, State.RELEASED: 0}
Placed = tuple[str, Placement]


def rebuilt(sites: Mapping[str, Site], now: float) -> Record | None:
    """The record of an environment that regions hold; None where none of them does."""
    found = [(name, site.placement) for name, site in sites.items() if site.placement]
    if not found:
        return None
    region, placement = home = max(found, key=_rank)
    others = sorted((each for each in found if each[0] != region), key=_rank)
    policy = replace(Declaration.of(placement.declaration).policy, deletion_protection=True)
    record = Record(key=placement.key, policy=policy, region=region, epoch=placement.epoch)
    record = _moving(record, home, others, now) if others and placement.state is State.ACTIVE else record
    message = f"record made again from the placement in {record.region}, epoch {record.epoch}"
    return record.with_entry(Entry(at=rfc3339(now), event="Rebuilt", message=message, region=record.region))


def _rank(placed: Placed) -> tuple[int, int]:
    return ORDER[placed[1].state], placed[1].epoch


def _moving(record: Record, home: Placed, others: list[Placed], now: float) -> Record:
    frozen = next((each for each in reversed(others) if each[1].state is State.FROZEN), None)
    if frozen is None:
        return replace(record, move=_left_behind(home, others[-1], now))
    archives = archives_of(frozen[1])
    if archives and archives.keys() <= _imported(home[1]):
        return replace(record, move=_move(frozen, home, Phase.CLEANING, now))
    move = replace(_move(frozen, home, Phase.IMPORTING, now), archives=archives)
    return replace(record, region=frozen[0], epoch=frozen[1].epoch, move=move)


def _imported(placement: Placement) -> set[str]:
    """The services whose data was imported in this epoch."""
    outcomes = placement.outcomes.items()
    ins = ((step, outcome) for step, outcome in outcomes if step.verb == Verb.MIGRATE_IN)
    return {
        step.namespace
        for step, outcome in ins
        if outcome.result is Result.SUCCEEDED and outcome.epoch == placement.epoch
    }


def _left_behind(home: Placed, other: Placed, now: float) -> Move:
    """Of a move that was turned around, or that is over but for what it left."""
    if other[1].state is State.ACTIVE:
        return replace(_move(home, home, Phase.THAWING, now), to=other[0])
    return _move(other, home, Phase.CLEANING, now)


def _move(source: Placed, home: Placed, phase: Phase, now: float) -> Move:
    region, placement = home
    return Move(
        source=source[0],
        to=region,
        phase=phase,
        digest=placement.digest,
        revision=placement.revision,
        epoch=placement.epoch,
        at=rfc3339(now),
        declaration=placement.declaration,
        cleans=source[0] if phase is Phase.CLEANING else "",
    )
