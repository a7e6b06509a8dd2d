"""What shells complete as values: names that are declared around here, contexts of the kubeconfig.

Each takes what click passes (the context, the parameter, what was typed so far) and never complains: what cannot be
read offers nothing, nor does a name that a shell would read as more than a word: it comes from a repository that a
stranger may have written, and shells put it into the command line as it is.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

MOST_BYTES = 1 << 20
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")


def environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The environments that are declared, by the names of their files: TENANT/ENVIRONMENT."""
    return _beginning(incomplete, _declared)


def tenants(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The tenants that are declared, by the names of their folders."""
    return _beginning(incomplete, lambda: (key.partition("/")[0] for key in _declared(all_files=True)))


def regions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The regions of providers/regions.yaml."""
    from reconciler.cli.fleet_root import fleet_root
    from reconciler.core.tree import REGIONS_FILE

    return _beginning(incomplete, lambda: _names(fleet_root() / REGIONS_FILE, "spec", "regions"))


def contexts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig that is meant: kubectl's rules."""
    named = ctx.params.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
    files = [Path(os.path.expanduser(file)) for file in str(named).split(os.pathsep)]  # noqa: PTH111 - it never raises
    return _beginning(incomplete, lambda: (name for file in files for name in _names(file, "contexts")))


def _declared(*, all_files: bool = False) -> Iterator[str]:
    """`TENANT/FILE` of each environment's file; `all_files`: of tenants' own, too."""
    from reconciler.cli.fleet_root import fleet_root
    from reconciler.core.tree import TENANTS

    for file in (fleet_root() / TENANTS).glob("*/*.yaml"):
        if all_files or file.stem != "tenant":
            yield f"{file.parent.name}/{file.stem}"


def _names(file: Path, *path: str) -> list[str]:
    """The `name` of each entry of a list in a YAML file; none where there is no such list, or no ordinary file.

    What is no ordinary file may be read once only (`<(…)` of a shell), or never end.
    """
    import yaml

    if not file.is_file() or file.stat().st_size > MOST_BYTES:
        return []
    try:
        found: Any = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
        for step in path:
            found = found[step]
        entries = [entry for entry in found if isinstance(entry, dict)]
    except (ValueError, yaml.YAMLError, LookupError, TypeError):
        return []
    names = [entry.get("name") for entry in entries]
    return [name for name in names if isinstance(name, str)]  # anything else may be endless, by YAML's aliases


def _beginning(incomplete: str, names: Callable[[], Iterable[str]]) -> list[str]:
    from reconciler.core.errors import TenantctlError

    try:
        return sorted({name for name in names() if name.startswith(incomplete) and WORD.fullmatch(name)})
    except (OSError, TenantctlError):
        return []
