"""A repository that declarations are read from: local, or a mirror of a remote one. Always close it.

Reading is by plumbing on objects at one commit. Documents are remembered by blob id, so the second look at a
repository parses what changed and nothing else. `core.tree` decides what the listing means, `core.assemble`
what follows.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from git import Repo
from git.exc import GitCommandError, GitError, InvalidGitRepositoryError, NoSuchPathError

from reconciler.adapters.git import mirror
from reconciler.adapters.git.hardened import is_url, reading, without_credentials
from reconciler.adapters.git.listing import entries
from reconciler.core.assemble import Checked, assemble, wanted_files
from reconciler.core.desired import Desired
from reconciler.core.document import Document, oversized, parse
from reconciler.core.errors import SourceUnavailable, TenantctlError
from reconciler.core.schema import Kind
from reconciler.core.strict_yaml import MAX_BYTES
from reconciler.core.tree import PROVIDERS, TENANTS, Entry, lay_out, printable

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
SUFFIXES = (".yaml", ".yml")
MEMORY_MARGIN = 100
FOLDERS_MAX = 200  # of a command line; beyond, everything is listed
MEMORY_FACTOR = 4  # how many generations of documents are remembered at most


class UnknownRevision(TenantctlError):
    """The repository has no such branch, tag or commit."""


class Repository:
    """An open repository; a context manager. Not to be shared between threads."""

    def __init__(self, repo: Repo, location: str, url: str | None) -> None:
        self._repo = repo
        self._url = url
        self.location = location
        self._documents: dict[tuple[Kind, str], Document] = {}
        self._declarations: dict[Any, Checked] = {}
        repo.git.update_environment(**reading(str(repo.git_dir)))

    @classmethod
    def open(cls, location: str, *, cache: Path | None = None) -> "Repository":
        """Open a local repository (bare, or a work tree's), or the mirror of a URL in `cache`. Raises
        SourceUnavailable.

        A new mirror is empty until `fetch`.
        """
        if location.startswith("-"):
            raise SourceUnavailable(f"'{location}' is no repository; write a path or a URL")
        if not is_url(location):
            return cls(_open(location, search=True), location, None)
        if cache is None:
            raise SourceUnavailable(f"{without_credentials(location)} needs a cache folder for its mirror")
        folder = mirror.make(location, cache)
        return cls(_open(str(folder), search=False), without_credentials(location), location)

    def __enter__(self) -> "Repository":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End git's helper processes."""
        self._repo.close()

    @property
    def path(self) -> Path:
        """The git directory: where refs change."""
        return Path(self._repo.git_dir)

    def fetch(self) -> None:
        """Bring a mirror up to date; nothing to do for a local repository. Raises SourceUnavailable."""
        if self._url is not None:
            mirror.fetch(self._repo, self._url)

    def resolve(self, ref: str) -> str:
        """The full id of the commit that a branch, tag or id names. Raises UnknownRevision."""
        if ref.startswith("-") or not ref.strip() or "\0" in ref:
            raise UnknownRevision(f"'{ref}' is no revision; write a branch, a tag or a commit")
        try:
            return str(self._repo.git.rev_parse("--verify", "--quiet", f"{ref}^{{commit}}"))
        except GitCommandError as error:
            raise UnknownRevision(f"{self.location} has no commit '{ref}'; fetch it, or check the name") from error

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor` (or is it)."""
        first, second = self.resolve(ancestor), self.resolve(descendant)
        try:
            self._repo.git.merge_base("--is-ancestor", first, second)
        except GitCommandError as error:
            if error.status == 1:
                return False
            raise SourceUnavailable(f"the history of {self.location} cannot be read: {_said(error)}") from error
        return True

    def desired(self, commit: str, tenants: Collection[str] | None = None) -> Desired:
        """What is declared at a commit, or only what these tenants declare there. Raises SourceUnavailable if its
        objects cannot be read; bad files are values.
        """
        revision = commit if COMMIT.fullmatch(commit) else self.resolve(commit)
        layout = lay_out(self._list(revision, _folders(tenants)))
        wanted = list(wanted_files(layout))
        documents = {entry.path: self._document(kind, entry) for entry, kind in wanted}
        self._forget(wanted)
        return assemble(revision, layout, documents, self._declarations)

    def changed(self, before: str, after: str) -> list[str]:
        """The paths under `tenants/` and `providers/` that differ between two commits; git compares trees by id."""
        words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after, "--", TENANTS, PROVIDERS)
        return [printable(path) for path in self._words(*words) if path]

    def tenants(self, commit: str) -> list[str]:
        """The names of everything right under `tenants/`, in one listing of one tree."""
        listed = self._words("ls-tree", "-z", "--name-only", "--full-tree", commit, "--", f"{TENANTS}/")
        return [printable(path).removeprefix(f"{TENANTS}/") for path in listed if path]

    def count(self, commit: str) -> int:
        """How many environments a commit declares, by their names alone."""
        listed = self._words("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, "--", f"{TENANTS}/")
        return sum(path.endswith(b".yaml") and not path.endswith(b"/tenant.yaml") for path in listed)

    def merge_base(self, first: str, second: str) -> str:
        """The commit that two lines of history have in common last. Raises UnknownRevision when there is none."""
        try:
            return str(self._repo.git.merge_base(self.resolve(first), self.resolve(second)))
        except GitCommandError as error:
            message = f"{first} and {second} of {self.location} have no commit in common; fetch more of the history"
            raise UnknownRevision(message) from error

    def commits(self, before: str, after: str, paths: Iterable[str], most: int = 20) -> list[tuple[str, str, str]]:
        """Commit, author and subject of what changed some files between two commits, the newest first."""
        reach = f"{self.resolve(before)}..{self.resolve(after)}"
        words = ("log", "-z", f"--max-count={most}", "--format=%H%x00%an%x00%s", reach, "--", *paths)
        told = [printable(word) for word in self._words(*words)]
        return list(zip(told[::3], told[1::3], told[2::3], strict=False))

    def _words(self, *words: str) -> list[bytes]:
        """What a git command prints, split at NUL."""
        try:
            printed: bytes = self._repo.git.execute(
                ["git", *words], stdout_as_string=False, strip_newline_in_stdout=False
            )
        except GitCommandError as error:
            raise SourceUnavailable(f"{self.location} cannot be read: {_said(error)}") from error
        return printed.split(b"\0")

    @property
    def work_tree(self) -> Path | None:
        """The root of the work tree, if there is one."""
        root = self._repo.working_tree_dir
        return Path(root) if root is not None and self._url is None else None

    def removed(self, before: str = "", after: str = "") -> list[str]:
        """The paths of declarations that the index removes from HEAD; or that are gone between two commits."""
        options = ("--name-only", "-z", "--no-renames", "--diff-filter=D")
        words: tuple[str, ...]
        if before and after:
            words = ("diff-tree", "-r", *options, self.resolve(before), self.resolve(after))
        elif self._repo.head.is_valid():
            words = ("diff-index", "--cached", *options, "HEAD")
        else:
            return []
        return [printable(path) for path in self._words(*words, "--", TENANTS, PROVIDERS) if path]

    def uncommitted(self, commit: str) -> list[str]:
        """The folders of declarations in which the work tree, if there is one, differs from a commit.

        Contents are compared here: `git status` would run filters that the repository's configuration names.
        """
        root = None if self._url else self._repo.working_tree_dir
        if root is None:
            return []
        ids = {entry.path: entry.id for entry in self._list(commit) if entry.path.endswith(SUFFIXES)}
        return [
            folder for folder in (TENANTS, PROVIDERS) if _written(Path(root), folder, len(commit)) != _in(folder, ids)
        ]

    def _list(self, revision: str, folders: Iterable[str] = (TENANTS, PROVIDERS)) -> Iterable[Entry]:
        command = ["git", "ls-tree", "-r", "-z", "--long", "--full-tree", revision, "--", *folders]
        try:
            listing: bytes = self._repo.git.execute(command, stdout_as_string=False, strip_newline_in_stdout=False)
        except GitCommandError as error:
            raise SourceUnavailable(f"commit {revision} of {self.location} cannot be read: {_said(error)}") from error
        return entries(listing)

    def _document(self, kind: Kind, entry: Entry) -> Document:
        known = self._documents.get((kind, entry.id))
        if known is None:
            known = parse(kind, self._read(entry)) if entry.size <= MAX_BYTES else oversized(kind)
            self._documents[kind, entry.id] = known
        return known

    def _read(self, entry: Entry) -> bytes:
        """A blob, through one `git cat-file --batch` that stays open."""
        try:
            data: bytes = self._repo.git.get_object_data(entry.id)[3]
        except (GitError, ValueError, OSError) as error:
            self._repo.git.clear_cache()  # the process may be gone; the next read starts another
            raise SourceUnavailable(f"{entry.path} of {self.location} cannot be read: {error}") from error
        return data

    def _forget(self, wanted: list[tuple[Entry, Kind]]) -> None:
        limit = MEMORY_FACTOR * len(wanted) + MEMORY_MARGIN
        if len(self._documents) > limit:
            kept = {(kind, entry.id) for entry, kind in wanted}
            self._documents = {name: document for name, document in self._documents.items() if name in kept}
        if len(self._declarations) > limit:
            self._declarations.clear()


def _folders(tenants: Collection[str] | None) -> list[str]:
    """What to list; a folder that is not there lists nothing."""
    if tenants is None or len(tenants) > FOLDERS_MAX:
        return [TENANTS, PROVIDERS]
    return [PROVIDERS, *(f"{TENANTS}/{name}" for name in sorted(tenants))]


def _in(folder: str, ids: dict[str, str]) -> dict[str, str]:
    return {path: id_ for path, id_ in ids.items() if path.startswith(f"{folder}/")}


def _written(root: Path, folder: str, digits: int) -> dict[str, str]:
    """The ids that git would give to the declarations in a folder of the work tree, by path; links are left out."""
    files = (path for path in (root / folder).rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())
    return {path.relative_to(root).as_posix(): _blob_id(path, digits) for path in files}


def _blob_id(path: Path, digits: int) -> str:
    """The id of a file's blob (gitformat-objects: a header, then the content), by the hash that the repository uses."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    use = hashlib.sha1 if digits == 40 else hashlib.sha256
    return use(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _open(location: str, *, search: bool) -> Repo:
    try:
        return Repo(Path(location).expanduser(), search_parent_directories=search)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise SourceUnavailable(f"{location} is no git repository") from error
    except (GitError, OSError, ValueError) as error:
        raise SourceUnavailable(f"{location} cannot be opened: {error}") from error


def _said(error: GitCommandError) -> str:
    return mirror.last_words(str(error.stderr))
