"""Parameters on a command line: `--param seats=250`, read as a declaration would read them."""

import json
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.core.scalar import plain


def parameter(text: str, option: str = "--param") -> tuple[str, Any]:
    """A parameter as YAML in a declaration means it: `250` is a number, `"250"` a text. Raises UsageError."""
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"{option} {text}: write NAME=VALUE")
    if value.startswith('"'):
        try:
            return name, str(json.loads(value))
        except ValueError as error:
            raise UsageError(f"{option} {name}: {error}") from error
    read, _, message = plain(value)
    if message:
        shell = f"""{option} '{name}="{value}"'"""  # its quotes would go to the shell
        raise UsageError(f"{option} {name}: {message}; for a text, in a shell: {shell}")
    return name, "" if value == "" else read
