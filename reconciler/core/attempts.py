"""Attempts: how often the same thing was tried, and whether it is tried again."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often the same thing was tried. `basis` says what it is; when that changes, counting begins again.

    `next_at`: not before then, in seconds since the epoch. `stalled`: the fixed reason why it is not repeated at all.
    """

    basis: str = ""
    count: int = 0
    next_at: float = 0
    stalled: str = ""
    message: str = ""

    def after(self, basis: str) -> int:
        """The number of the next attempt at this."""
        return self.count + 1 if self.basis == basis else 1

    def to_json(self) -> dict[str, Any]:
        """What is said, without empty fields."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) not in ("", 0)}
