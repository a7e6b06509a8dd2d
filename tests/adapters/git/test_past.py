"""Other commits of real repositories: ancestry, declarations as they were, renames; by any thread, nothing is run."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository, past
from reconciler.core.declaration import path_of
from reconciler.core.errors import SourceUnavailable
from reconciler.core.names import Key

from .conftest import PRODUCTION, Work, environment

KEY = Key("acme", "production")
UNKNOWN = "f" * 40
NO_COMMITS = ["", "HEAD", "main", "c0ffee", "--output=/tmp/x", "-h", "a\0b", "\x1b[31m", "0" * 41, UNKNOWN]


@pytest.fixture
def opened(work: Work) -> Iterator[Repository]:
    with Repository.open(str(work.path)) as repository:
        yield repository


# -- ancestry ------------------------------------------------------------------------------------------------------


def test_a_rewritten_branch_does_not_contain_what_it_was(work: Work, opened: Repository) -> None:
    first, second = work.git("rev-parse", "HEAD"), work.commit(staging=environment("staging"))
    assert opened.is_ancestor(first, second)
    work.git("commit", "--quiet", "--amend", "-m", "rewritten")
    rewritten = work.git("rev-parse", "HEAD")
    assert not opened.is_ancestor(second, rewritten)
    assert not opened.is_ancestor(rewritten, first)
    assert opened.is_ancestor(first, rewritten)
    work.git("checkout", "--quiet", "--orphan", "empty")
    work.git("rm", "-r", "--quiet", "--cached", ".")
    assert not opened.is_ancestor(second, work.commit_index())


@pytest.mark.parametrize("commit", NO_COMMITS)
def test_what_is_no_commit_here_is_no_ancestor(work: Work, opened: Repository, commit: str) -> None:
    head = work.git("rev-parse", "HEAD")
    assert not opened.is_ancestor(commit, head)
    assert not opened.is_ancestor(head, commit)
    assert not opened.is_ancestor(commit, commit)


def test_a_commit_that_comes_later_is_known_then(work: Work, opened: Repository, tmp_path: Path) -> None:
    head = work.git("rev-parse", "HEAD")
    other = Work(tmp_path / "other")
    work.git("clone", "--quiet", str(work.path), str(other.path))
    later = other.commit(staging=environment("staging"))
    assert not opened.is_ancestor(head, later)
    work.git("fetch", "--quiet", str(other.path), "HEAD")
    assert opened.is_ancestor(head, later)


def test_a_shallow_clone_does_not_know_what_was_cut_off(work: Work, tmp_path: Path) -> None:
    first = work.git("rev-parse", "HEAD")
    second = work.commit(staging=environment("staging"))
    work.git("clone", "--quiet", "--depth=1", f"file://{work.path}", str(tmp_path / "shallow"))
    with Repository.open(str(tmp_path / "shallow")) as shallow:
        assert not shallow.is_ancestor(first, second)
        with pytest.raises(SourceUnavailable):
            shallow.declaration_at(first, KEY)
        with pytest.raises(SourceUnavailable):
            shallow.renames(first, second)


def test_a_history_that_cannot_be_read_is_not_a_no(work: Work, opened: Repository) -> None:
    first, middle = work.git("rev-parse", "HEAD"), work.commit(staging=environment("staging"))
    last = work.commit(staging=environment("staging", "# more\n"))
    (work.path / ".git/objects" / middle[:2] / middle[2:]).unlink()
    with pytest.raises(SourceUnavailable, match="history"):
        opened.is_ancestor(first, last)


def test_a_repository_that_is_gone_is_unavailable(work: Work, opened: Repository) -> None:
    head = work.git("rev-parse", "HEAD")
    shutil.rmtree(work.path / ".git")
    with pytest.raises(SourceUnavailable):
        opened.declaration_at(head, KEY)


# -- a declaration as it was ---------------------------------------------------------------------------------------


def test_a_declaration_is_read_at_its_commit_with_its_tenants_defaults(work: Work, opened: Repository) -> None:
    before = work.git("rev-parse", "HEAD")
    work.write("tenants/acme/tenant.yaml", (work.path / "tenants/acme/tenant.yaml").read_text() + "spec: {ring: 3}\n")
    after = work.commit(production=environment().replace("eu-west", "us-east"))
    gone = (work.git("rm", "-r", "--quiet", "tenants"), work.commit_index())[1]
    old, new = opened.declaration_at(before, KEY), opened.declaration_at(after, KEY)
    assert old is not None
    assert new is not None
    assert (old.region, old.policy.ring, new.region, new.policy.ring) == ("eu-west", 0, "us-east", 3)
    assert old == opened.desired(before).environments[KEY]
    assert opened.declaration_at(gone, KEY) is None
    assert opened.declaration_at(before, Key("acme", "staging")) is None
    assert opened.declaration_at(before, Key("nobody", "production")) is None


@pytest.mark.parametrize("commit", NO_COMMITS)
def test_a_commit_that_is_not_there_declares_nothing_that_is_known(opened: Repository, commit: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        opened.declaration_at(commit, KEY)
    assert str(caught.value).isprintable()
    with pytest.raises(SourceUnavailable):
        opened.renames(commit, commit)


@pytest.mark.parametrize("content", ["a: [", "x" * 100_000, environment("staging"), ""])
def test_a_file_that_is_not_valid_is_unknown_and_not_absent(work: Work, opened: Repository, content: str) -> None:
    commit = work.commit(production=content)
    with pytest.raises(SourceUnavailable, match="not valid"):
        opened.declaration_at(commit, KEY)


@pytest.mark.parametrize("mode", ["120000", "160000", "100755"])
def test_what_is_no_file_is_unknown_and_not_absent(work: Work, opened: Repository, mode: str) -> None:
    work.git("rm", "--quiet", PRODUCTION)
    head = work.git("rev-parse", "HEAD")
    work.entry(mode, head if mode == "160000" else work.blob(environment().encode()), PRODUCTION)
    with pytest.raises(SourceUnavailable):
        opened.declaration_at(work.commit_index(), KEY)


def test_no_other_file_is_read_and_none_twice(work: Work, opened: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = work.commit(**{f"e{number}": environment(f"e{number}") for number in range(20)})
    asked: list[tuple[str, ...]] = []
    real = past.Past._run
    monkeypatch.setattr(past.Past, "_run", lambda self, *words: asked.append(words) or real(self, *words))
    assert opened.declaration_at(commit, KEY) is opened.declaration_at(commit, KEY)
    assert [words[0] for words in asked] == ["ls-tree", "cat-file", "cat-file"]


# -- renames -------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_moved_is_seen_file_by_file(work: Work, opened: Repository) -> None:
    before = work.commit(staging=environment("staging"))
    work.git("mv", "tenants/acme", "tenants/acme-corp")
    moved = work.commit_index()
    names = ("production", "staging", "tenant")
    expected = {f"tenants/acme/{name}.yaml": f"tenants/acme-corp/{name}.yaml" for name in names}
    assert opened.renames(before, moved) == expected
    for name in names:
        path = work.path / f"tenants/acme-corp/{name}.yaml"
        path.write_text(path.read_text().replace("acme}", "acme-corp}"))
    assert opened.renames(before, work.commit()) == expected, "also where its metadata follows"
    assert opened.renames(before, before) == {}


def test_a_removal_beside_an_unlike_file_is_none(work: Work, opened: Repository) -> None:
    before = work.git("rev-parse", "HEAD")
    work.git("rm", "--quiet", PRODUCTION)
    assert opened.renames(before, work.commit(other="\n".join(f"# line {n}" for n in range(50)))) == {}


def test_a_move_out_of_the_declarations_is_a_removal(work: Work, opened: Repository) -> None:
    before = work.git("rev-parse", "HEAD")
    (work.path / "archive").mkdir()
    work.git("mv", PRODUCTION, "archive/production.yaml")
    assert opened.renames(before, work.commit_index()) == {}


@pytest.mark.parametrize("name", ["new\nline.yaml", "\x1b[31mred.yaml", "tab\tbed.yaml", "--help.yaml"])
def test_strange_names_are_escapes_here_too(work: Work, opened: Repository, name: str) -> None:
    before = work.git("rev-parse", "HEAD")
    blob = work.git("rev-parse", f"HEAD:{PRODUCTION}")
    work.git("rm", "--quiet", "--cached", PRODUCTION)
    work.entry("100644", blob, f"tenants/acme/{name}")
    ((old, new),) = opened.renames(before, work.commit_index()).items()
    assert old == PRODUCTION
    assert new.isprintable()


def many(work: Work, prefix: str, count: int) -> str:
    for number in range(count):
        work.write(f"tenants/{prefix}/e{number}.yaml", environment(f"e{number}", f"# {number * 7919}\n" * 5))
    return work.commit()


def test_past_the_limit_only_the_very_same_files_are_found(
    work: Work, opened: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "RENAME_LIMIT", 2)
    before = many(work, "one", 10)
    work.git("mv", "tenants/one", "tenants/two")
    for number in range(5):
        path = work.path / f"tenants/two/e{number}.yaml"
        path.rename(path.with_name(f"f{number}.yaml")).write_text(path.name)
    work.git("add", "--all")
    assert set(opened.renames(before, work.commit_index()).values()) == {
        f"tenants/two/e{number}.yaml" for number in range(5, 10)
    }


def slow_git(folder: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, seconds: float) -> None:
    """Put a git before the real one that hangs where its arguments match."""
    script = folder / "bin" / "git"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\ncase "$*" in {pattern}) exec sleep 60;; esac\nexec {shutil.which("git")} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(past, "TIMEOUT_SECONDS", seconds)


def test_what_takes_too_long_is_asked_more_simply(
    work: Work, opened: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = work.git("rev-parse", "HEAD")
    work.git("mv", PRODUCTION, "tenants/acme/prod.yaml")
    moved = work.commit_index()
    slow_git(tmp_path, monkeypatch, '*"--find-renames -l"*', 5)
    assert opened.renames(before, moved) == {PRODUCTION: "tenants/acme/prod.yaml"}


def test_what_takes_too_long_all_the_same_is_unavailable(
    work: Work, opened: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = work.git("rev-parse", "HEAD"), work.commit(staging=environment("staging"))
    slow_git(tmp_path, monkeypatch, "*diff-tree*|*merge-base*", 0.3)
    with pytest.raises(SourceUnavailable, match="did not complete"):
        opened.renames(first, second)
    with pytest.raises(SourceUnavailable, match="did not complete"):
        opened.is_ancestor(first, second)


# -- who asks ------------------------------------------------------------------------------------------------------


def test_many_threads_ask_while_another_reads(work: Work, opened: Repository) -> None:
    commits = [work.commit(production=environment(more=f"# {number}\n")) for number in range(6)]
    stop = threading.Event()
    read: list[str] = []

    def reads() -> None:
        while not stop.is_set():
            read.extend(opened.desired(commit).revision for commit in commits)

    reader = threading.Thread(target=reads)
    reader.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda commit: opened.declaration_at(commit, KEY), commits * 4))
            follow = list(pool.map(lambda commit: opened.is_ancestor(commits[0], commit), commits * 4))
    finally:
        stop.set()
        reader.join()
    assert {each.path for each in found if each} == {path_of(KEY)}
    assert all(found)
    assert all(follow)
    assert len(read) >= len(commits)


def test_it_answers_once_the_repository_is_closed_and_leaves_no_process(work: Work) -> None:
    with Repository.open(str(work.path)) as repository:
        commit = repository.resolve("HEAD")
    assert repository.declaration_at(commit, KEY)
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    assert not listing.exists() or "git" not in str([_command(pid) for pid in listing.read_text().split()])


def _command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_nothing_that_a_repository_configures_is_run(work: Work, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    before = work.git("rev-parse", "HEAD")
    work.git("mv", PRODUCTION, "tenants/acme/prod.yaml")
    work.write(".gitattributes", "*.yaml diff=evil filter=evil\n")
    moved = work.commit()
    for name in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.command", "diff.evil.textconv"):
        work.git("config", name, f"touch {trap}; true")
    for name in ("filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "core.sshCommand"):
        work.git("config", name, f"touch {trap}; true")
    for name in ("diff-tree", "merge-base", "ls-tree", "cat-file"):
        work.git("config", f"alias.{name}", f"!touch {trap}")
    with Repository.open(str(work.path)) as opened:
        assert opened.is_ancestor(before, moved)
        assert opened.declaration_at(before, KEY)
        assert opened.renames(before, moved)
    assert not trap.exists()


def test_objects_that_are_missing_are_not_fetched(work: Work, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    commit = work.git("rev-parse", "HEAD")
    blob = work.git("rev-parse", f"HEAD:{PRODUCTION}")
    (work.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for name, value in {
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::sh -c touch% {trap}",
    }.items():
        work.git("config", name, value)
    with Repository.open(str(work.path)) as opened, pytest.raises(SourceUnavailable):
        opened.declaration_at(commit, KEY)
    assert not trap.exists()
