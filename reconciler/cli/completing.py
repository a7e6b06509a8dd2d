"""What shells complete as values: names that are declared around here, contexts of the kubeconfig.

Each takes what click passes (the context, the parameter, what was typed so far) and never complains: what cannot be
read offers nothing, nor does a name that a shell would read as more than a word: it comes from a repository that a
stranger may have written, and shells put it into the command line as it is.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")


def environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The environments that are declared, by the names of their files: TENANT/ENVIRONMENT."""
    files = _tenants().glob("*/*.yaml")
    return _beginning(incomplete, (f"{file.parent.name}/{file.stem}" for file in files if file.stem != "tenant"))


def tenants(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The tenants that are declared, by the names of their folders."""
    return _beginning(incomplete, (folder.name for folder in _tenants().glob("*/")))


def regions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The regions of providers/regions.yaml."""
    from reconciler.cli.fleet_root import fleet_root
    from reconciler.core.tree import REGIONS_FILE

    return _beginning(incomplete, _names(fleet_root() / REGIONS_FILE, "spec", "regions"))


def contexts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig that is meant: kubectl's rules."""
    files = ctx.params.get("kubeconfig") or os.environ.get("KUBECONFIG") or Path.home() / ".kube/config"
    return _beginning(incomplete, (name for file in str(files).split(os.pathsep) for name in _names(file, "contexts")))


def _tenants() -> Path:
    from reconciler.cli.fleet_root import fleet_root
    from reconciler.core.tree import TENANTS

    return fleet_root() / TENANTS


def _names(file: Path | str, *path: str) -> list[str]:
    """The `name` of each entry of a list in a YAML file; none where there is no such list, or no ordinary file.

    What is no ordinary file may be read once only (`<(…)` of a shell), or never end.
    """
    import yaml

    if not os.path.isfile(file):  # noqa: PTH113 - Path's own raises for what it cannot look at
        return []
    try:
        found: Any = yaml.load(Path(file).read_bytes(), Loader=yaml.CSafeLoader)
        for step in path:
            found = found[step]
        return [str(entry["name"]) for entry in found]
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete) and WORD.fullmatch(name)})
