"""The strict reader: bytes in, plain JSON data and problems out; it never raises and never runs anything.

It walks libyaml's events itself (no constructor, no recursion in C), so that duplicate keys, aliases and deep
nesting are seen where they stand. `core.scalar` decides what unquoted text means, `core.position` finds
places again afterwards.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.core.finding import Problem, shown
from reconciler.core.scalar import plain

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_PROBLEMS = 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
STRANGE_BREAK = re.compile(rb"\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; flatten it"
TOO_LARGE = f"the file is larger than {MAX_BYTES // 1024} KiB; a declaration holds settings, not content"


@dataclass(frozen=True)
class Reading:
    """What a file says: its value, or None with the problems that keep us from reading it."""

    value: Any
    problems: tuple[Problem, ...]
    source: bytes

    @property
    def sound(self) -> bool:
        """Whether the value can be trusted."""
        return not self.problems


class _StopError(Exception):
    """Reading makes no sense beyond this point; the problem is noted."""


@dataclass
class _Reader:
    """The events still to come and the problems seen so far."""

    next: Callable[[], Any]
    problems: list[Problem]

    def note(self, mark: Any, code: str, message: str) -> None:
        self.problems.append(Problem(mark.line + 1, mark.column + 1, code, message))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopError

    def stop(self, mark: Any, code: str, message: str) -> None:
        self.note(mark, code, message)
        raise _StopError


def read(data: bytes) -> Reading:
    """Read one document strictly. The value is meaningless unless the reading is `sound`."""
    refused = _refuse_bytes(data)
    if refused:
        return Reading(None, (refused,), data)
    problems: list[Problem] = []
    try:
        value = _document(_Reader(CParser(data).get_event, problems))
    except _StopError:
        value = None
    except YAMLError as error:
        value = None
        problems.append(_syntax(error, data))
    return Reading(value, tuple(sorted(set(problems))), data)


def too_large() -> Reading:
    """The reading of a file that was not even opened, since it is over the limit."""
    return Reading(None, (Problem(1, 1, "too-large", TOO_LARGE),), b"")


def _refuse_bytes(data: bytes) -> Problem | None:
    if len(data) > MAX_BYTES:
        return Problem(1, 1, "too-large", TOO_LARGE)
    if data.startswith(BYTE_ORDER_MARK):
        return Problem(1, 1, "byte-order-mark", "the file begins with a byte order mark; save it as UTF-8 without one")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return Problem(*_place(data, error.start), "encoding", "the file is not UTF-8 here; save it as UTF-8")
    strange = STRANGE_BREAK.search(data)
    if strange:
        return Problem(
            *_place(data, strange.start()),
            "line-break",
            "some readers see no line break here; write an ordinary one",
        )
    return None


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column (in characters, from 1) of a byte."""
    start = data.rfind(b"\n", 0, offset) + 1
    return data.count(b"\n", 0, offset) + 1, len(data[start:offset].decode(errors="replace")) + 1


def _syntax(error: YAMLError, data: bytes) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a ReaderError: a character that YAML does not allow; its position counts bytes
        place = _place(data, getattr(error, "position", 0))
        return Problem(*place, "syntax", "a control character is not allowed here; remove it")
    return Problem(mark.line + 1, mark.column + 1, "syntax", _said(error, mark, data.decode().splitlines()))


def _said(error: YAMLError, mark: Any, lines: list[str]) -> str:
    """What libyaml says, with the two hints that people need most."""
    if mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        return "a tab cannot indent; use blanks"
    if "maximum nesting depth" in (getattr(error, "problem", None) or ""):
        return TOO_DEEP
    words = [getattr(error, "context", None), getattr(error, "problem", None)]
    said = ", ".join(word for word in words if word) or "this is not YAML"
    began = getattr(error, "context_mark", None)
    return said if began is None or began.line == mark.line else f"{said} (it began in line {began.line + 1})"


def _document(reader: _Reader) -> Any:
    reader.next()  # the start of the stream
    start = reader.next()
    if type(start) is not DocumentStartEvent:
        reader.stop(start.start_mark, "empty", "the file says nothing; remove it, or declare something")
    if start.version or start.tags:
        reader.note(start.start_mark, "directive", "a % directive is not supported; remove it")
    value = _value(reader, reader.next(), 1)
    reader.next()  # the end of the document
    after = reader.next()
    if type(after) is not StreamEndEvent:
        reader.stop(
            after.start_mark,
            "several-documents",
            "a file holds one document; put this one in a file of its own",
        )
    return value


def _value(reader: _Reader, event: Any, depth: int) -> Any:
    kind = type(event)
    if kind is ScalarEvent:
        return _scalar(reader, event)
    if kind is AliasEvent:
        return reader.note(
            event.start_mark, "alias", f"the alias *{event.anchor} is not supported; write the value out"
        )
    if event.anchor or event.tag:
        _decorated(reader, event)
    if depth > MAX_DEPTH:
        reader.stop(event.start_mark, "too-deep", TOO_DEEP)
    return _mapping(reader, depth) if kind is MappingStartEvent else _sequence(reader, depth)


def _sequence(reader: _Reader, depth: int) -> list[Any]:
    following = reader.next
    values = []
    event = following()
    while type(event) is not SequenceEndEvent:
        values.append(_value(reader, event, depth + 1))
        event = following()
    return values


def _mapping(reader: _Reader, depth: int) -> dict[str, Any]:
    following = reader.next
    values: dict[str, Any] = {}
    event = following()
    while type(event) is not MappingEndEvent:
        key = _key(reader, event, depth)
        if key in values:
            reader.note(event.start_mark, "duplicate-key", f"{shown(key)} is written twice in this mapping; keep one")
        values[key] = _value(reader, following(), depth + 1)
        event = following()
    return values


def _key(reader: _Reader, event: Any, depth: int) -> str:
    key = _value(reader, event, depth + 1)
    if type(key) is str:
        return key
    if type(event) is not AliasEvent:
        reader.note(event.start_mark, "key", f"the key {shown(key)} is not a string; quote it")
    return str(key)


def _scalar(reader: _Reader, event: Any) -> Any:
    if event.anchor or event.tag:
        _decorated(reader, event)
    text = event.value
    if event.style:
        value: Any = text
        if CONTROL.search(text):
            reader.note(event.start_mark, "control-character", "a control character is in this string; remove it")
    else:
        value, code, message = plain(text)
        if code:
            reader.note(event.start_mark, code, message)
    if "{{" in text:
        reader.note(event.start_mark, "template", "'{{' is never allowed: Argo would expand it; write the text out")
    return value


def _decorated(reader: _Reader, event: Any) -> None:
    if event.anchor:
        reader.note(event.start_mark, "anchor", f"the anchor &{event.anchor} is not supported; write values out")
    if event.tag:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        reader.note(event.start_mark, "tag", f"the tag {tag} is not supported; remove it")
