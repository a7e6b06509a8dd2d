"""What is wrong with a declaration and where: bad input is a value, so one bad file never hides another.

A `Problem` belongs to bytes (it is cached by blob id); `at` makes it a `Finding` of the file that has these
bytes.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, with its place; lines and columns count from 1, as editors do."""

    path: str
    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"


@dataclass(frozen=True, order=True)
class Problem:
    """A finding that does not know its file yet."""

    line: int
    column: int
    code: str
    message: str

    def at(self, path: str) -> Finding:
        """This problem as a finding of the file at `path`."""
        return Finding(path, self.line, self.column, self.code, self.message)


def suggest(word: str, known: Iterable[str]) -> str:
    """What to write instead: `; did you mean 'region'?` for a near miss, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def shown(value: object, limit: int = 60) -> str:
    """A value as a message quotes it: on one line, and never so long that the message drowns in it."""
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
