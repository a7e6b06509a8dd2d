"""Holder: the process that holds a lock, in words for messages."""

from __future__ import annotations

from pathlib import Path

LOCKS = Path("/proc/locks")
LONGEST = 120


def pid_of(file: Path) -> int | None:
    """The process that holds a lock on `file`, if the kernel says so."""
    try:
        inode, lines = file.stat().st_ino, LOCKS.read_text().splitlines()
    except OSError:
        return None
    fields = [line.split() for line in lines if "->" not in line]  # an arrow marks a process that waits
    return next((int(each[4]) for each in fields if each[5].endswith(f":{inode}") and int(each[4]) > 0), None)


def described(pid: int | None, name: str = "") -> str:
    """`process 12 (apt-get update)`: with its command line, or else with `name`."""
    if not pid:
        return "another process"
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        words = ""
    command = words[:LONGEST] or name
    return f"process {pid} ({command})" if command else f"process {pid}"


def of(file: Path) -> str:
    """The process that holds a lock on `file`."""
    return described(pid_of(file))
