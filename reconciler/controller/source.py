"""The source: what the repository declares now, and when to look again.

A local repository's references are watched; any other is fetched at an interval with jitter, or when asked. However
many ask, one look is under way and one follows it. After a failure the next look comes sooner than the interval.
"""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from reconciler.core.desired import Desired
from reconciler.core.errors import SourceUnavailable, TenantctlError
from reconciler.core.names import Key

DEBOUNCE_MILLISECONDS = 50
WATCH_MILLISECONDS = 1000  # by then a watch stands
REST_SECONDS = 1.0  # between the beginnings of two looks at a remote, whoever asks
RETRY_SECONDS = 5.0  # after the first failure; doubled by every further one, up to the interval
Request = tuple[Key, str]  # an environment, and the mark of the request (`tenantctl reconcile`)


class Repository(Protocol):
    """A git repository, read at commits."""

    def fetch(self) -> None: ...

    def resolve(self, ref: str) -> str: ...

    def desired(self, commit: str) -> Desired: ...


class Source:
    """Reads the repository in a thread of its own and tells of every new commit.

    `watched` is the git directory of a local repository, None for a remote one.
    """

    def __init__(
        self,
        repository: Repository,
        ref: str,
        interval: float,
        watched: Path | None,
        on_desired: Callable[[Desired], None],
        on_error: Callable[[TenantctlError], None],
        on_answer: Callable[[set[Request]], None] = lambda requests: None,
    ) -> None:
        self._repository = repository
        self._ref = ref
        self._interval = interval
        self._watched = watched
        self._on_desired = on_desired
        self._on_error = on_error
        self._on_answer = on_answer
        self._requests: set[Request] = set()
        self._lock = threading.Lock()
        self._hint = threading.Event()
        self._stopped = threading.Event()
        self._commit = ""
        self._failures = 0
        self.trouble = "not read yet"

    def read(self) -> Desired | None:
        """Fetch and read; None when the commit is the one read last. Raises SourceUnavailable."""
        self._repository.fetch()
        commit = self._repository.resolve(self._ref)
        if commit == self._commit:
            return None
        desired = self._repository.desired(commit)
        self._commit = commit
        return desired

    def run(self) -> None:
        """Read now, then whenever a reference changes, somebody hints, or the interval is over; until `stop`."""
        if self._watched:
            threading.Thread(target=self._watch, args=(self._watched,), daemon=True).start()
        while not self._stopped.is_set():
            began = time.monotonic()
            self._hint.clear()
            with self._lock:
                requests, self._requests = self._requests, set()
            self._once()
            if requests:
                self._on_answer(requests)
            self._hint.wait(self._pause() * random.uniform(0.9, 1.1))  # noqa: S311  # jitter, not secret
            if not self._watched:
                self._stopped.wait(began + REST_SECONDS - time.monotonic())

    def hint(self) -> None:
        """Look soon: something may have changed."""
        self._hint.set()

    def ask(self, request: Request) -> None:
        """Look soon, and tell when a look that began after this is over, whether it found anything or not."""
        with self._lock:
            self._requests.add(request)
        self.hint()

    def stop(self) -> None:
        """End `run` and the watch soon."""
        self._stopped.set()
        self._hint.set()

    def _pause(self) -> float:
        """How long to wait when nobody asks, in seconds."""
        if not self._failures:
            return self._interval
        return min(self._interval, RETRY_SECONDS * 2.0 ** min(self._failures - 1, 20))

    def _once(self) -> None:
        try:
            desired = self.read()
            self.trouble, self._failures = "", 0
            if desired is not None:
                self._on_desired(desired)
        except TenantctlError as error:
            self._failed(error)
        except Exception as error:  # a thread that merely ended would look like a repository without commits
            self._failed(SourceUnavailable(f"unexpected {type(error).__name__}: {error}"))

    def _failed(self, error: TenantctlError) -> None:
        self._commit = ""  # whatever was read is told again
        self.trouble = str(error)
        self._failures += 1
        self._on_error(error)

    def _watch(self, folder: Path) -> None:
        try:
            self._hint_at_changes(folder)
        except Exception as error:
            why = f"references are not watched, only read every {self._interval:g} s: {type(error).__name__}: {error}"
            self._on_error(SourceUnavailable(why))

    def _hint_at_changes(self, folder: Path) -> None:
        from watchfiles import watch

        stands = False
        for changes in watch(
            folder,
            watch_filter=lambda change, path: _is_reference(path),
            stop_event=self._stopped,
            debounce=DEBOUNCE_MILLISECONDS,
            step=10,
            raise_interrupt=False,
            rust_timeout=WATCH_MILLISECONDS,
            yield_on_timeout=True,
        ):
            if changes or not stands:  # of what changed before the watch stood, nobody tells
                self.hint()
            stands = True


def _is_reference(path: str) -> bool:
    return "/refs/" in path or path.endswith(("/packed-refs", "/HEAD")) or "/reftable/" in path
