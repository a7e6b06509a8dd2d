"""Where the declarations are that a command is about: the nearest folder, here or above, that has them."""

from pathlib import Path

from reconciler.core.tree import REGIONS_FILE, TENANTS


def fleet_root() -> Path:
    """The root of the declarations here; in a work tree without any, its own root. Never above the work tree."""
    here = Path.cwd()
    folders = [here, *here.parents]
    top = next((index for index, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    within = folders[: top + 1]
    found = (folder for folder in within if (folder / REGIONS_FILE).is_file() or (folder / TENANTS).is_dir())
    return next(found, within[-1])
