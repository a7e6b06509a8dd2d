"""A user's own repository with the sample fleet: what teams have, without anything of this project's but its files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.gitenv import git_environment

ROOT = Path(__file__).parents[1]
SAMPLE = ("tenants", "providers")
RELEASE = "v0.1.0"  # what the documentation tells users to install
OURS = ("TENANTCTL", "KUBE", "GITHUB", "PRE_COMMIT")


def environment(**more: str) -> dict[str, str]:
    """The environment of a user who has tenantctl on the path, and no cluster."""
    kept = {name: value for name, value in git_environment().items() if not name.startswith(OURS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"PATH": path, "NO_COLOR": "1"} | more


@dataclass(frozen=True)
class UserRepository:
    """A work tree with one commit on main."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Self:
        """The sample fleet, committed."""
        made = cls(folder)
        for part in SAMPLE:
            shutil.copytree(ROOT / part, folder / part)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit("A fleet")
        return made

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program here; stdout and stderr in one."""
        return subprocess.run(
            words, cwd=self.folder, env=environment(**(env or {})), text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip

    def git(self, *words: str) -> str:
        """Run git, which must succeed; what it printed."""
        done = self.run("git", *words)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()

    def commit(self, message: str = "A change") -> str:
        """Commit everything that is there, without hooks; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, content: str) -> None:
        """Write a file."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(content)

    def edit(self, path: str, before: str, after: str) -> None:
        """Replace a text that must be there."""
        text = (self.folder / path).read_text()
        assert before in text, text
        self.write(path, text.replace(before, after))


def project_copy(folder: Path) -> Path:
    """This project as it is now, as a repository with one commit and a tag, for tools that clone it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    commit = ("commit", "--quiet", "--message", "tenantctl")
    for words in (("init", "--quiet"), ("add", "--all", "--force"), commit, ("tag", RELEASE)):
        subprocess.run(["git", *words], cwd=folder, env=environment(), check=True)
    return folder
