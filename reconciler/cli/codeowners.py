"""`tenantctl codeowners`: who reviews what, made of the owners that declarations name."""

from pathlib import Path

import click

from reconciler.cli.lines import shown
from reconciler.cli.output import data, note

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # GitHub takes the first that is there
TOLD_MOST = 10  # of the lines that outrank ours


@click.command(epilog="Examples:  tenantctl codeowners --write   ·   tenantctl codeowners --check   (in CI)")
@click.option("--write", is_flag=True, help="Put the lines into the CODEOWNERS file; what else is in it stays.")
@click.option("--check", is_flag=True, help="Exit with 1 unless the CODEOWNERS file has exactly these lines.")
def command(write: bool, check: bool) -> int:
    """Print the lines of a CODEOWNERS file that follow from `owners` of tenants, environments and providers.

    Environments without owners of their own are reviewed by their tenant's. The file is .github/CODEOWNERS, or
    CODEOWNERS or docs/CODEOWNERS where that is there already. Of all lines that match a file the last one counts: keep
    yours above these.
    """
    from reconciler.cli.fleet_root import fleet_root, unlinked
    from reconciler.core.codeowners import below, merged
    from reconciler.core.errors import TenantctlError, UsageError

    if write and check:
        raise UsageError("say --write or --check")
    root = fleet_root()
    ours = _block(root)
    if not write and not check:
        data(ours)
        return 0
    file = unlinked(root, next((place for place in PLACES if (root / place).is_file()), PLACES[0]))
    try:
        before = file.read_bytes().decode() if file.exists() else ""
        after = merged(before, ours)
    except (OSError, ValueError) as error:
        raise TenantctlError(f"{file.relative_to(root)}: {error}") from error
    _tell(str(file.relative_to(root)), below(before if check else after))
    if check and before != after:
        note(f"{file.relative_to(root)} does not follow from the owners; run: tenantctl codeowners --write")
        return 1
    if write and before != after:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(after.encode())
        note(f"wrote {file.relative_to(root)}")
    return 0


def _tell(file: str, rules: list[tuple[int, str]]) -> None:
    for number, line in rules[:TOLD_MOST]:
        place, text = f"{file}:{number}", shown(line)
        note(f"{place}: '{text}' is below tenantctl's lines: where both match, it counts and they do not")
    if len(rules) > TOLD_MOST:
        note(f"{file}: and {len(rules) - TOLD_MOST} more below them")


def _block(root: Path) -> str:
    """Raises Invalid while any declaration is: lines that are missing would let anybody approve."""
    from reconciler.adapters.files import documents
    from reconciler.core.assemble import assemble
    from reconciler.core.codeowners import block
    from reconciler.core.errors import Invalid

    layout, found = documents(root)
    desired = assemble("", layout, found)
    if desired.findings:
        raise Invalid(f"declarations are invalid ({desired.findings[0]}); see tenantctl validate")
    owners = {path: tuple((document.value.get("spec") or {}).get("owners", ())) for path, document in found.items()}
    return block(
        {name: owners[entry.path] for name, entry in layout.tenants.items()},
        {key: declaration.policy.owners for key, declaration in desired.environments.items()},
        {name: owners[entry.path] for name, entry in layout.providers.items()},
    )
