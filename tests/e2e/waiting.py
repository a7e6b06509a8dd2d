"""Waiting for a condition: polled, never slept for; when it does not come, the state of the world is printed."""

import time
from collections.abc import Callable
from typing import TypeVar

from reconciler.core.errors import TenantctlError

T = TypeVar("T")
SECONDS = 240.0  # a run takes ten seconds, but there may be many at once, on two cores
PAUSE = 0.5


def eventually(probe: Callable[[], T], what: str, seconds: float = SECONDS, state: Callable[[], str] = str) -> T:
    """The first truthy value that `probe` returns. Fails after `seconds`, saying `what` was waited for and the `state`.

    An assertion that fails in `probe`, or an API server's error, counts as "not yet"; the last one is told.
    """
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            value = probe()
            if value:
                return value
            last = repr(value)
        except (AssertionError, TenantctlError) as error:
            last = str(error)
        time.sleep(PAUSE)
    raise AssertionError(f"after {seconds:g} s still not: {what}; last seen: {last}\n{state()}")
