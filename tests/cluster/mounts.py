"""Mounts: those below a folder, and taking them away."""

from __future__ import annotations

from pathlib import Path

from .command import quiet


def below(folder: Path) -> list[str]:
    """Mount points below `folder`, the deepest first."""
    prefix = f"{folder.resolve()}/"
    points = [_decoded(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((point for point in points if f"{point}/".startswith(prefix)), reverse=True)


def release(folder: Path) -> list[str]:
    """Unmounts everything below `folder`; returns what would not go."""
    for point in below(folder):
        quiet(["umount", point]) or quiet(["umount", "--lazy", point])
    return below(folder)


def _decoded(point: str) -> str:
    """mountinfo writes spaces and the like as three octal digits."""
    return point.encode().decode("unicode_escape").encode("latin-1").decode()
