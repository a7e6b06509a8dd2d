"""Owner: who started a cluster, or uses the object store, and whether they still do.

What was started by hand belongs to the checkout folder, until it is taken down or the folder is gone. What a test run
started belongs to that process, until it ends; its child processes inherit its pid in TENANTCTL_TEST_RUN.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import addresses, cgroups, process
from .failure import ClusterError
from .folders import REPOSITORY, state

TEST_RUN = "TENANTCTL_TEST_RUN"
UNDONE_BY = {
    "make demo": "make demo-down",
    "make cluster-up": "make cluster-down",
    "objectstore up": "objectstore down",
}


@dataclass(frozen=True)
class Owner:
    """A checkout folder, the command that was run there, and of a test run its process: pid, start time and boot."""

    folder: str
    command: str
    process: str = ""

    @property
    def alive(self) -> bool:
        """Whether it can still need what it has."""
        return bool(process.alive(self.process)) if self.process else Path(self.folder).is_dir()

    @property
    def remedy(self) -> str:
        """How others get what it has."""
        if self.process:
            return f"wait until process {self._pid} ends"
        for done, undone in UNDONE_BY.items():
            if done in self.command:
                return f"run `{self.command.replace(done, undone)}` in {self.folder}"
        return f"ask the users of {self.folder}"

    def admits(self, other: Owner) -> bool:
        """Whether `other` may use and end what this one has: a folder admits its test runs, a test run only itself."""
        return self.process == other.process if self.process else self.folder == other.folder

    def __str__(self) -> str:
        return f"{self.folder} ({self.command}{f', process {self._pid}' if self.process else ''})"

    @property
    def _pid(self) -> str:
        return self.process.partition(" ")[0]


class OwnedError(ClusterError):
    """What was to be changed belongs to another."""


def current(by_hand: str, command: str = "") -> Owner:
    """The caller. Its command is `command`, or else `tests` in a test run, or else `by_hand`."""
    pid = os.environ.get(TEST_RUN, "")
    noted = (process.identity(int(pid)) or f"{pid} gone") if pid.isdecimal() else ""
    return Owner(str(REPOSITORY), command or ("tests" if noted else by_hand), noted)


def of(name: str) -> list[Owner]:
    """Those that the cluster `name` belongs to: no one once all of its processes have ended."""
    marks = (state(name) / "processes").glob("*")
    runs = any(process.running(mark) for mark in marks) or cgroups.members(addresses.of(name).netns)
    return living(_file(name)) if runs else []


def note(name: str, caller: Owner) -> None:
    """Makes the caller own the cluster `name`, in place of the same folder by hand or of the same test run."""
    file = _file(name)
    write(file, [*(each for each in living(file) if each.process != caller.process), caller])


def refuse_others(name: str, caller: Owner) -> None:
    """Raises OwnedError unless the caller may use and end the cluster `name`."""
    for other in of(name):
        if not other.admits(caller):
            raise OwnedError(
                f"The cluster {name} belongs to {other}",
                remedy=f"choose another NAME (tests: TENANTCTL_TEST_CLUSTER), or {other.remedy}; "
                f"to stop it anyway: make cluster-down NAME={name} FORCE=1",
            )


def _file(name: str) -> Path:
    return state(name) / "owners.json"


# -- files of owners ---------------------------------------------------------------------------------------------------


def living(file: Path) -> list[Owner]:
    """The owners in `file` that still exist. Raises ClusterError when it cannot be read."""
    try:
        noted = [Owner(**each) for each in json.loads(file.read_text())]
    except FileNotFoundError:
        return []
    except (TypeError, ValueError) as error:
        raise ClusterError(f"{file} does not name owners", remedy="delete it if no one uses what it is for") from error
    return [each for each in noted if each.alive]


def write(file: Path, owners: Iterable[Owner]) -> None:
    """Notes `owners`, whole or not at all."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps([dataclasses.asdict(each) for each in owners], indent=1))
    unfinished.rename(file)
