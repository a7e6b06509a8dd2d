"""The one error that the demo raises on purpose: what failed, what was said, and what to do."""

from __future__ import annotations


class DemoError(Exception):
    """A step failed; `str()` has what is known and the remedy."""

    def __init__(self, what: str, *, remedy: str, said: str = "") -> None:
        super().__init__("\n".join(filter(None, [what, said, f"What to do: {remedy}"])))
