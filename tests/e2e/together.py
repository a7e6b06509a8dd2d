"""Tests marked `together`: the first of a folder starts them all, each in a thread, and every test waits for its own.

A `conftest.py` makes one for its folder and hands pytest's hook on to it; `tests.lanes` has them in one process.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lanes import TOGETHER

THREADS = 8  # each has a run most of the time; more of them only wait for the processor


class Together:
    """The tests of one folder that run together; they share its fixture `fleet`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Future[None]] | None = None

    def call(self, item: pytest.Function) -> bool | None:
        """Wait for a test that runs together with others; the first one starts them all. A second try is its own."""
        again = self._running is not None and getattr(item, "execution_count", 1) > 1
        if item.get_closest_marker(TOGETHER) is None or again:
            return None
        if self._running is None:
            self._running = self._begin(item.session.items, item.funcargs["fleet"])
        self._running[item.nodeid].result()
        return True

    def _begin(self, items: list[pytest.Item], fleet: object) -> dict[str, "Future[None]"]:
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix=TOGETHER)
        chosen = [item for item in items if isinstance(item, pytest.Function) and self._takes(item)]
        ordered = sorted(
            chosen, key=lambda item: not any(mark.kwargs.get("long") for mark in item.iter_markers(TOGETHER))
        )
        return {item.nodeid: pool.submit(_call(item), fleet=fleet, **_parameters(item)) for item in ordered}

    def _takes(self, item: pytest.Item) -> bool:
        return self._folder in item.path.parents and item.get_closest_marker(TOGETHER) is not None


def _call(item: pytest.Function) -> Callable[..., None]:
    function: Callable[..., None] = item.obj
    return function


def _parameters(item: pytest.Function) -> dict[str, object]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}
