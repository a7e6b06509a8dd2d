"""What a plain (unquoted) YAML scalar means, by one rule.

A plain scalar is a string unless it is `true`, `false`, `null`, nothing at all, or a number as JSON spells
it. Whatever YAML 1.1 (pyyaml, Argo's and Kubernetes' readers) or the core schema of YAML 1.2 (editors) reads
as anything else than a string is refused, since people and programs would disagree: quote it, or write it as
JSON does. Timestamps stay strings. Sources: https://yaml.org/type/ and
https://yaml.org/spec/1.2.2/#103-core-schema.
"""

import json
import math
import re
from functools import lru_cache

Scalar = str | int | float | bool | None
Verdict = tuple[Scalar, str, str]

WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "": None}
TRUE = frozenset(["yes", "on", "y", "true"])
FALSE = frozenset(["no", "off", "n", "false"])
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
NUMERIC = re.compile(
    r"""[-+]?(?: 0[bB][01_]+ | 0[oO]?[0-7_]+ | 0[xX][0-9a-fA-F_]+      # binary, octal, hexadecimal
      | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?                     # base 60
      | (?:[0-9][0-9_]*(?:\.[0-9_]*)? | \.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?   # integers, floats
      | \.(?:inf|Inf|INF|nan|NaN|NAN) )""",
    re.VERBOSE,
)
SAFE_INTEGER = 2**53 - 1  # beyond it, readers that keep numbers as doubles lose digits (RFC 8259, section 6)


def plain(text: str) -> Verdict:
    """Return (value, code, message) of a plain scalar; code and message are empty if it is fine."""
    return _remembered(text) if len(text) <= 64 else _plain(text)


def _plain(text: str) -> Verdict:
    if text in WORDS:
        return WORDS[text], "", ""
    if text.isdigit() or text[0] in "-+.0123456789":
        return _numeric(text)
    return _word(text)


def _word(text: str) -> Verdict:
    lower = text.lower()
    if lower in TRUE or lower in FALSE:
        meant = "true" if lower in TRUE else "false"
        return (
            text,
            "ambiguous",
            f"'{text}' is a boolean to some readers; write {meant}, or quote it: \"{text}\"",
        )
    if text == "~" or lower == "null":
        return (
            text,
            "ambiguous",
            f"'{text}' is null to some readers; leave the key out, or quote it: \"{text}\"",
        )
    if text in ("<<", "="):
        return text, "merge-key", f"'{text}' is not supported; write every key out"
    return text, "", ""


def _numeric(text: str) -> Verdict:
    if NUMBER.fullmatch(text):
        return _number(text)
    if NUMERIC.fullmatch(text):
        return (
            text,
            "ambiguous",
            f"'{text[:40]}' is a number to some readers; quote it, or write it in decimals",
        )
    return text, "", ""


def _number(text: str) -> Verdict:
    value = float(text) if any(mark in text for mark in ".eE") else _integer(text)
    if value is None or not math.isfinite(value) or (isinstance(value, int) and abs(value) > SAFE_INTEGER):
        return text, "number", f"{text[:40]} is too large to be kept exactly; quote it"
    canonical = json.dumps(value)
    if canonical != text:
        return (
            text,
            "number",
            f"'{text}' would be read as {canonical}; write {canonical}, or quote it: \"{text}\"",
        )
    return value, "", ""


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= 40 else None


_remembered = lru_cache(maxsize=4096)(_plain)
