"""Progress: one line per finished step with its time, and a sign of life while a long one runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

Say = Callable[[str], object]
HEARTBEAT = 30.0


class Progress:
    """Tells `say` about the steps of one command."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self._begin = time.monotonic()

    @contextlib.contextmanager
    def step(self, title: str, *, hint: str = "") -> Iterator[None]:
        """Reports `title` with its seconds when the block ends, well or not; with a `hint`, also when it begins."""
        begin = time.monotonic()
        if hint:
            self.say(f"    ...    {title} ({hint})")
        try:
            with _heartbeat(self.say, title, begin):
                yield
        except BaseException:
            self.say(f"{time.monotonic() - begin:8.1f} s  failed: {title}")
            raise
        self.say(f"{time.monotonic() - begin:8.1f} s  {title}")

    def note(self, text: str) -> None:
        """Says something that isn't a step."""
        self.say(f"           {text}")

    def total(self, text: str) -> None:
        """The closing line, with the seconds since this object was made."""
        self.say(f"{time.monotonic() - self._begin:8.1f} s  {text}")


@contextlib.contextmanager
def _heartbeat(say: Say, title: str, begin: float) -> Iterator[None]:
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            say(f"{time.monotonic() - begin:8.0f} s  ... {title}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def duration(seconds: float) -> str:
    """Minutes and seconds, as people say them: `17:05 min`, `9 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
