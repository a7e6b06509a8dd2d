"""`tenantctl schema`: the JSON Schemas of declarations, and settings for editors."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.output import as_json, data, note

if TYPE_CHECKING:
    from reconciler.core.schema import Kind


@click.command(epilog="Examples:  tenantctl schema tenant-environment   ·   tenantctl schema --export schemas")
@click.argument("kind", required=False)
@click.option(
    "--export", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Write all schemas there."
)
@click.option(
    "--check", type=click.Path(path_type=Path), metavar="FOLDER", help="Exit with 1 unless the schemas there are these."
)
@click.option("--vscode", is_flag=True, help="Print .vscode/settings.json: which file is of which kind.")
def command(kind: str | None, export: Path | None, check: Path | None, vscode: bool) -> int:
    """Print the schema of a KIND (its names without one), for editors and other tools: JSON Schema draft-07.

    The first line of a declaration names its schema; yaml-language-server completes, explains and checks by it.
    """
    from reconciler.core.editor import settings
    from reconciler.core.schema import Kind, schema

    if export or check:
        return _write(export) if export else _differing(check or Path())
    if vscode:
        data(as_json(settings()))
    elif kind is None:
        data("\n".join(each.value for each in Kind))
    else:
        data(as_json(schema(_kind(kind))))
    return 0


def _kind(name: str) -> "Kind":
    from reconciler.core.errors import UsageError
    from reconciler.core.finding import suggest
    from reconciler.core.schema import Kind

    known = {each.value: each for each in Kind} | {each.title: each for each in Kind}
    if name not in known:
        raise UsageError(
            f"there is no kind '{name}'; there are {', '.join(k.value for k in Kind)}{suggest(name, known)}"
        )
    return known[name]


def texts() -> dict[str, str]:
    """The schemas' files by name, as they are written."""
    from reconciler.core.schema import Kind, schema

    return {kind.file: as_json(schema(kind)) + "\n" for kind in Kind}


def _write(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
        note(f"wrote {folder / name}")
    return 0


def _differing(folder: Path) -> int:
    bad = [name for name, text in texts().items() if _read(folder / name) != text]
    for name in bad:
        note(f"{folder / name} is not the schema of this tenantctl; run: tenantctl schema --export {folder}")
    return int(bool(bad))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
