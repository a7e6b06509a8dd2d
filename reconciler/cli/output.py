"""All printing: data goes to stdout, everything else to stderr; colour only on a terminal and without NO_COLOR."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click


def mend_streams() -> None:
    """Make every stream one that can be written to: some are closed (`>&-`), some encodings lack our letters.

    What cannot be encoded is written out (`\\u2192`): a path that is no text is shown, and no reason for a traceback.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in this order: the lowest number is taken
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def data(text: str) -> None:
    """Print data to stdout, as it is."""
    click.echo(text)


def note(text: str) -> None:
    """Print a line for people to stderr."""
    click.echo(text, err=True)


def error_line(text: str, prefix: str = "error: ") -> None:
    """Print an error to stderr."""
    head = click.style(prefix, fg="red", bold=True) if prefix and colour(sys.stderr) else prefix
    click.echo(f"{head}{text}", err=True, color=colour(sys.stderr))


def colour(stream: Any) -> bool:
    """Whether to colour: a terminal, and NO_COLOR is not set (no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR")


def count(number: int, noun: str) -> str:
    """`1 environment`, `2 environments`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_json(value: Any) -> str:
    """The JSON that `-o json` prints."""
    return json.dumps(value, indent=2, default=str)


def as_yaml(value: Any) -> str:
    """The YAML that `-o yaml` prints: the same document as `-o json`; text of several lines stays readable."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    document = json.loads(as_json(value))
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True).rstrip("\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns padded with blanks, as kubectl prints them; never cut, so that it can be piped.

    What others wrote stays in its cell: one line, and nothing that a terminal would obey.
    """
    from reconciler.core.text import printable

    lines = [tuple(header), *(tuple(printable(cell).replace("\n", "\\n") for cell in row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join("   ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)
