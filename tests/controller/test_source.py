"""The source on real git repositories: new commits are told at once, trouble is told and forgets nothing."""

import queue
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from reconciler.adapters.git import Repository
from reconciler.controller import source as source_module
from reconciler.controller.source import Source
from reconciler.core.desired import Desired
from reconciler.core.errors import SourceUnavailable, TenantctlError
from reconciler.core.names import Key

REGIONS = "apiVersion: tenantctl.io/v1\nkind: RegionList\nspec: {regions: [{name: eu-west}]}\n"
WAIT = 60


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, name: str) -> str:
    (folder / "providers").mkdir(exist_ok=True)
    (folder / "providers/regions.yaml").write_text(REGIONS + f"# {name}\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-qb", "main")
    return tmp_path


@contextmanager
def running(folder: Path, *, watched: bool, interval: float) -> Iterator[tuple[Source, "queue.Queue[Desired | str]"]]:
    told: queue.Queue[Desired | str] = queue.Queue()

    def failed(error: TenantctlError) -> None:
        told.put(str(error))

    with Repository.open(str(folder)) as repository:
        source = Source(repository, "main", interval, repository.path if watched else None, told.put, failed)
        thread = threading.Thread(target=source.run, daemon=True)
        thread.start()
        try:
            yield source, told
        finally:
            source.stop()
            thread.join(WAIT)


def revision(told: "queue.Queue[Desired | str]") -> str:
    found = told.get(timeout=WAIT)
    assert isinstance(found, Desired), found
    return found.revision


def test_a_commit_to_a_watched_repository_is_told_without_an_interval(folder: Path) -> None:
    first = commit(folder, "first")
    with running(folder, watched=True, interval=3600) as (_, told):
        assert revision(told) == first
        assert revision_after(folder, "second", told)


def test_what_is_committed_before_the_watch_stands_is_told_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, real = threading.Event(), watchfiles.watch

    def late(*paths: Any, **options: Any) -> Any:
        gate.wait(WAIT)
        yield from real(*paths, **options)

    monkeypatch.setattr(watchfiles, "watch", late)
    first = commit(folder, "first")
    with running(folder, watched=True, interval=3600) as (_, told):
        assert revision(told) == first
        assert revision_after(folder, "second", told, gate.set)


def revision_after(
    folder: Path, name: str, told: "queue.Queue[Desired | str]", then: Callable[[], object] = object
) -> bool:
    """Whether a new commit is what is told next. `then` is called once it is there."""
    committed = commit(folder, name)
    then()
    return committed == revision(told)


def test_an_interval_finds_it_too(folder: Path) -> None:
    first = commit(folder, "first")
    with running(folder, watched=False, interval=0.05) as (_, told):
        assert revision(told) == first
        assert revision_after(folder, "second", told)


def test_a_hint_is_enough(folder: Path) -> None:
    first = commit(folder, "first")
    with running(folder, watched=False, interval=3600) as (source, told):
        assert revision(told) == first
        assert revision_after(folder, "second", told, source.hint)


def test_a_request_is_answered_after_a_read_that_began_later(folder: Path) -> None:
    commit(folder, "first")
    answered: queue.Queue[object] = queue.Queue()
    with Repository.open(str(folder)) as repository:
        read: list[str] = []
        source = Source(
            repository, "main", 3600, None, lambda desired: read.append(desired.revision), print, answered.put
        )
        thread = threading.Thread(target=source.run, daemon=True)
        thread.start()
        for name in ("second", "third"):
            expected = commit(folder, name)
            source.ask((Key("acme", "production"), name))
            assert answered.get(timeout=WAIT) == {(Key("acme", "production"), name)}
            assert read[-1] == expected
        source.stop()
        thread.join(WAIT)


def test_the_same_commit_is_not_told_twice(folder: Path) -> None:
    commit(folder, "first")
    with Repository.open(str(folder)) as repository:
        source = Source(repository, "main", 3600, None, lambda desired: None, lambda error: None)
        assert source.read() is not None
        assert source.read() is None


