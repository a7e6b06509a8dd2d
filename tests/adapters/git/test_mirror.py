"""Mirrors of remote repositories: fetched hardened, with a time limit, and without credentials in any message."""

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository, UnknownRevision, mirror
from reconciler.adapters.git.hardened import is_url, without_credentials
from reconciler.core.errors import SourceUnavailable
from reconciler.core.names import Key

from .conftest import Work, environment

KEY = Key("acme", "production")


@pytest.fixture
def opened(work: Work, tmp_path: Path) -> Iterator[Repository]:
    with Repository.open(f"file://{work.path}", cache=tmp_path / "cache") as repository:
        yield repository


def test_follows_the_remote(work: Work, opened: Repository) -> None:
    with pytest.raises(UnknownRevision):
        opened.resolve("main")
    opened.fetch()
    assert set(opened.desired(opened.resolve("main")).environments) == {KEY}
    commit = work.commit(staging=environment("staging"))
    opened.fetch()
    assert opened.resolve("HEAD") == opened.resolve("main") == commit


def test_follows_rewritten_history_and_deleted_branches(work: Work, opened: Repository) -> None:
    work.git("branch", "old")
    opened.fetch()
    assert opened.resolve("old")
    work.git("branch", "-D", "old")
    work.git("commit", "--quiet", "--amend", "-m", "rewritten")
    opened.fetch()
    assert opened.resolve("main") == work.git("rev-parse", "main")
    with pytest.raises(UnknownRevision):
        opened.resolve("old")


def test_head_is_the_remotes_default_branch(work: Work, opened: Repository) -> None:
    work.git("branch", "-m", "main", "trunk")
    opened.fetch()
    assert opened.resolve("HEAD") == work.git("rev-parse", "trunk")


def test_a_remote_without_commits_has_none(work: Work, tmp_path: Path) -> None:
    empty = Work(tmp_path / "empty")
    empty.path.mkdir()
    empty.git("init", "--quiet")
    with Repository.open(f"file://{empty.path}", cache=tmp_path / "cache") as opened:
        opened.fetch()
        with pytest.raises(UnknownRevision):
            opened.resolve("HEAD")


def test_is_found_again_in_the_cache(work: Work, opened: Repository, tmp_path: Path) -> None:
    opened.fetch()
    with Repository.open(f"file://{work.path}", cache=tmp_path / "cache") as again:
        assert again.path == opened.path
        assert again.resolve("main") == opened.resolve("main")


@pytest.mark.parametrize("file", ["HEAD", "config"])
def test_a_mirror_that_is_broken_is_said_with_what_to_do(work: Work, tmp_path: Path, file: str) -> None:
    url, cache = f"file://{work.path}", tmp_path / "cache"
    with Repository.open(url, cache=cache) as opened:
        opened.fetch()
        (opened.path / file).write_text("garbage\n")
    with pytest.raises(SourceUnavailable, match="remove that folder: it is a mirror"):
        Repository.open(url, cache=cache)


@pytest.mark.parametrize("there", [("HEAD",), ("HEAD", "config")], ids=str)
def test_a_mirror_that_somebody_began_to_make_is_finished(work: Work, tmp_path: Path, there: tuple[str, ...]) -> None:
    """Another process that is at it just now, or one that was killed: git writes HEAD first, and objects last."""
    made = mirror.make(f"file://{work.path}", tmp_path / "made")
    begun = tmp_path / "cache" / made.name
    begun.mkdir(parents=True)
    for name in there:
        shutil.copy(made / name, begun)
    with Repository.open(f"file://{work.path}", cache=tmp_path / "cache") as opened:
        opened.fetch()
        assert opened.resolve("main") == work.git("rev-parse", "main")


def test_objects_that_are_broken_are_said_with_what_to_do(opened: Repository) -> None:
    opened.fetch()
    for pack in opened.path.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(b"")
    with pytest.raises(SourceUnavailable, match=f"if {opened.path} is broken, remove that folder"):
        opened.fetch()


def test_runs_no_hook_and_checks_nothing_out(work: Work, opened: Repository, tmp_path: Path) -> None:
    hook = opened.path / "hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/trap\n")
    hook.chmod(0o755)
    opened.fetch()
    assert not (tmp_path / "trap").exists()
    assert not (opened.path / "tenants").exists()


@pytest.mark.parametrize("url", ["ext::sh -c touch% TRAP # ://", "fd://17", "file:///nowhere/at/all"])
def test_a_remote_that_cannot_be_fetched_is_unavailable(url: str, tmp_path: Path) -> None:
    opened = Repository.open(url.replace("TRAP", f"{tmp_path}/trap"), cache=tmp_path / "cache")
    with opened, pytest.raises(SourceUnavailable) as caught:
        opened.fetch()
    assert "cannot be fetched" in str(caught.value)
    assert not (tmp_path / "trap").exists()


def test_the_callers_own_configuration_counts_below_ours(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How to log in is often passed so: an http.extraHeader, or here another name for the same place."""
    settings = {f"url.file://{work.path}.insteadOf": "https://fleet.example.com/", "core.hooksPath": str(tmp_path)}
    for index, (name, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{index}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{index}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    hook = tmp_path / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/trap\n")
    hook.chmod(0o755)
    with Repository.open("https://fleet.example.com/", cache=tmp_path / "cache") as opened:
        opened.fetch()
        assert opened.resolve("main") == work.git("rev-parse", "main")
    assert not (tmp_path / "trap").exists()


def test_a_silent_remote_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"git://127.0.0.1:{server.getsockname()[1]}/fleet.git"
        with Repository.open(url, cache=tmp_path) as opened:
            monkeypatch.setattr(mirror, "FETCH_TIMEOUT_SECONDS", 1)
            start = time.monotonic()
            with pytest.raises(SourceUnavailable):
                opened.fetch()
    assert time.monotonic() - start < 20


def test_messages_hold_no_password(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    opened = Repository.open(f"http://me:secret@127.0.0.1:{port}/fleet.git", cache=tmp_path)
    with opened, pytest.raises(SourceUnavailable) as caught:
        opened.fetch()
    assert "secret" not in str(caught.value) + opened.location
    assert f"http://127.0.0.1:{port}/fleet.git" in str(caught.value)


def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SourceUnavailable, match="cache"):
        Repository.open("https://git.example.com/fleet.git", cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://git.example.com/fleet.git", True),
        ("git@git.example.com:fleet.git", True),
        ("file:///srv/fleet.git", True),
        ("/srv/fleet.git", False),
        (".", False),
        ("a:b", False),
    ],
)
def test_what_is_a_url(location: str, expected: bool) -> None:
    assert is_url(location) is expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@git.example.com:8443/f.git", "https://git.example.com:8443/f.git"),
        ("https://git.example.com/f.git", "https://git.example.com/f.git"),
        ("git@git.example.com:f.git", "git@git.example.com:f.git"),
    ],
)
def test_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
