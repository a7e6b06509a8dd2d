"""Marks: who used a lever, when and why, as text in a key of a ConfigMap that people patch with the command line.

The reconciler reads them and writes them into the history (`core.lever`). A pause is a mark with an end, if it has one.
"""

import json
from dataclasses import dataclass, fields
from typing import Any

from reconciler.core import plain_json
from reconciler.core.times import parse_rfc3339


@dataclass(frozen=True, slots=True)
class Mark:
    """One use of a lever. `at` and `until` are RFC 3339; `until` empty: without end. `lifted`: it ended a pause."""

    by: str = ""
    at: str = ""
    reason: str = ""
    until: str = ""
    lifted: bool = False

    def __str__(self) -> str:
        """`by ada at 2027-01-15T08:00:00Z until 2027-01-15T10:00:00Z: database upgrade`."""
        words = {"by": self.by or "somebody", "at": self.since, "until": self.until}
        said = " ".join(f"{word} {value}" for word, value in words.items() if value)
        return f"{said}: {self.reason}" if self.reason else said

    @property
    def since(self) -> str:
        """`at` in whole seconds."""
        return self.at.partition(".")[0] + "Z" if "." in self.at else self.at

    def in_force(self, now: float) -> bool:
        """Whether a pause holds anything at `now` (seconds since the epoch)."""
        return not self.lifted and (not self.until or now < parse_rfc3339(self.until))

    def dump(self) -> str:
        """The text that is kept: compact JSON without empty fields."""
        said = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> "Mark":
        """Read what `dump` wrote; any other text is the reason of somebody who edited the ConfigMap by hand.

        Nothing raises, and an end that is no time is none: what may be a pause is one.
        """
        data = _object(text)
        if data is None:
            return cls(reason=text.strip())
        texts = {name: str(data.get(name, "")) for name in ("by", "at", "reason", "until")}
        texts["until"] = texts["until"] if _is_time(texts["until"]) else ""
        return cls(**texts, lifted=data.get("lifted") is True)


def _object(text: str) -> dict[str, Any] | None:
    try:
        data = plain_json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _is_time(text: str) -> bool:
    try:
        parse_rfc3339(text)
    except ValueError:
        return False
    return True
