"""Declarations of a working directory: what an editor or pre-commit looks at, before there is a commit.

The same rules as for git objects (`core.tree`, `core.assemble`); links are not followed, and what cannot be
read is a finding like any other. The reconciler itself never reads a working directory.
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from reconciler.core.assemble import assemble, wanted_files
from reconciler.core.desired import Desired
from reconciler.core.document import Document, oversized, parse
from reconciler.core.finding import Problem
from reconciler.core.schema import Kind
from reconciler.core.strict_yaml import MAX_BYTES
from reconciler.core.tree import PROVIDERS, TENANTS, Entry, Layout, Mode, lay_out, printable

EDITORS_OWN = (".swp", ".swo", "~", ".DS_Store")  # never committed, and there while a file is being edited


def desired(root: Path, tenants: Collection[str] | None = None) -> Desired:
    """What the files under `root` declare, or only what these tenants do; its revision is empty: there is no commit."""
    return assemble("", *documents(root, tenants))


def documents(root: Path, tenants: Collection[str] | None = None) -> tuple[Layout, dict[str, Document]]:
    """The files under `root` themselves, by path, each read on its own."""
    folders = [TENANTS] if tenants is None else [f"{TENANTS}/{name}" for name in sorted(tenants)]
    layout = lay_out(entry for folder in (*folders, PROVIDERS) for entry in _entries(root, folder))
    return layout, {entry.path: _document(root, entry, kind) for entry, kind in wanted_files(layout)}


def tenants(root: Path) -> list[str] | None:
    """The names of everything right under `tenants/`; None where that is no folder that can be listed."""
    folder = root / TENANTS
    if folder.is_symlink():
        return None
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return None


def _entries(root: Path, folder: str) -> Iterator[Entry]:
    try:
        mode = (root / folder).lstat().st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode):
        yield from _walk(os.fsencode(root), os.fsencode(folder))
    else:
        yield Entry(folder, _mode(mode))


def _walk(root: bytes, folder: bytes) -> Iterator[Entry]:
    try:
        found = sorted(os.scandir(root + b"/" + folder), key=lambda entry: entry.name)
    except OSError:
        yield Entry(printable(folder), Mode.UNREADABLE)
        return
    for entry in found:
        path = folder + b"/" + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path)
        elif not os.fsdecode(entry.name).endswith(EDITORS_OWN):
            status = entry.stat(follow_symlinks=False)
            yield Entry(printable(path), _mode(status.st_mode), status.st_size)


def _mode(mode: int) -> Mode:
    """What git would record."""
    if stat.S_ISLNK(mode):
        return Mode.SYMLINK
    if not stat.S_ISREG(mode):
        return Mode.OTHER
    return Mode.EXECUTABLE if mode & stat.S_IXUSR else Mode.FILE


def _document(root: Path, entry: Entry, kind: Kind) -> Document:
    if entry.size > MAX_BYTES:
        return oversized(kind)
    try:
        with (root / entry.path).open("rb") as file:
            return parse(kind, file.read(MAX_BYTES + 1))
    except OSError as error:
        problem = Problem(1, 1, "unreadable", f"the file cannot be read: {error.strerror}")
        return Document(kind, None, (problem,), b"")
