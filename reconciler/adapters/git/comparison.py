"""What differs between two commits of a repository, told by git from the ids of trees; contents are not read."""

from collections.abc import Iterable

from reconciler.adapters.git.mirror import last_words
from reconciler.adapters.git.process import MIB, GitFailed, run
from reconciler.adapters.git.repository import Repository, UnknownRevision
from reconciler.core.errors import SourceUnavailable
from reconciler.core.tree import PROVIDERS, TENANTS, printable

SECONDS, BYTES = 60.0, 32 * MIB
NAMES = ("--name-only", "-z", "--no-renames")


class Comparison:
    """Questions about two commits of an open repository. Each may raise SourceUnavailable."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def changed(self, before: str, after: str) -> list[str]:
        """The paths under `tenants/` and `providers/` that differ between two commits."""
        return self._paths("diff-tree", "-r", *NAMES, before, after, "--", TENANTS, PROVIDERS)

    def removed(self, before: str = "", after: str = "") -> list[str]:
        """The paths of declarations that the index removes from HEAD; or that are gone between two commits."""
        options = (*NAMES, "--diff-filter=D")
        if before and after:
            commits = map(self._repository.resolve, (before, after))
            return self._paths("diff-tree", "-r", *options, *commits, "--", TENANTS, PROVIDERS)
        try:
            head = self._repository.resolve("HEAD")
        except UnknownRevision:  # before the first commit there is nothing that could go
            return []
        return self._paths("diff-index", "--cached", *options, head, "--", TENANTS, PROVIDERS)

    def tenants(self, commit: str) -> list[str]:
        """The names of everything right under `tenants/`, in one listing of one tree."""
        listed = self._paths("ls-tree", "-z", "--name-only", "--full-tree", commit, "--", f"{TENANTS}/")
        return [path.removeprefix(f"{TENANTS}/") for path in listed]

    def count(self, commit: str) -> int:
        """How many environments a commit declares, by their names alone."""
        listed = self._words("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, "--", f"{TENANTS}/")
        return sum(path.endswith(b".yaml") and not path.endswith(b"/tenant.yaml") for path in listed)

    def merge_base(self, first: str, second: str) -> str:
        """The commit that two lines of history have in common last. Raises UnknownRevision when there is none."""
        commits = map(self._repository.resolve, (first, second))
        try:
            return self._git("merge-base", *commits).decode().strip()
        except GitFailed as error:
            where = self._repository.location
            message = f"{first} and {second} of {where} have no commit in common; fetch more of the history"
            raise UnknownRevision(message) from error

    def commits(self, before: str, after: str, paths: Iterable[str], most: int = 20) -> list[tuple[str, str, str]]:
        """Commit, author and subject of what changed some files between two commits, the newest first."""
        reach = "..".join(map(self._repository.resolve, (before, after)))
        words = ("log", "-z", f"--max-count={most}", "--format=%H%x00%an%x00%s", reach, "--", *paths)
        told = [printable(word) for word in self._words(*words)]
        return list(zip(told[::3], told[1::3], told[2::3], strict=False))

    def _paths(self, *words: str) -> list[str]:
        return [printable(path) for path in self._words(*words) if path]

    def _words(self, *words: str) -> list[bytes]:
        """What a git command prints, split at NUL."""
        try:
            return self._git(*words).split(b"\0")
        except GitFailed as error:
            where = self._repository.location
            raise SourceUnavailable(f"{where} cannot be read: {last_words(error.said)}") from error

    def _git(self, *words: str) -> bytes:
        return run(list(words), self._repository.environment, seconds=SECONDS, output=BYTES)
