"""Output: what containers print, line by line with the time of each, as the kubelet keeps it."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

CHUNK = 65536
FALLBACK_BYTES, FALLBACK_LINES = 2048, 80  # of FallbackToLogsOnError
Line = tuple[str, bytes]


class Output:
    """All that one life of a container printed."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._rest = b""
        self._news = threading.Condition()
        self.closed = False

    def take(self, data: bytes) -> None:
        """Take in what was printed; nothing means that no more comes."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        *whole, self._rest = (self._rest + data).split(b"\n")
        with self._news:
            self._lines += [(stamp, line + b"\n") for line in whole]
            if not data:
                self._lines += [(stamp, self._rest)] if self._rest else []
                self.closed = True
            self._news.notify_all()

    def await_end(self, seconds: float) -> None:
        """Wait until no more comes."""
        with self._news:
            self._news.wait_for(lambda: self.closed, seconds)

    def read(self, *, follow: bool, since: str = "", tail: int | None = None) -> Iterator[Line]:
        """The lines that there are, and while it is followed also those that come."""
        with self._news:
            at = 0 if tail is None else max(0, len(self._lines) - tail)
        while True:
            with self._news:
                if follow:
                    self._news.wait_for(lambda: len(self._lines) > at or self.closed)  # noqa: B023 - called at once
                lines, ended = self._lines[at:], self.closed or not follow
            at += len(lines)
            yield from (line for line in lines if _second(line[0]) >= _second(since))
            if ended:
                return

    def end(self) -> str:
        """Its last lines, as the kubelet takes them for a termination message."""
        with self._news:
            text = b"".join(line for _, line in self._lines[-FALLBACK_LINES:])
        return text[-FALLBACK_BYTES:].decode("utf-8", "replace")


def _second(stamp: str) -> str:
    """`sinceTime` counts in seconds: https://github.com/kubernetes/kubernetes/issues/77856."""
    return stamp[:19]


class Pump:
    """One thread that reads all pipes."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakened = os.pipe()
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._new: list[tuple[int, Output]] = []
        threading.Thread(target=self._run, daemon=True).start()

    def open(self) -> tuple[Output, int]:
        """An output, and the end of a pipe to print to."""
        reads, writes = os.pipe()
        output = Output()
        self._new.append((reads, output))
        os.write(self._wakened, b".")
        return output, writes

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                data = os.read(key.fd, CHUNK)
                if key.fd == self._waker:
                    self._adopt()
                    continue
                key.data.take(data)
                if not data:
                    self._selector.unregister(key.fd)
                    os.close(key.fd)

    def _adopt(self) -> None:
        while self._new:
            fd, output = self._new.pop(0)
            self._selector.register(fd, selectors.EVENT_READ, output)
