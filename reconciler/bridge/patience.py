"""Patience with an API server that does not answer, or asks to come back later: a bounded number of repetitions."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from reconciler.bridge.say import say
from reconciler.core.errors import Unavailable

T = TypeVar("T")

SECONDS = 90.0
FIRST, LONGEST = 0.5, 10.0


def patiently(call: Callable[[], T], seconds: float | None = None) -> T:
    """Repeat the call while it raises Unavailable, with growing waits. Raises the last one after `seconds` (90).

    Every call made through this is idempotent: a create that was done without an answer meets AlreadyExists.
    """
    end, wait = time.monotonic() + (SECONDS if seconds is None else seconds), FIRST
    while True:
        try:
            return call()
        except Unavailable as error:
            if time.monotonic() + wait > end:
                raise
            say(f"{error}; trying again")
        time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
        wait = min(LONGEST, wait * 2)
