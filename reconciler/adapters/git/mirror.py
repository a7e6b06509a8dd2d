"""A bare mirror of a remote repository in a cache folder: branches and tags only, fetched with everything else off.

It is used under a lock, since several commands of one user share it. So what an ended process left half done there
(locks of references, packs without an end) is nobody's any more, and is cleared away before each fetch.
"""

import contextlib
import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from git import Repo
from git.exc import GitCommandError

from reconciler.adapters.credentials import Credentials
from reconciler.adapters.git.hardened import FETCH_TIMEOUT_SECONDS, Settings, fetching, reading, without_credentials
from reconciler.adapters.git.login import Login, login
from reconciler.adapters.git.process import GitFailed, run
from reconciler.core.errors import SourceUnavailable
from reconciler.core.text import cut, printable

OPTIONS = ("--prune", "--no-tags", "--force", "--no-recurse-submodules", "--no-write-fetch-head", "--quiet")
REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# Hosts say so below every reason, and it is none.
ADVICE = ("Please make sure you have the correct access rights", "and the repository exists.")
BROKEN = ("bad object", "corrupt", "did not send all necessary objects")
AGAIN = "remove that folder: it is a mirror, and is made again"
SAID_MAX = 500
LOCK, UNTIDY = "tenantctl.lock", "tenantctl.untidy"
LEFT_BEHIND = (
    "**/*.lock",
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/??/tmp_*",
    "objects/incoming-*",
    "gc.pid",
)
TIDY: Settings = (("gc.auto", "6700"), ("gc.autoDetach", "false"))
TIDY_AGAIN_SECONDS = 24 * 3600  # after it failed


def make(url: str, cache: Path) -> Path:
    """The folder of the mirror of `url`, made if it is new; nothing is fetched yet."""
    folder = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:20]}.git"
    # `git init` writes these one after the other: one that is being made is waited for.
    if not all((folder / name).exists() for name in ("HEAD", "config", "objects", "refs")):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                run(["init", "--quiet", "--bare", "--template="], reading(str(folder)), seconds=FETCH_TIMEOUT_SECONDS)
        except (OSError, GitFailed) as error:
            raise SourceUnavailable(f"the cache folder {cache} cannot be written: {error}") from error
    return folder


def fetch(repo: Repo, url: str, credentials: Credentials) -> None:
    """Bring the mirror up to date. Raises SourceUnavailable with git's own words, without credentials."""
    entry = login(url, credentials)
    folder = Path(repo.git_dir)
    with _alone(folder):
        _clear(folder)
        _git(folder, entry, "fetch", *OPTIONS, "--", entry.url, *REFERENCES)
        if not _head_resolves(repo):
            _follow_head(repo, folder, entry)
        _tidy(folder)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process of ours changes the mirror meanwhile. The lock ends with the process that holds it."""
    end = time.monotonic() + FETCH_TIMEOUT_SECONDS
    try:
        with (folder / LOCK).open("w") as file:
            while not _locked(file.fileno()):
                if time.monotonic() > end:
                    raise SourceUnavailable(f"another process is fetching into {folder} all the time; try again")
                time.sleep(0.05)
            yield
    except OSError as error:
        raise SourceUnavailable(f"the mirror {folder} cannot be written: {error}") from error


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(folder: Path) -> None:
    for pattern in LEFT_BEHIND:
        for path in folder.glob(pattern):
            if path.name == LOCK:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _git(folder: Path, entry: Login, *words: str) -> str:
    environment = {**fetching(str(folder), entry.configuration), **entry.environment}
    try:
        return run([*words], environment, seconds=FETCH_TIMEOUT_SECONDS).decode(errors="backslashreplace")
    except GitFailed as error:
        shown = without_credentials(entry.url)
        said = last_words(error.said).replace(entry.url, shown)
        for secret in entry.secrets:
            said = said.replace(secret, "***")
        hint = f"; if {folder} is broken, {AGAIN}" if any(words in said for words in BROKEN) else ""
        raise SourceUnavailable(f"{shown} cannot be fetched: {said}{hint}") from None  # the cause may hold secrets


def last_words(stderr: str) -> str:
    """The end of what git wrote, which is the reason, fit to be shown: the other side may have written it."""
    lines = [line.strip(" '\"") for line in printable(stderr).splitlines()]
    reasons = [line for line in lines if line and line not in ADVICE]
    return cut(" ".join(reasons[-2:]).removeprefix("stderr: '"), SAID_MAX) or "git gave no reason"


def _head_resolves(repo: Repo) -> bool:
    """Whether HEAD names a branch that is there; rev-parse would take a branch that is called HEAD, too."""
    try:
        repo.git.show_ref("--verify", "--quiet", repo.git.symbolic_ref("HEAD"))
    except GitCommandError:
        return False
    return True


def _follow_head(repo: Repo, folder: Path, entry: Login) -> None:
    """Point HEAD at the remote's default branch; a remote without commits has none yet."""
    for line in _git(folder, entry, "ls-remote", "--symref", "--", entry.url, "HEAD").splitlines():
        if line.startswith("ref: refs/heads/"):
            repo.git.symbolic_ref("HEAD", line.split()[1])


def _tidy(folder: Path) -> None:
    """Pack what many fetches brought and drop what nothing leads to any more, when git thinks that it is time."""
    untidy = folder / UNTIDY
    if untidy.exists() and time.time() - untidy.stat().st_mtime < TIDY_AGAIN_SECONDS:
        return
    try:
        run(["gc", "--auto", "--quiet"], fetching(str(folder), TIDY), seconds=FETCH_TIMEOUT_SECONDS)
        untidy.unlink(missing_ok=True)
    except GitFailed:  # the mirror is as good as before, only larger than it need be
        untidy.touch()
