"""Where the declarations are that a command is about: the nearest folder, here or above, that has them."""

import os
from pathlib import Path

from reconciler.core.tree import REGIONS_FILE, TENANTS


def fleet_root() -> Path:
    """The root of the declarations here; in a work tree without any, its own root. Never above the work tree."""
    here = Path.cwd()
    folders = [here, *here.parents]
    top = next((index for index, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    within = folders[: top + 1]
    return next(filter(has_declarations, within), within[-1])


def has_declarations(folder: Path) -> bool:
    """Whether a folder is the root of declarations."""
    return (folder / REGIONS_FILE).is_file() or (folder / TENANTS).is_dir()


def unlinked(root: Path, path: str) -> Path:
    """The file of that path under the root. Raises Refused where a link leads elsewhere: a stranger may have made it.

    What we write there would go to any file of the one who calls us.
    """
    from reconciler.core.errors import Refused

    target = root / path
    if os.path.realpath(target) != os.path.join(os.path.realpath(root), path):  # noqa: PTH118
        raise Refused(f"{path} is, or is behind, a symbolic link; put the file itself there")
    return target
