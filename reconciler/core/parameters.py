"""Parameters that somebody gives an admin process: checked once more wherever they come in, since people type them.

They go where those of a declaration go (`core.injection`) and keep the same rules. The bounds are what an argument of a
Workflow and an environment variable bear.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from reconciler.core import plain_json
from reconciler.core.names import PARAMETER
from reconciler.core.scalar import SAFE_INTEGER
from reconciler.core.text import printable

COUNT_MAX = 64
VALUE_MAX = 4096
TOTAL_MAX = 32768
SCALARS = (str, int, float, bool)


def read_parameters(text: str) -> Mapping[str, Any]:
    """Read a JSON object of parameters; no text is none. Raises ValueError, naming the one that is wrong."""
    try:
        found = plain_json.loads(text or "{}", depth=1)
    except ValueError as error:
        raise ValueError(f'not a JSON object of scalars like {{"seats": 250}}: {error}') from error
    return checked(found)


def checked(found: Any) -> Mapping[str, Any]:
    """The parameters, if they keep the rules. Raises ValueError, naming the one that is wrong."""
    if not isinstance(found, dict):
        raise ValueError('not a JSON object of scalars like {"seats": 250}')
    if len(found) > COUNT_MAX:
        raise ValueError(f"{len(found)} are given, at most {COUNT_MAX} may be")
    for name, value in found.items():
        trouble = _trouble(name, value)
        if trouble:
            raise ValueError(f"{name[:60]!r}: {trouble}")
    size = len(json.dumps(found).encode())
    if size > TOTAL_MAX:
        raise ValueError(f"they have {size} bytes as JSON, at most {TOTAL_MAX} may be")
    return found


def _trouble(name: str, value: Any) -> str:
    if not PARAMETER.fullmatch(name):
        return "a name has lower-case letters, digits and hyphens, begins with a letter, and has at most 40 characters"
    if type(value) not in SCALARS:
        return "a value is a string, a number, true or false"
    return _text_trouble(value) if isinstance(value, str) else _number_trouble(value)


def _text_trouble(value: str) -> str:
    if "{{" in value:
        return "'{{' is Argo's own and not allowed"
    if printable(value) != value:
        return "a control character is not allowed"
    size = len(value.encode())
    return f"it has {size} bytes, at most {VALUE_MAX} may be" if size > VALUE_MAX else ""


def _number_trouble(value: float) -> str:
    exact = abs(value) <= SAFE_INTEGER if isinstance(value, int) else math.isfinite(value)
    return "" if exact else "the number is too large to be kept exactly; give it as a string"
