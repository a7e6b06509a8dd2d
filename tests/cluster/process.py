"""Processes: starting a program in the background, telling whether it still runs, and ending it.

A pid alone may belong to someone else by now, so a process is known by pid, start time and boot.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import cgroups
from .failure import ClusterError

BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Program:
    """What to run: a name for its log and pid file, and its command line."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Runtime:
    """Where the programs of one cluster run and where they are noted."""

    state: Path
    netns: str
    cgroup: Path

    def log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"

    def mark(self, name: str) -> Path:
        return self.state / "processes" / name


def start(program: Program, runtime: Runtime) -> None:
    """Starts `program` in the cluster's cgroup and network namespace; its output goes to its log."""
    folders = (runtime.cgroup, *(folder for folder in cgroups.accounts(runtime.netns) if folder.exists()))
    enter = "".join(f"echo $$ > {shlex.quote(str(folder / 'cgroup.procs'))}; " for folder in folders)
    # not `ip netns exec`: that mounts /sys anew and hides the cgroups
    command = ["nsenter", f"--net=/run/netns/{runtime.netns}", *program.argv]
    log = runtime.log(program.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", enter + "exec " + shlex.join(command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=runtime.state,
            env={**_plain_environment(), **program.environment},
        )
    process.returncode = 0  # it outlives us on purpose: no warning that it still runs
    mark = runtime.mark(program.name)
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(identity(process.pid) or f"{process.pid} gone")


def running(mark: Path) -> int | None:
    """The pid of the process noted in `mark` if that very process still runs."""
    return alive(mark.read_text()) if mark.exists() else None


def alive(noted: str) -> int | None:
    """The pid of the process with this identity if that very process still runs."""
    pid = int(noted.split()[0]) if noted else 0
    return pid if pid and identity(pid) == noted else None


def identity(pid: int) -> str | None:
    """Pid, start time and boot of a live process, None for one that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else f"{pid} {fields[19]} {BOOT.read_text().strip()}"


def stop(marks: Iterable[Path], patience: float = 3.0) -> None:
    """Ends the processes noted in `marks`, and only those: politely, then after `patience` seconds firmly."""
    marks = list(marks)
    _signal_all(marks, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while any(running(mark) for mark in marks) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_all(marks, signal.SIGKILL)


def must_run(name: str, runtime: Runtime) -> None:
    """Raises ClusterError with the log's end if the program `name` has stopped."""
    if running(runtime.mark(name)) is None:
        raise ClusterError(
            f"{name} stopped",
            log=runtime.log(name),
            remedy="read the log; if a port or folder is in use: make cluster-down",
        )


def _signal_all(marks: Iterable[Path], number: signal.Signals) -> None:
    for mark in marks:
        pid = running(mark)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _plain_environment() -> dict[str, str]:
    """Only what every program needs: nothing of the caller's proxies, tokens or kubeconfig."""
    # Processors are scarcer than memory: up to a gigabyte for a program, garbage is collected a quarter as often.
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent",
        "GOGC": "400",
        "GOMEMLIMIT": "1GiB",
    }
