"""Which tenants have to be read to judge a change of some files: those named, and those whose names nest with theirs.

So the work is proportional to what changed, in a repository of any size. Rules between files reach from one tenant to
another only through namespaces (`core.rules.namespaces`), and these begin with the names of both.
"""

from collections.abc import Iterable

from reconciler.core.scope import EVERYTHING, scope
from reconciler.core.tree import TENANTS


def concerned(paths: Iterable[str], tenants: Iterable[str]) -> frozenset[str] | None:
    """Out of all tenants' names, those that these paths concern; None: every one (the regions, a provider).

    Names as they are in the tree, which may be wrong ones: a folder `Acme` holds the tenant `acme`.
    """
    named: set[str] = set()
    for path in paths:
        parts, held = path.split("/"), scope(path)
        if held == EVERYTHING or _is_catalogue(parts) or _is_written_out(parts):
            return None
        if parts[0] == TENANTS:
            named |= {parts[1], held.tenant or parts[1]}
    known = {name: scope(f"{TENANTS}/{name}").tenant or name for name in tenants}
    return frozenset(named | {name for name, meant in known.items() if _related(meant, named)})


def _is_catalogue(parts: list[str]) -> bool:
    """Whether other files may be judged by it; what else a provider keeps in its folder is its own."""
    return parts[0] != TENANTS and (len(parts) < 3 or parts[2].partition(".")[0].lower() == "provider")


def _is_written_out(parts: list[str]) -> bool:
    """Whether `tree.printable` had to write the folder's name out, so that nothing is found under what it says."""
    return len(parts) > 1 and "\\" in parts[1]


def _related(name: str, others: set[str]) -> bool:
    """Whether a name of the set, continued by a hyphen, begins with this one or the other way round."""
    return name in others or any(one.startswith(f"{name}-") or name.startswith(f"{one}-") for one in others)
