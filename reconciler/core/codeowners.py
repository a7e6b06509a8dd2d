"""CODEOWNERS out of `owners`: who reviews a change of which file. Our lines stand between two marks; others stay.

Source: https://docs.github.com/repositories/managing-your-repositorys-settings-and-features (About code owners): of all
patterns that match, the last one counts.
"""

from collections.abc import Mapping

from reconciler.core.names import Key
from reconciler.core.tree import PROVIDERS, TENANTS

BEGIN = "# BEGIN tenantctl codeowners: made of `owners`; change it there, then run: tenantctl codeowners --write"
END = "# END tenantctl codeowners"
Owners = tuple[str, ...]


def block(tenants: Mapping[str, Owners], environments: Mapping[Key, Owners], providers: Mapping[str, Owners]) -> str:
    """Our lines: a tenant's folder, then its environments that have other owners, and providers."""
    lines = [_line(f"/providers/{name}/", owners) for name, owners in sorted(providers.items())]
    for name in sorted({*tenants, *(key.tenant for key in environments)}):
        whole = tenants.get(name, ())
        own = sorted((key, owners) for key, owners in environments.items() if key.tenant == name and owners != whole)
        lines.append(_line(f"/tenants/{name}/", whole))
        lines += [_line(f"/tenants/{key.tenant}/{key.environment}.yaml", owners) for key, owners in own]
    return "\n".join([BEGIN, *filter(None, lines), END])


def _line(path: str, owners: Owners) -> str:
    """Nothing where nobody owns it: a pattern alone would take the owners away that an earlier one gave."""
    return f"{path} {' '.join(owners)}" if owners else ""


def merged(text: str, ours: str) -> str:
    """A CODEOWNERS file with our block in its place, else at its end. Raises ValueError if a mark stands alone.

    Ours end as the first line of the file does, and no character of another line changes.
    """
    end = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    ours = ours.replace("\n", end) + end.removesuffix("\n")
    lines = text.removesuffix("\n").split("\n") if text else []
    begins, ends = _marks(lines)
    if not begins and not ends:
        gap = [end.removesuffix("\n")] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, ours, ""])
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise ValueError("its marks '# BEGIN tenantctl codeowners' and '# END …' are not one pair; take them out")
    return "\n".join([*lines[: begins[0]], ours, *lines[ends[0] + 1 :], ""])


def _marks(lines: list[str]) -> tuple[list[int], list[int]]:
    """The lines that begin our block, and those that end it."""
    begins = [n for n, line in enumerate(lines) if line.startswith(BEGIN.partition(":")[0])]
    return begins, [n for n, line in enumerate(lines) if line.startswith(END)]


def below(text: str) -> list[tuple[int, str]]:
    """The rules below our block that may match what ours match, by number: where both do, ours do not count.

    A pattern that begins in another folder is none. Nothing is below a block that owns nothing.
    """
    lines = text.split("\n")
    begins, ends = _marks(lines)
    if not ends or ends[-1] - 1 in begins:
        return []
    rules = enumerate(lines[ends[-1] + 1 :], ends[-1] + 2)
    return [(number, line.strip()) for number, line in rules if _may_match(line.strip())]


def _may_match(rule: str) -> bool:
    if not rule or rule.startswith("#"):
        return False
    pattern = rule.split()[0]
    first = pattern.removeprefix("/").partition("/")[0]
    anchored = "/" in pattern.rstrip("/")
    return not anchored or first in (TENANTS, PROVIDERS) or any(letter in first for letter in "*?\\")
