"""Moves: an environment on its way from region to region, a saga that is kept on the record (design §6, *Migrate*).

The table of phases: what is done in each, where, and what comes next. `core.saga` works it out.

| phase     | what is done                                | placement at the source | at the target     | then      |
|-----------|---------------------------------------------|-------------------------|-------------------|-----------|
| Exporting | migrate-out at the source                   | Frozen                  | not there         | Importing |
| Importing | upsert and migrate-in at the target         | Frozen                  | Active, epoch + 1 | Cleaning  |
| Cleaning  | decommission of what was left behind        | Released                | Active            | no move   |
| Thawing   | way back: upsert at the source, epoch + 2   | Active                  | as it was         | Cleaning  |

The write that ends Importing is the only commit point: before it the environment is at the source, afterwards at the
target. After Thawing it is the target that is cleaned.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from reconciler.core import plain_json
from reconciler.core.attempts import Attempts


class Phase(StrEnum):
    """How far a move is."""

    EXPORTING = "Exporting"
    IMPORTING = "Importing"
    CLEANING = "Cleaning"
    THAWING = "Thawing"

    @property
    def meaning(self) -> str:
        """What it means for the environment, for people; with `source`, `to` and `cleans` to fill in."""
        return {
            Phase.EXPORTING: "it is in {source}, where nothing can be written while its data is exported",
            Phase.IMPORTING: "it is in {source}, where nothing can be written, until everything is in {to}",
            Phase.CLEANING: "what is left of it in {cleans} is taken away",
            Phase.THAWING: "it goes back to {source}, where it is being made writable again",
        }[self]

    @property
    def revertible(self) -> bool:
        """Whether the commit point is still ahead."""
        return self in (Phase.EXPORTING, Phase.IMPORTING)


@dataclass(frozen=True, slots=True)
class Move:
    """One move. `epoch` is the target placement's; `declaration` is the effective document that the move is pinned to.

    `archives`: what was exported, by service (`core.archive`), so that the import does not need the source.
    `exports`: the steps that export, as they were known when it began.
    `cleans`: the region whose remains Cleaning takes away. `attempts` are the move's own, so that upserts at the target
    can be tried beside a Cleaning that has to wait. `without_source`: its data was given up (an approval).
    """

    source: str
    to: str
    phase: Phase
    digest: str
    revision: str
    epoch: int
    at: str
    declaration: Mapping[str, Any] = field(default_factory=dict)
    archives: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exports: tuple[str, ...] = ()
    cleans: str = ""
    without_source: bool = False
    attempts: Attempts = field(default_factory=Attempts)

    def enter(self, phase: Phase, cleans: str = "") -> "Move":
        """The move in another phase; what was tried before counts no more."""
        return replace(self, phase=phase, cleans=cleans or self.cleans, attempts=Attempts())

    def to_json(self) -> dict[str, Any]:
        """What people ask for: all but the document that it is pinned to."""
        names = ("source", "to", "phase", "epoch", "at", "digest", "revision", "cleans", "archives")
        return {name: getattr(self, name) for name in names} | {"withoutSource": self.without_source}

    def dump(self) -> str:
        """The text that is kept on the record."""
        data = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(data | {"attempts": self.attempts.to_json()}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Move":
        """Read what `dump` wrote. Raises ValueError when it is something else."""
        data = plain_json.loads(text)
        try:
            attempts = plain_json.typed(Attempts(**data["attempts"]))
            exports = tuple(data.get("exports", ()))
            return plain_json.typed(
                cls(**data | {"phase": Phase(data["phase"]), "attempts": attempts, "exports": exports})
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no move: {error!r}") from error
