"""One file on its own: read strictly, checked against its schema and against the rules that need no other
file.

A document depends on the bytes and the kind alone, so that it can be remembered by blob id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

from reconciler.core.explain import explain
from reconciler.core.finding import Problem
from reconciler.core.position import Path, position, problem
from reconciler.core.region import WORKFLOW_NAMESPACE
from reconciler.core.schema import Kind, complies, version_of
from reconciler.core.strict_yaml import MAX_PROBLEMS, Reading, read, too_large

NAMED_LISTS = ("resources", "applications")


@dataclass(frozen=True)
class Document:
    """A file's value, or why it has none that can be trusted; `source` is kept to find places again."""

    kind: Kind
    value: Any
    problems: tuple[Problem, ...]
    source: bytes

    @cached_property
    def size(self) -> int:
        """The size of the file in bytes."""
        return len(self.source)

    def at(self, path: Path, code: str, message: str) -> Problem:
        """A problem at the value at `path`."""
        return problem(self.source, path, code, message)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of the value at `path`."""
        return position(self.source, path)


def parse(kind: Kind, data: bytes) -> Document:
    """Read a file of a kind; whatever is wrong with it is in `problems`, never an exception."""
    return _document(kind, read(data))


def oversized(kind: Kind) -> Document:
    """The document of a file that is too large to be opened."""
    return _document(kind, too_large())


def _document(kind: Kind, reading: Reading) -> Document:
    problems = reading.problems
    version = version_of(reading.value)
    if reading.sound and not complies(kind, version)(reading.value):
        problems = _first(explain(kind, reading.value, reading.source))
        problems = problems or (Problem(1, 1, "schema", f"the file does not keep {kind.file_of(version)}"),)
    if not problems:
        problems = _first(_own_rules(kind, reading))
    return Document(kind, reading.value if not problems else None, problems, reading.source)


def _first(problems: Iterator[Problem]) -> tuple[Problem, ...]:
    """As many as the reader notes of a file: a small file can be wrong in a hundred thousand ways, each told slowly."""
    return tuple(sorted(set(islice(problems, MAX_PROBLEMS))))


def _own_rules(kind: Kind, reading: Reading) -> Iterator[Problem]:
    if kind is Kind.REGIONS:
        yield from _unique_names(reading, ("spec", "regions"))
        yield from _unique_places(reading)
    elif kind is Kind.PROVIDER:
        yield from _unique_names(reading, ("spec", "actions"))
    else:
        yield from _specification(reading, ("spec",) if kind is Kind.ENVIRONMENT else ("spec", "defaults"))


def _specification(reading: Reading, path: Path) -> Iterator[Problem]:
    expires = _find(reading.value, (*path, "expiresAt"))
    if expires and not _is_time(expires):
        yield problem(reading.source, (*path, "expiresAt"), "format", f"{expires} is no date of the calendar")
    for name in NAMED_LISTS:
        yield from _unique_names(reading, (*path, name))


def _unique_names(reading: Reading, path: Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, item in enumerate(_find(reading.value, path) or ()):
        if item["name"] in seen:
            message = f"'{item['name']}' names two of {path[-1]}; give each a name of its own"
            yield problem(reading.source, (*path, index, "name"), "duplicate-name", message)
        seen.add(item["name"])


def _unique_places(reading: Reading) -> Iterator[Problem]:
    """Two names of one place would share every placement: a move would take away what it has just made."""
    seen: dict[tuple[Any, str], str] = {}
    for index, item in enumerate(_find(reading.value, ("spec", "regions")) or ()):
        place = (item.get("context"), item.get("workflowNamespace", WORKFLOW_NAMESPACE))
        other = seen.setdefault(place, item["name"])
        if other != item["name"]:
            why = "the same context and workflowNamespace; a place has one name"
            message = f"'{item['name']}' is where '{other}' is: {why}"
            yield problem(reading.source, ("spec", "regions", index), "duplicate-place", message)


def _find(value: Any, path: Path) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
