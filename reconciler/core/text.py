"""Text that others wrote, made safe to print: log lines and messages of service teams' code are never trusted."""

import re

COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|[\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without colours, and with every other control character written out (`\\x1b`), tabs and line ends kept.

    Escapes could rewrite what a terminal shows; marks of writing direction could make a line read as another one.
    """
    return CONTROL.sub(_escaped, COLOUR.sub("", text.replace("\r\n", "\n")))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, with an ellipsis where something was cut off."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    return data[: limit - 3].decode("utf-8", "ignore") + "…"
