"""CPU time of judging one change, in a repository of 100 files and of 10,000: as whole processes, imports and all.

`validate` of the changed file (as the hook calls it), and `plan --from --to` with one change between them. Goals: under
1 s of CPU, and within twice the time of the small repository. `python tests/bench/review.py [SMALL LARGE ROUNDS]`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.validate import write_fleet
from tests.gitenv import git_environment

ROUNDS = 4
CHANGED = "tenants/tenant-0/environment-0.yaml"
COMMANDS = {
    "validate": ("validate", "--staged", CHANGED),
    "plan --from --to": ("plan", "--from", "HEAD~1", "--to", "HEAD"),
}


def repository(folder: Path, files: int) -> Path:
    """A fleet in one commit, packed as a clone is, and a second commit with one change."""
    write_fleet(folder, files)
    git(folder, "init", "--quiet")
    commit(folder)
    git(folder, "repack", "-a", "-d", "--quiet")
    changed = folder / CHANGED
    changed.write_text(changed.read_text().replace("tier: premium", "tier: standard"))
    commit(folder)
    return folder


def git(folder: Path, *words: str) -> None:
    """Run git."""
    subprocess.run(["git", *words], cwd=folder, env=git_environment(), check=True)


def commit(folder: Path) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


def cpu(folder: Path, words: tuple[str, ...], rounds: int) -> float:
    """The least CPU seconds (user and system, git's too) of a few rounds."""
    spent = []
    for _ in range(rounds):
        before = os.times()
        subprocess.run(
            [sys.executable, "-m", "reconciler", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(spent)


def main(small: int = 100, large: int = 10_000, rounds: int = ROUNDS) -> None:
    """Print, for each command, both times and their ratio."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        few, many = repository(Path(one), small), repository(Path(other), large)
        for name, words in COMMANDS.items():
            least, most = cpu(few, words, rounds), cpu(many, words, rounds)
            print(
                f"{name}: {least:.2f} s CPU among {small} files, {most:.2f} s among {large}, ratio {most / least:.2f}"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
