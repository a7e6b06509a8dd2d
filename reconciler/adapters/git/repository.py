"""A repository that declarations are read from: local, or a mirror of a remote one. Always close it.

Reading is by plumbing on objects at one commit. Documents are remembered by blob id, so the second look at a
repository parses what changed and nothing else. `core.tree` decides what the listing means, `core.assemble`
what follows.
"""

import configparser
import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from git import Repo
from git.exc import GitCommandError, GitError, InvalidGitRepositoryError, NoSuchPathError

from reconciler.adapters.credentials import Credentials
from reconciler.adapters.git import mirror
from reconciler.adapters.git.hardened import is_url, reading, without_credentials
from reconciler.adapters.git.listing import entries
from reconciler.adapters.git.past import COMMIT, Past
from reconciler.adapters.git.process import MIB, GitFailed, run
from reconciler.core.assemble import Checked, assemble, wanted_files
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.document import Document, oversized, parse
from reconciler.core.errors import SourceUnavailable, TenantctlError
from reconciler.core.names import Key
from reconciler.core.schema import Kind
from reconciler.core.strict_yaml import MAX_BYTES
from reconciler.core.tree import PROVIDERS, TENANTS, Entry, lay_out

SUFFIXES = (".yaml", ".yml")
LIST_SECONDS, LIST_BYTES = 60.0, 32 * MIB  # some 300,000 files; trees in trees may name any number of them
FILES_MAX, CONTENT_MAX = 100_000, 64 * MIB
MEMORY_MARGIN = 100
FOLDERS_MAX = 200  # of a command line; beyond, everything is listed
MEMORY_FACTOR = 4  # how many generations of documents are remembered at most


class UnknownRevision(TenantctlError):
    """The repository has no such branch, tag or commit."""


