"""What a repository says of other commits than the one that is read: what follows from what, what was declared, what
was renamed.

Safe to ask from any thread, also while `Repository` reads in its own: every question is a git process of its own, with
a time limit, and nothing is shared but answers that are remembered. Commits are told by their full id, since they
come from records that people may edit; anything else is an unknown commit.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from reconciler.adapters.git.hardened import reading
from reconciler.adapters.git.listing import entries
from reconciler.adapters.git.mirror import last_words
from reconciler.adapters.git.process import MIB, GitFailed, run
from reconciler.core.assemble import alone
from reconciler.core.declaration import Declaration, path_of
from reconciler.core.document import Document, parse
from reconciler.core.errors import SourceUnavailable
from reconciler.core.names import Key
from reconciler.core.schema import Kind
from reconciler.core.strict_yaml import MAX_BYTES
from reconciler.core.tree import TENANT_FILE, TENANTS, Entry, Mode, printable

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
REMEMBERED = 1000
RENAME_LIMIT = 400  # git compares at most that many removed files with that many new ones by content
TIMEOUT_SECONDS = 10.0
OUTPUT_MAX = 32 * MIB


class Past:
    """Questions about commits of one repository; needs no closing."""

    def __init__(self, git_dir: str, location: str) -> None:
        self._environment = reading(git_dir)
        self._location = location
        self._ancestry: Callable[[str, str], bool] = lru_cache(REMEMBERED)(self._ask_ancestry)
        self._declared: Callable[[str, Key], Declaration | None] = lru_cache(REMEMBERED)(self._ask_declaration)
        self._renamed: Callable[[str, str], Mapping[str, str]] = lru_cache(REMEMBERED)(self._ask_renames)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old` (or is it); False where either is not there. Raises SourceUnavailable."""
        if not COMMIT.fullmatch(old) or not COMMIT.fullmatch(new):
            return False
        if old == new:
            return self._exists(new)
        try:
            return self._ancestry(old, new)
        except SourceUnavailable:
            if self._exists(old) and self._exists(new):
                raise
            return False

    def declaration_at(self, commit: str, key: Key) -> Declaration | None:
        """What a commit declares of one environment, None where it has no such file; no other file is read.

        Raises SourceUnavailable where the commit is not there (any more), or its file cannot be read.
        """
        self._known(commit)
        return self._declared(commit, key)

    def renames(self, old: str, new: str) -> Mapping[str, str]:
        """The files under `tenants/` that seem to be renamed between two commits: path before → path now.

        As git sees it: alike by half, or the very same where too many files changed (or it takes too long) to compare
        contents. Raises SourceUnavailable where one of the commits is not there.
        """
        self._known(old)
        self._known(new)
        return self._renamed(old, new)

    def _known(self, commit: str) -> None:
        if not COMMIT.fullmatch(commit):
            raise SourceUnavailable(f"'{printable(commit.encode())}' is no commit of {self._location}")

    def _exists(self, commit: str) -> bool:
        try:
            self._run("cat-file", "-e", commit)
        except SourceUnavailable:
            return False
        return True

    def _ask_ancestry(self, old: str, new: str) -> bool:
        try:
            self._run("merge-base", "--is-ancestor", old, new)
        except SourceUnavailable as error:
            if _is_no(error.__cause__):
                return False
            raise
        return True

    def _ask_declaration(self, commit: str, key: Key) -> Declaration | None:
        path, tenant_path = path_of(key), f"{TENANTS}/{key.tenant}/{TENANT_FILE}"
        command = ("ls-tree", "-z", "--long", "--full-tree", f"{commit}^{{commit}}", "--", path, tenant_path)
        found = {entry.path: entry for entry in entries(self._run(*command))}
        if path not in found:
            return None
        tenant = self._document(Kind.TENANT, found[tenant_path]) if tenant_path in found else None
        document = self._document(Kind.ENVIRONMENT, found[path])
        declared = alone(key, document, tenant) if document else None
        if declared is None:
            raise SourceUnavailable(f"{path} of commit {commit} cannot be read: it is not valid")
        return declared

    def _document(self, kind: Kind, entry: Entry) -> Document | None:
        if entry.mode is not Mode.FILE or entry.size > MAX_BYTES:
            return None
        return parse(kind, self._run("cat-file", "blob", entry.id))

    def _ask_renames(self, old: str, new: str) -> Mapping[str, str]:
        try:
            listed = self._diff(old, new, "--find-renames", f"-l{RENAME_LIMIT}")
        except SourceUnavailable:
            listed = self._diff(old, new, "--find-renames=100%")
        return dict(_renames(listed))

    def _diff(self, old: str, new: str, *how: str) -> bytes:
        commits = (f"{old}^{{commit}}", f"{new}^{{commit}}")
        safe = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
        return self._run(
            "diff-tree", "-r", "-z", "--name-status", "--diff-filter=R", *safe, *how, *commits, "--", TENANTS
        )

    def _run(self, *words: str) -> bytes:
        try:
            return run([*words], self._environment, seconds=TIMEOUT_SECONDS, output=OUTPUT_MAX)
        except GitFailed as error:
            said = last_words(error.said)
            raise SourceUnavailable(f"the history of {self._location} cannot be read: {said}") from error


def _is_no(error: BaseException | None) -> bool:
    """Whether git answered no. Before 2.44 it also exits with 1, and words, where an object on the way is missing."""
    return isinstance(error, GitFailed) and error.status == 1 and not error.said


def _renames(listed: bytes) -> Iterator[tuple[str, str]]:
    """Parse `R<similarity>NUL<before>NUL<now>NUL`, as many as there are."""
    words = listed.split(b"\0")
    for _, before, now in zip(words[0::3], words[1::3], words[2::3], strict=False):
        yield printable(before), printable(now)
