"""Waiting for a condition: polled, never slept for; when it does not come, the state of the world is printed."""

import time
from collections.abc import Callable
from typing import TypeVar
from urllib.error import HTTPError

from websocket import WebSocketException

from reconciler.core.errors import TenantctlError
from tests.cluster.failure import ClusterError

T = TypeVar("T")
# An answer that is lost, late or no JSON, on a machine that is busy, is no answer yet.
NOT_YET = (AssertionError, TenantctlError, ClusterError, OSError, ValueError, WebSocketException)
SECONDS = 240.0  # a run takes ten seconds, but there may be many at once, on two cores
PAUSE = 0.5


def eventually(probe: Callable[[], T], what: str, seconds: float = SECONDS, state: Callable[[], str] = str) -> T:
    """The first truthy value that `probe` returns. Fails after `seconds`, saying `what` was waited for and the `state`.

    An assertion that fails in `probe`, or a server's error, counts as "not yet"; the last one is told.
    """
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            value = probe()
            if value:
                return value
            last = repr(value)
        except NOT_YET as error:
            last = str(error) or repr(error)
            if isinstance(error, HTTPError):
                error.close()
        time.sleep(PAUSE)
    raise AssertionError(f"after {seconds:g} s still not: {what}; last seen: {last}\n{state()}")
