"""Debian: file systems made of Debian packages, for images that can't be pulled."""

from __future__ import annotations

from pathlib import Path

from .command import run

SUITE = "bookworm"
LEFT_OUT = ("doc", "info", "locale", "man", "i18n")


def tree(packages: str, file: Path, log: Path, *options: str) -> None:
    """Writes a tar of a minimal Debian with `packages` to `file`, whole or not at all; `options` are mmdebstrap's."""
    unfinished = file.with_name(f"unfinished-{file.name}")
    without = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in LEFT_OUT]
    words = ["--variant=minbase", f"--include={packages}", *without, *options, SUITE, unfinished]
    run(["mmdebstrap", *words], log=log, remedy="check that apt-get reaches its packages, then try again")
    unfinished.rename(file)
