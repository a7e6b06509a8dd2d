"""Expressions: the part of github.com/expr-lang/expr that our templates use, with its operators and functions.

Compiled to closures, so that a branch that is not taken is not evaluated: what it names may not exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
Value = Callable[[Scope], Any]
TOKENS = re.compile(
    r"""\s*(?:(?P<text>'[^']*'|"[^"]*")|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|\|\||&&|.))"""
)


def evaluate(text: str, scope: Scope) -> Any:
    """The value; `scope` has dotted names. Raises ValueError."""
    try:
        return Parser(text).whole()(scope)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{text}: {error!r}") from error


def _filter(items: Any, keep: Any) -> list[Any]:
    if not isinstance(items, list):
        raise TypeError(f"filter: {items!r} is no list")
    return [item for item in items if keep]


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "toJson": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "fromJSON": json.loads,
    "filter": _filter,
    "asInt": int,
}


class Parser:
    """Recursive descent, the loosest operator first."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(str(found.lastgroup), found[str(found.lastgroup)]) for found in TOKENS.finditer(text.strip())]
        self._at = 0

    def whole(self) -> Value:
        """The expression, which ends where the text ends."""
        value = self._choice()
        if self._at != len(self._tokens):
            raise ValueError(f"{self._text}: what is {self._tokens[self._at][1]!r}?")
        return value

    def _next(self, *words: str) -> str:
        """The next token if it is one of these."""
        if self._at < len(self._tokens) and self._tokens[self._at][1] in words and self._kind() != "text":
            self._at += 1
            return self._tokens[self._at - 1][1]
        return ""

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _need(self, word: str) -> None:
        if not self._next(word):
            raise ValueError(f"{self._text}: expected {word!r}")

    def _choice(self) -> Value:
        test = self._either()
        if not self._next("?"):
            return test
        yes = self._choice()
        self._need(":")
        no = self._choice()
        return lambda scope: yes(scope) if test(scope) else no(scope)

    def _either(self) -> Value:
        value = self._both()
        while self._next("or", "||"):
            value = (lambda one, other: lambda scope: one(scope) or other(scope))(value, self._both())
        return value

    def _both(self) -> Value:
        value = self._compared()
        while self._next("and", "&&"):
            value = (lambda one, other: lambda scope: one(scope) and other(scope))(value, self._compared())
        return value

    def _compared(self) -> Value:
        left = self._sum()
        sign = self._next("==", "!=", "in")
        if not sign:
            return left
        right = self._sum()
        if sign == "in":
            return lambda scope: left(scope) in right(scope)
        return lambda scope: (left(scope) == right(scope)) is (sign == "==")

    def _sum(self) -> Value:
        value = self._signed()
        while self._next("+"):
            value = (lambda one, other: lambda scope: one(scope) + other(scope))(value, self._signed())
        return value

    def _signed(self) -> Value:
        if self._next("-"):
            value = self._signed()
            return lambda scope: -value(scope)
        return self._field(self._simple())

    def _field(self, value: Value) -> Value:
        while self._next("."):
            name = self._take()
            value = (lambda one, word: lambda scope: (one(scope) or {}).get(word))(value, name)
        return value

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _simple(self) -> Value:
        kind, word = self._kind(), self._take()
        if kind == "text":
            return lambda scope: word[1:-1]
        if kind == "number":
            return lambda scope: int(word)
        if word in ("(", "["):
            items = self._items(")" if word == "(" else "]")
            return items[0] if word == "(" else lambda scope: [item(scope) for item in items]
        if word in ("true", "false"):
            return lambda scope: word == "true"
        if word in FUNCTIONS and self._next("("):
            items = self._items(")")
            return lambda scope: FUNCTIONS[word](*(item(scope) for item in items))
        return self._variable(word)

    def _variable(self, word: str) -> Value:
        """A dotted name, as far as it goes; `_field` looks further into its value."""
        while self._next("."):
            word += f".{self._take()}"
        return lambda scope: scope[word]

    def _items(self, end: str) -> list[Value]:
        items: list[Value] = []
        while not self._next(end):
            items.append(self._choice())
            self._next(",")
        return items
