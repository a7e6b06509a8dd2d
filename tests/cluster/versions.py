"""Versions: what is built is pinned in `pins/*/go.mod`; their hash is the key of what was built."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from .folders import PINS, REPOSITORY


def version(group: str, module: str) -> str:
    """The version of `module` that `pins/<group>/go.mod` requires."""
    text = (PINS / group / "go.mod").read_text()
    match = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if not match:
        raise LookupError(f"pins/{group}/go.mod doesn't require {module}")
    return match[1]


def key(group: str, *recipe: str) -> str:
    """Twelve hex digits over the group's pinned files and the recipe that builds from them."""
    return digest([*sorted((PINS / group).iterdir())], *recipe)


def digest(files: list[Path], *words: str, root: Path = REPOSITORY) -> str:
    """Twelve hex digits over `files` in this order, their paths below `root` and contents, and `words`."""
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        total.update(f"{os.path.relpath(file, root)}\0{len(content)}\0".encode() + content)
    for word in words:
        total.update(word.encode() + b"\0")
    return total.hexdigest()[:12]
