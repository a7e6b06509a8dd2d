"""Annotations: workflow commands (as @actions/core writes them), which GitHub shows at the lines of a pull request.

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions. GitHub shows at most ten of a
kind for each step and drops the others silently, so what is beyond them is counted here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

SHOWN_MOST = 10


class Placed(Protocol):
    """What is said about a place in a file."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True, order=True, slots=True)
class Remark:
    """Something about a file, at its first line unless told better."""

    path: str
    code: str
    message: str
    line: int = 1
    column: int = 1


LEVELS = ("error", "warning", "notice")
Said = tuple[str, Placed]


def annotations(said: Iterable[Said], first: Collection[str] = ()) -> str:
    """A line each, errors first, at most ten of a level; of a level those about the paths `first` come first."""
    ordered = sorted(said, key=lambda item: (LEVELS.index(item[0]), item[1].path not in first))
    lines: list[str] = []
    for level, group in groupby(ordered, key=lambda item: item[0]):
        lines += _level(level, [item for _, item in group])
    return "\n".join(lines)


def _level(level: str, items: list[Placed]) -> list[str]:
    if len(items) <= SHOWN_MOST:
        return [annotation(item, level) for item in items]
    shown, rest = items[: SHOWN_MOST - 1], items[SHOWN_MOST - 1 :]
    files = len({item.path for item in rest})
    more = (
        f"{len(rest)} more in {files} {'file' if files == 1 else 'files'}; tenantctl prints them all without -o github"
    )
    return [*(annotation(item, level) for item in shown), f"::{level} title=more::{_escaped(more)}"]


def annotation(finding: Placed, command: str = "error") -> str:
    """One workflow command: error, warning or notice."""
    place = f"file={_property(finding.path)},line={finding.line},col={finding.column}"
    return f"::{command} {place},title={_property(finding.code)}::{_escaped(finding.message)}"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _escaped(value).replace(":", "%3A").replace(",", "%2C")
