"""Parameters on a command line: `--param seats=250`, read as a declaration would read them."""

import json
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.core.scalar import plain


def parameter(text: str) -> tuple[str, Any]:
    """A parameter as YAML in a declaration means it: `250` is a number, `"250"` a text. Raises UsageError."""
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--param {text}: write NAME=VALUE")
    if value.startswith('"'):
        try:
            return name, str(json.loads(value))
        except ValueError as error:
            raise UsageError(f"--param {name}: {error}") from error
    read, _, message = plain(value)
    if message:
        raise UsageError(f"--param {name}: {message}")
    return name, "" if value == "" else read
