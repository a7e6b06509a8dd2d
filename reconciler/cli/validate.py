"""`tenantctl validate`: check declarations in a working directory, all of them in one go.

Exit codes: 0 all are valid, 3 some are not, 64 the paths make no sense.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from reconciler.adapters import files
from reconciler.cli import output as out
from reconciler.cli.lines import line_of
from reconciler.cli.options import output_option
from reconciler.core.concern import concerned
from reconciler.core.errors import Invalid, UsageError
from reconciler.core.finding import Finding
from reconciler.core.scope import EVERYTHING, NOTHING, Chosen, Scope, scope
from reconciler.core.tree import PROVIDERS, REGIONS_FILE, TENANTS, printable
from reconciler.report.findings import FORMATS, Validation, summary, text_with_lines

BETWEEN_FILES = frozenset({"namespace"})  # a change of one file can put another one in the wrong
WHOLE = ""  # as a path from the root
Selection = dict[Path, list[str]]


@click.command(
    "validate",
    epilog="Examples:  tenantctl validate   ·   tenantctl validate tenants/acme/production.yaml -o github",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--staged", is_flag=True, help="Only PATHS (name them), and what git is about to remove: for a hook before commits."
)
@output_option(*FORMATS, "wide")
def command(paths: tuple[Path, ...], staged: bool, output: str) -> int:
    """Check declarations, all of them, without a cluster.

    PATHS are files or folders (default: tenants/ here, or in a folder above, up to the work tree's root).
    A file is checked by its own rules and by the rules between files, together with everything else that is in
    the same repository. -o wide shows the lines that are meant, as a terminal does.
    """
    selection = _select(paths if staged else paths or (_tenants(),))
    if staged:
        _add_removed(selection)
    if not selection:
        out.note(f"nothing to check{': --staged looks at the PATHS that are named' if staged else ''}")
        return 0
    validation = _validate(selection)
    shown = _render(validation, output)
    if shown:
        out.data(shown)
    out.note(summary(validation))
    return 0 if validation.valid else Invalid.exit_code


def _add_removed(selection: Selection) -> None:
    """What a commit, or a range that pre-commit was told of, takes away can put in the wrong what stays."""
    from reconciler.adapters.git import Repository
    from reconciler.adapters.git.comparison import Comparison

    with Repository.open(".") as repository:
        base, head = (os.environ.get(f"PRE_COMMIT_{end}_REF", "") for end in ("FROM", "TO"))
        removed, root = Comparison(repository).removed(base, head), repository.work_tree
    if root and removed:
        selection.setdefault(root, []).extend(removed)


def _tenants() -> Path:
    """The folder of tenants that is nearest, here or above, within the work tree that we are in."""
    here = Path.cwd()
    above = [here, *here.parents]
    top = next((index for index, folder in enumerate(above) if (folder / ".git").exists()), 0)
    found = next((index for index, folder in enumerate(above[: top + 1]) if (folder / TENANTS).is_dir()), 0)
    return Path(*[os.pardir] * found, TENANTS)


def _select(paths: Iterable[Path]) -> Selection:
    """What is to be reported, as paths from the root of the repository that it is in."""
    selection: Selection = {}
    for path in paths:
        root, inside = _locate(path)
        selection.setdefault(root, []).append(WHOLE if inside and scope(inside) == NOTHING else inside)
    return selection


def _locate(path: Path) -> tuple[Path, str]:
    """The root that a path belongs to, and the path from there (empty: all of it)."""
    whole = Path(os.path.normpath(path.absolute()))
    if not os.path.lexists(whole):
        raise UsageError(
            f"{path}: no such file or folder; run it where {TENANTS}/ is, name a path, or begin: tenantctl new fleet"
        )
    roots = [parent for parent in whole.parents if _top(whole, parent) in (TENANTS, PROVIDERS)]
    complete = [root for root in roots if (root / REGIONS_FILE).is_file()]
    if roots:
        root = complete[-1] if complete else roots[0]
        return root, printable(os.fsencode(whole.relative_to(root)))
    if (whole / TENANTS).is_dir():
        return whole, ""
    raise UsageError(f"{path}: not under {TENANTS}/ or {PROVIDERS}/, and no folder that has {TENANTS}/")


def _top(path: Path, parent: Path) -> str:
    return path.relative_to(parent).parts[0]


def _validate(selection: Selection) -> Validation:
    parts = [_of_root(root, scopes) for root, scopes in selection.items()]
    findings = tuple(sorted(finding for part in parts for finding in part.findings))
    return Validation(findings, sum(part.environments for part in parts), sum(part.tenants for part in parts))


def _of_root(root: Path, paths: list[str]) -> Validation:
    """Reads what the paths concern and nothing else; reports what is in their scope."""
    listed = files.tenants(root)
    named = None if WHOLE in paths or listed is None else concerned(paths, listed)
    desired = files.desired(root, named)
    chosen = Chosen.of(EVERYTHING if path == WHOLE else scope(path) for path in paths)
    keys = [key for key in desired.environments if chosen.meets(Scope(key.tenant, key.environment))]
    found = [each for each in desired.findings if each.code in BETWEEN_FILES or chosen.meets(scope(each.path))]
    findings = tuple(_here(root, finding) for finding in found)
    return Validation(findings, len(keys), len({key.tenant for key in keys}))


def _here(root: Path, finding: Finding) -> Finding:
    """The finding with a path that can be opened from here."""
    return replace(finding, path=os.path.relpath(root / finding.path))


def _render(validation: Validation, output: str) -> str:
    if output == "wide" or (output == "text" and sys.stdout.isatty()):
        return text_with_lines(validation.findings, line_of)
    return FORMATS[output](validation)