class Repository:
    """An open repository; a context manager. Not to be shared between threads, but for what it says of the past."""

    def __init__(self, repo: Repo, location: str, url: str | None, credentials: Credentials | None = None) -> None:
        self._repo = repo
        self._url = url
        self._credentials = credentials or Credentials()
        self.location = location
        self._documents: dict[tuple[Kind, str], Document] = {}
        self._declarations: dict[Any, Checked] = {}
        self._past = Past(str(repo.git_dir), location)
        repo.git.update_environment(**reading(str(repo.git_dir)))

    @classmethod
    def open(cls, location: str, *, cache: Path | None = None, credentials: Credentials | None = None) -> "Repository":
        """Open a local repository (bare, or a work tree's), or the mirror of a URL in `cache`. Raises
        SourceUnavailable.

        A new mirror is empty until `fetch`, which logs in with the credentials.
        """
        if location.startswith("-"):
            raise SourceUnavailable(f"'{location}' is no repository; write a path or a URL")
        if not is_url(location):
            return cls(_open(location, search=True), location, None)
        if cache is None:
            raise SourceUnavailable(f"{without_credentials(location)} needs a cache folder for its mirror")
        folder = mirror.make(location, cache)
        try:
            opened = _open(str(folder), search=False)
        except SourceUnavailable as error:
            raise SourceUnavailable(f"{error}; {mirror.AGAIN}") from error
        return cls(opened, without_credentials(location), location, credentials)

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
            mirror.fetch(self._repo, self._url, self._credentials)

    def resolve(self, ref: str) -> str:
        """The full id of the commit that a branch, tag or id names, in this order. Raises UnknownRevision.

        git itself takes a tag before a branch of its name (gitrevisions(7)), and tags are seldom protected: whoever
        may push one named like the branch that is reconciled would decide what is.
        """
        if ref.startswith(("-", "^")) or not ref.strip() or "\0" in ref:
            raise UnknownRevision(f"'{ref}' is no revision; write a branch, a tag or a commit")
        said_in_full = ref.startswith(("refs/", "HEAD", "@")) or COMMIT.fullmatch(ref)
        commit = (None if said_in_full else self._commit(f"refs/heads/{ref}")) or self._commit(ref)
        if commit is None:
            raise UnknownRevision(f"{self.location} has no commit '{ref}'; fetch it, or check the name")
        return commit

    def _commit(self, name: str) -> str | None:
        try:
            return str(self._repo.git.rev_parse("--verify", "--quiet", f"{name}^{{commit}}"))
        except GitCommandError as error:
            if error.status == 1 or not error.stderr:  # it looked, and there is none
                return None
            raise UnknownRevision(f"{self.location} has no commit '{name}': {_said(error)}") from error

    def is_ancestor(self, old: str, new: str) -> bool:
        """`Past.is_ancestor`; this and the next two may be asked from any thread, also once it is closed."""
        return self._past.is_ancestor(old, new)

    def declaration_at(self, commit: str, key: Key) -> Declaration | None:
        """`Past.declaration_at`."""
        return self._past.declaration_at(commit, key)

    def renames(self, old: str, new: str) -> Mapping[str, str]:
        """`Past.renames`."""
        return self._past.renames(old, new)

    def desired(self, commit: str, tenants: Collection[str] | None = None) -> Desired:
        """What is declared at a commit, or only what these tenants declare there. Raises SourceUnavailable if its
        objects cannot be read; bad files are values.
        """
        revision = commit if COMMIT.fullmatch(commit) else self.resolve(commit)
        layout = lay_out(self._list(revision, _folders(tenants)))
        wanted = list(wanted_files(layout))
        self._bear(revision, [entry.size for entry, _ in wanted if entry.size <= MAX_BYTES])
        documents = {entry.path: self._document(kind, entry) for entry, kind in wanted}
        self._forget(wanted)
        return assemble(revision, layout, documents, self._declarations)

    @property
    def work_tree(self) -> Path | None:
        """The root of the work tree, if there is one."""
        root = self._repo.working_tree_dir
        return Path(root) if root is not None and self._url is None else None

    @property
    def environment(self) -> Mapping[str, str]:
        """How git is called to read it."""
        return self._repo.git.environment()

    def uncommitted(self, commit: str) -> list[str]:
        """The folders of declarations in which the work tree, if there is one, differs from a commit.

        Contents are compared here: `git status` would run filters that the repository's configuration names.
        """
        root = None if self._url else self._repo.working_tree_dir
        if root is None:
            return []
        ids = {entry.path: entry.id for entry in self._list(commit) if entry.path.endswith(SUFFIXES)}
        return [folder for folder in (TENANTS, PROVIDERS) if _written(Path(root), folder) != _in(folder, ids)]

    def _bear(self, revision: str, sizes: list[int]) -> None:
        """Refuse what would take all the memory and minutes to read; more than this is no fleet, or should be two."""
        if len(sizes) > FILES_MAX or sum(sizes) > CONTENT_MAX:
            raise SourceUnavailable(
                f"commit {revision} of {self.location} has {len(sizes)} declarations of {sum(sizes) / MIB:.0f} MiB; "
                f"at most {FILES_MAX} of {CONTENT_MAX // MIB} MiB together are read"
            )

    def _list(self, revision: str, folders: Iterable[str] = (TENANTS, PROVIDERS)) -> Iterable[Entry]:
        command = ["ls-tree", "-r", "-z", "--long", "--full-tree", revision, "--", *folders]
        try:
            listing = run(command, self._repo.git.environment(), seconds=LIST_SECONDS, output=LIST_BYTES)
        except GitFailed as error:
            why = mirror.last_words(error.said)
            raise SourceUnavailable(f"commit {revision} of {self.location} cannot be read: {why}") from error
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


def _written(root: Path, folder: str) -> dict[str, str]:
    """The ids that git would give to the declarations in a folder of the work tree, by path; links are left out."""
    files = (path for path in (root / folder).rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())
    return {path.relative_to(root).as_posix(): _blob_id(path) for path in files}


def _blob_id(path: Path) -> str:
    """The id of a file's blob (gitformat-objects: a header, then the content)."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _open(location: str, *, search: bool) -> Repo:
    try:
        found = Repo(Path(location).expanduser(), search_parent_directories=search)
        hashes = str(found.config_reader("repository").get_value("extensions", "objectformat", default="sha1"))
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise SourceUnavailable(f"{location} is no git repository") from error
    except (GitError, OSError, ValueError, configparser.Error) as error:
        raise SourceUnavailable(f"{location} cannot be opened: {' '.join(str(error).split())}") from error
    if hashes.lower() != "sha1":  # GitPython reads ids of 40 digits only
        found.close()
        raise SourceUnavailable(
            f"{location} has {hashes} object names, which cannot be read yet; those of git's default can"
        )
    return found


def _said(error: GitCommandError) -> str:
    return mirror.last_words(str(error.stderr))
