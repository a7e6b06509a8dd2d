"""Remotes that want to harm: refused or ignored, in bounded time and memory, and a later good state is read again."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository, mirror, process
from reconciler.core.errors import SourceUnavailable
from reconciler.core.names import Key
from tests import gitserver

from .conftest import Work, environment

KEY = Key("acme", "production")


@pytest.fixture
def opened(work: Work, tmp_path: Path) -> Iterator[Repository]:
    with Repository.open(f"file://{work.path}", cache=tmp_path / "cache") as repository:
        yield repository


def keys(opened: Repository) -> set[Key]:
    opened.fetch()
    return set(opened.desired(opened.resolve("main")).environments)


@pytest.mark.parametrize(
    "ref", ["refs/heads/--upload-pack=touch", "refs/heads/-c", "refs/tags/--exec=x", "refs/heads/$(x)"]
)
def test_references_that_look_like_options_are_only_names(work: Work, opened: Repository, ref: str) -> None:
    work.git("update-ref", ref, "HEAD")
    assert keys(opened) == {KEY}
    assert opened.resolve(ref) == opened.resolve("main")


def test_a_default_branch_that_looks_like_an_option_is_only_a_name(work: Work, opened: Repository) -> None:
    work.git("update-ref", "refs/heads/--help", "HEAD")
    work.git("symbolic-ref", "HEAD", "refs/heads/--help")
    opened.fetch()
    assert opened.resolve("HEAD") == work.git("rev-parse", "refs/heads/main")


def test_a_tag_does_not_stand_in_for_the_branch_of_its_name(work: Work, opened: Repository) -> None:
    """Tags are seldom protected as branches are, and git itself would take the tag."""
    approved = work.git("rev-parse", "HEAD")
    work.git("checkout", "--quiet", "--detach")
    sly = work.commit(staging=environment("staging"))
    work.git("update-ref", "refs/tags/main", sly)
    opened.fetch()
    assert opened.resolve("main") == approved
    assert opened.resolve("refs/tags/main") == opened.resolve("tags/main") == sly


def test_a_branch_does_not_stand_in_for_a_commit(work: Work, opened: Repository) -> None:
    first = work.git("rev-parse", "HEAD")
    second = work.commit(staging=environment("staging"))
    work.git("update-ref", f"refs/heads/{first}", second)
    work.git("update-ref", "refs/heads/HEAD", first)
    opened.fetch()
    assert opened.resolve(first) == first
    assert opened.resolve("HEAD") == second


def test_submodules_are_not_fetched(work: Work, opened: Repository, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    work.write(
        ".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch% {trap}"\n\tupdate = !touch {trap}\n'
    )
    work.entry("160000", "1" * 40, "x")
    work.git("add", ".gitmodules")
    work.commit_index()
    assert keys(opened) == {KEY}
    assert not trap.exists()
    assert not (opened.path / "modules").exists()


def test_hooks_of_a_template_folder_are_not_run(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror is made with the caller's templates (git-init(1)); what comes with them is not run."""
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    for name in ("reference-transaction", "post-checkout", "post-index-change", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/trap\n")
        (hooks / name).chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    with Repository.open(f"file://{work.path}", cache=tmp_path / "cache") as opened:
        assert keys(opened) == {KEY}
    assert not (tmp_path / "trap").exists()


def test_packed_garbage_is_refused_and_what_was_read_stays(work: Work, opened: Repository) -> None:
    assert keys(opened) == {KEY}
    before = opened.resolve("main")
    work.commit(staging=environment("staging"))
    work.git("repack", "-a", "-d", "-q")
    (pack,) = (work.path / ".git/objects/pack").glob("*.pack")
    good = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(good[:100] + b"garbage" * 20 + good[240:])
    with pytest.raises(SourceUnavailable, match="cannot be fetched"):
        opened.fetch()
    assert opened.resolve("main") == before
    pack.write_bytes(good)
    assert len(keys(opened)) == 2
    assert not list(opened.path.glob("objects/pack/tmp_*"))


def test_what_a_killed_fetch_left_does_not_stop_the_next(work: Work, opened: Repository) -> None:
    opened.fetch()
    left = [opened.path / name for name in ("refs/heads/main.lock", "packed-refs.lock", "objects/pack/tmp_pack_1234")]
    for path in left:
        path.write_text("half")
    (opened.path / "objects/incoming-fetch-1").mkdir()
    work.commit(staging=environment("staging"))
    assert len(keys(opened)) == 2
    assert not [path for path in left if path.exists()]
    assert not (opened.path / "objects/incoming-fetch-1").exists()


def test_several_processes_share_a_mirror(work: Work, tmp_path: Path) -> None:
    url, errors = f"file://{work.path}", []

    def follow() -> None:
        try:
            with Repository.open(url, cache=tmp_path / "cache") as repository:
                for _ in range(4):
                    repository.fetch()
                    repository.desired(repository.resolve("main"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5):
        work.commit(production=environment(more=f"# {number}\n"))
        work.git("branch", "--force", f"b{number}")
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_mirror_is_kept_small(work: Work, opened: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "TIDY", (*mirror.TIDY, ("gc.autoPackLimit", "3"), ("gc.pruneExpire", "now")))
    keys(opened)
    forgotten = []
    for number in range(8):
        work.commit(production=environment(more=f"# {number}\n"))
        forgotten.append(work.git("rev-parse", "HEAD:tenants/acme/production.yaml"))
        assert keys(opened) == {KEY}
        work.git("reset", "--quiet", "--hard", "HEAD~1")
    assert len(list(opened.path.glob("objects/pack/*.pack"))) <= 4
    assert not mirror._head_resolves(opened._repo) or _missing(opened, forgotten[0])


def _missing(opened: Repository, blob: str) -> bool:
    listed = process.run(
        ["cat-file", "--batch-all-objects", "--batch-check"], {"GIT_DIR": str(opened.path)}, seconds=60
    )
    return blob.encode() not in listed


def test_a_mirror_that_cannot_be_tidied_is_used_all_the_same(
    work: Work, opened: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "TIDY", (("gc.auto", "nonsense"),))
    assert keys(opened) == keys(opened) == {KEY}
    assert (opened.path / mirror.UNTIDY).exists()


def test_a_huge_blob_passes_through_little_memory(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(200 * process.MIB)
    blob = work.git("hash-object", "-w", str(tmp_path / "huge"))
    work.entry("100644", blob, "tenants/acme/staging.yaml")
    work.commit_index()
    monkeypatch.setattr(process, "LIMITED", f'ulimit -d {64 * 1024}; exec git "$@"')
    with (
        gitserver.serving(work.path.parent) as server,
        Repository.open(server.url("work"), cache=tmp_path / "cache") as opened,
    ):
        opened.fetch()
        found = opened.desired(opened.resolve("main"))
    assert [finding.code for finding in found.findings] == ["too-large"]


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("\x1b[2Jremote: \x1b]0;title\x07boo\nfatal: no\n", r"\x1b[2Jremote: \x1b]0;title\x07boo fatal: no"),
        ("x" * 100_000, "…"),
        ("", "git gave no reason"),
        (
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\n"
            "Please make sure you have the correct access rights\nand the repository exists.\n",
            "git@h: Permission denied (publickey). fatal: Could not read from remote repository.",
        ),
    ],
)
def test_what_the_other_side_says_is_fit_to_be_shown(stderr: str, said: str) -> None:
    shown = mirror.last_words(stderr)
    assert said in shown
    assert shown.isprintable()
    assert len(shown) <= mirror.SAID_MAX