def test_a_missing_branch_is_trouble_and_passes(folder: Path) -> None:
    with running(folder, watched=True, interval=3600) as (source, told):
        assert "has no commit 'main'" in str(told.get(timeout=WAIT))
        assert source.trouble
        first = commit(folder, "first")
        while isinstance(found := told.get(timeout=WAIT), str):
            assert "has no commit 'main'" in found  # git's lock of the branch was there before the branch
        assert found.revision == first
        assert source.trouble == ""


class Stub:
    """A repository that has one commit."""

    def fetch(self) -> None:
        """Nothing."""

    def resolve(self, ref: str) -> str:
        return "c0ffee"

    def desired(self, commit: str) -> Desired:
        return Desired(commit, {}, {}, ())


def test_a_commit_that_could_not_be_taken_is_told_again_and_the_thread_goes_on() -> None:
    told: list[Desired] = []
    errors: list[TenantctlError] = []

    def take(desired: Desired) -> None:
        told.append(desired)
        if len(told) == 1:
            raise RuntimeError("unforeseen")
        source.stop()

    source = Source(Stub(), "main", 0.01, None, take, errors.append)
    source.run()
    assert len(told) == 2
    assert "unforeseen" in str(errors[0])


def test_references_that_cannot_be_watched_are_said_and_read_at_the_interval(tmp_path: Path) -> None:
    errors: queue.Queue[TenantctlError] = queue.Queue()
    source = Source(Stub(), "main", 3600, tmp_path / "missing", lambda desired: None, errors.put)
    thread = threading.Thread(target=source.run, daemon=True)
    thread.start()
    assert "references are not watched" in str(errors.get(timeout=WAIT))
    source.stop()
    thread.join(WAIT)


class Counted(Stub):
    """A repository that tells of every fetch."""

    def __init__(self) -> None:
        self.fetches: queue.Queue[str] = queue.Queue()

    def fetch(self) -> None:
        self.fetches.put("fetched")


def test_the_interval_has_jitter_so_that_many_do_not_fetch_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: queue.Queue[tuple[float, float]] = queue.Queue()
    draws = iter((0.0, 1.0))  # at once, then in an hour

    def drawn(low: float, high: float) -> float:
        bounds.put((low, high))
        return next(draws)

    monkeypatch.setattr(source_module, "REST_SECONDS", 0.0)
    monkeypatch.setattr(random, "uniform", drawn)
    counted = Counted()
    source = Source(counted, "main", 3600, None, lambda desired: None, lambda error: None)
    thread = threading.Thread(target=source.run, daemon=True)
    thread.start()
    try:
        for _ in range(2):
            assert counted.fetches.get(timeout=WAIT)
            assert bounds.get(timeout=WAIT) == (0.9, 1.1)
    finally:
        source.stop()
        thread.join(WAIT)
    assert counted.fetches.empty()


class Broken(Stub):
    """A repository that cannot be reached."""

    def __init__(self) -> None:
        self.fetches = 0

    def fetch(self) -> None:
        self.fetches += 1
        raise SourceUnavailable("no route")


def test_after_failures_the_next_look_comes_sooner_than_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(source_module, "REST_SECONDS", 0.0)
    broken, errors = Broken(), queue.Queue[TenantctlError]()
    source = Source(broken, "main", 3600, None, lambda desired: None, errors.put)
    pauses = []
    thread = threading.Thread(target=source.run, daemon=True)
    thread.start()
    for _ in range(4):
        assert "no route" in str(errors.get(timeout=WAIT))
        pauses.append(source._pause())
    source.stop()
    thread.join(WAIT)
    assert pauses == sorted(pauses)
    assert pauses[-1] < 3600
    broken.fetch = lambda: None  # type: ignore[method-assign]
    source._once()
    assert source._pause() == 3600
