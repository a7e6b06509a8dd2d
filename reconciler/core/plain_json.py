"""JSON that others wrote: lifecycle Jobs, people with kubectl. Whatever is wrong with it is a ValueError.

Python's own reader takes NaN and 1e999 for numbers that no JSON has, and ends with a RecursionError on deep nesting.
"""

import json
import math
from dataclasses import fields
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

DEPTH_MAX = 64
KINDS: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


def loads(text: str, depth: int = DEPTH_MAX) -> Any:
    """Read a JSON text. Raises ValueError when it is none, holds a number that is none, or is nested too deeply."""
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if _deeper(value, depth):
        raise ValueError(f"nested more than {depth} levels deep")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _deeper(value: Any, depth: int) -> bool:
    """Level by level, so that no depth is too much for the check itself."""
    level = [value]
    for _ in range(depth + 1):
        level = [inner for item in level for inner in _inner(item)]
        if not level:
            return False
    return True


def _inner(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def typed(instance: T) -> T:
    """The dataclass instance, whose text, number and truth fields are checked. Raises ValueError, naming the field."""
    for field in fields(instance):  # type: ignore[arg-type]
        value, kinds = getattr(instance, field.name), KINDS.get(field.type)
        if kinds and type(value) not in kinds:
            raise ValueError(f"{type(instance).__name__.lower()}: {field.name} is {value!r}"[:200])
    return instance
