"""Which fields differ between two JSON documents, as dotted paths: the reasons of a plan."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.text import printable

TEXT_MAX = 60
ABSENT = object()


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each differing leaf as (path, before, after); ABSENT stands for a field that is not there. Sorted by path."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            inner = f"{path}.{name}" if path else name
            yield from differences(before.get(name, ABSENT), after.get(name, ABSENT), inner)
    elif before is ABSENT and isinstance(after, Mapping):
        yield from differences({}, after, path)
    elif after is ABSENT and isinstance(before, Mapping):
        yield from differences(before, {}, path)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield path, before, after


def text(before: Any, after: Any) -> str:
    """`250 → 300`, or what appeared or went."""
    if before is ABSENT:
        return f"set to {_short(after)}"
    if after is ABSENT:
        return f"removed (was {_short(before)})"
    return f"{_short(before)} → {_short(after)}"


def shown(value: Any) -> str:
    """A value of a declaration as JSON on one line, with nothing in it that would make the line read as another one."""
    import json

    return printable(json.dumps(value, ensure_ascii=False))


def _short(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
