"""Termination messages: what a container of a lifecycle Job says about its own end (design §4, *Outcome contract*).

The kubelet keeps at most 4096 bytes of what the container wrote to /dev/termination-log. It is untrusted text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import plain_json
from reconciler.core.outcome import FailureClass
from reconciler.core.text import cut, printable

MESSAGE_MAX = 1024
OUTPUTS_MAX = 2048
OUTPUTS_DEPTH = 20  # levels; what is deeper is no message of the contract, and reads as text
RETRY_AFTER_MAX = 86400
LOG_TAIL = "FallbackToLogsOnError"
FIELDS = frozenset({"class", "message", "retryAfter", "outputs"})


@dataclass(frozen=True, slots=True)
class Termination:
    """What a container said. `refused`: why its outputs cannot be kept; empty when they can."""

    failure: FailureClass | None = None
    message: str = ""
    retry_after: int = 0
    outputs: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""


def read_termination(text: str, policy: str = "File") -> Termination:
    """Read a termination message: JSON by the contract, else text for people.

    With the policy FallbackToLogsOnError other text is the log's end: its last line is the message.
    """
    said = _contract(text)
    if said is None:
        return Termination(message=_message(_last_line(text) if policy == LOG_TAIL else text))
    outputs, refused = _outputs(said.get("outputs"))
    return Termination(
        _class(said.get("class")), _message(said.get("message")), _seconds(said.get("retryAfter")), outputs, refused
    )


def _contract(text: str) -> dict[str, Any] | None:
    """The JSON object, when the text is one that has a field of the contract."""
    try:
        said = plain_json.loads(text, OUTPUTS_DEPTH)
    except ValueError:
        return None
    return said if isinstance(said, dict) and FIELDS & said.keys() else None


def _class(value: Any) -> FailureClass | None:
    return FailureClass(value) if value in FailureClass.__members__.values() else None


def _message(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return cut(printable(text).strip(), MESSAGE_MAX)


def _seconds(value: Any) -> int:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return min(RETRY_AFTER_MAX, max(0, int(value))) if known else 0


def _outputs(value: Any) -> tuple[Mapping[str, Any], str]:
    if value is None:
        return {}, ""
    if not isinstance(value, dict):
        return {}, "outputs must be a JSON object"
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))
    if size > OUTPUTS_MAX:
        return {}, f"outputs are {size} bytes; at most {OUTPUTS_MAX} are kept"
    return value, ""


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
