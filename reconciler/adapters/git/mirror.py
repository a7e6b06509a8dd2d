"""A bare mirror of a remote repository in a cache folder: branches and tags only, fetched with everything else off."""

import hashlib
from pathlib import Path

from git import Repo
from git.exc import GitCommandError, GitError

from reconciler.adapters.git.hardened import FETCH_TIMEOUT_SECONDS, fetching, without_credentials
from reconciler.core.errors import SourceUnavailable

OPTIONS = ("--prune", "--no-tags", "--force", "--no-recurse-submodules", "--quiet")
REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


def make(url: str, cache: Path) -> Path:
    """The folder of the mirror of `url`, made if it is new; nothing is fetched yet."""
    folder = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:20]}.git"
    if not (folder / "HEAD").exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            Repo.init(folder, bare=True).close()
        except (OSError, GitError) as error:
            raise SourceUnavailable(f"the cache folder {cache} cannot be written: {error}") from error
    return folder


def fetch(repo: Repo, url: str) -> None:
    """Bring the mirror up to date. Raises SourceUnavailable with git's own words, without credentials."""
    with repo.git.custom_environment(**fetching(str(repo.git_dir))):
        _run(repo, url, "fetch", *OPTIONS, "--", url, *REFERENCES)
        if not _head_resolves(repo):
            _follow_head(repo, url)


def _run(repo: Repo, url: str, *command: str) -> str:
    try:
        output: str = repo.git.execute(["git", *command], kill_after_timeout=FETCH_TIMEOUT_SECONDS)
    except GitCommandError as error:
        shown = without_credentials(url)
        said = last_words(str(error.stderr)).replace(url, shown)
        raise SourceUnavailable(f"{shown} cannot be fetched: {said}") from error
    return output


def last_words(stderr: str) -> str:
    lines = [line.strip(" '\"") for line in stderr.splitlines() if line.strip(" '\"")]
    return " ".join(lines[-2:]).removeprefix("stderr: '") or "git gave no reason"


def _head_resolves(repo: Repo) -> bool:
    try:
        repo.git.rev_parse("--verify", "--quiet", "HEAD^{commit}")
    except GitCommandError:
        return False
    return True


def _follow_head(repo: Repo, url: str) -> None:
    """Point HEAD at the remote's default branch; a remote without commits has none yet."""
    for line in _run(repo, url, "ls-remote", "--symref", "--", url, "HEAD").splitlines():
        if line.startswith("ref: refs/heads/"):
            repo.git.symbolic_ref("HEAD", line.split()[1])
