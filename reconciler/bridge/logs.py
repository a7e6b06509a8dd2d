"""The logs of a copy's pods, live on the bridge's own output: a thread for each life of a container.

A stream may break at any time (kubelet, API server, network), and its clean end proves nothing. So lines are asked for
with timestamps, a stream is taken up again after its last line, and a container that has ended is read to its end.
"""

import re
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.resources import PODS
from reconciler.bridge.say import line, say
from reconciler.core.errors import NotAllowed, NotFound, TenantctlError, Unavailable
from reconciler.core.pod import Life, Source, containers, sources
from reconciler.core.text import printable

CHUNK = 16 * 1024
LINE_MAX = 32 * 1024
SILENCE_SECONDS = 300.0
ATTEMPTS = 6  # at the end of the log of a container that has ended
CLOSE_SECONDS = 30.0
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[-+]\d\d:\d\d)) ?")


class Logs:
    """Follows every container that it is shown, once. `close` waits until all logs were read to their ends."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace
        self._readers: dict[Life, Reader] = {}

    def follow(self, pods: Sequence[Json], alive: Collection[Life]) -> None:
        """Start to follow what is new in the pods, and tell the readers whose container is not alive any more."""
        for source in sources(pods):
            if source.life not in self._readers:
                self._readers[source.life] = Reader(self._kube, self._namespace, source, _prefix(source, pods, alive))
        for life, reader in self._readers.items():
            if life not in alive:
                reader.ended.set()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait until everything was printed, and say what could not be in `seconds`."""
        end = time.monotonic() + seconds
        for reader in self._readers.values():
            reader.ended.set()
        for reader in self._readers.values():
            reader.thread.join(max(0.0, end - time.monotonic()))
            if reader.thread.is_alive():
                say(f"the log of {reader.name} may be incomplete: it did not end in {seconds:.0f} s")


def _prefix(source: Source, pods: Sequence[Json], alive: Collection[Life]) -> str:
    """The container's name where there are several, the pod's where several run side by side."""
    several = any(len(containers(pod)) > 1 for pod in pods)
    parallel = len({life[0] for life in alive}) > 1
    words = ([source.pod] if parallel else []) + ([source.container] if several else [])
    return f"[{' '.join(words)}] " if words else ""


class Reader:
    """Reads one container's life to its end, in a thread."""

    def __init__(self, kube: Kube, namespace: str, source: Source, prefix: str) -> None:
        self._kube, self._source, self._prefix = kube, source, prefix
        self._path = PODS.path(namespace, source.pod, "log")
        self._last, self._count = "", 0
        self.name = f"{namespace}/{source.pod} {source.container}"
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        attempts = 0
        while attempts < ATTEMPTS:
            final = self.ended.is_set()
            try:
                self._read(follow=not final)
                if final:
                    return
            except NotFound:
                return
            except NotAllowed as error:
                say(f"the log of {self.name} cannot be read: {error}")
                return
            except TenantctlError as error:
                attempts += final
                if attempts == ATTEMPTS:
                    say(f"the log of {self.name} may be incomplete: {error}")
            self.ended.wait(1)

    def _read(self, *, follow: bool) -> None:
        """Print what came after the last line that was printed; the part of a line only where no more can follow it."""
        query = {"container": self._source.container, "timestamps": "true", "follow": str(follow).lower()}
        query |= {"sinceTime": self._last} if self._last else {}
        query |= {"previous": "true"} if self._source.previous else {}
        with self._kube.stream(self._path, query, SILENCE_SECONDS) as response:
            before, known = self._last, self._count
            for text in lines(_chunks(response), partial=not follow):
                found = STAMP.match(text)
                stamp = found[1] if found else ""
                if stamp and stamp < before:
                    continue
                if stamp and stamp == before and known:
                    known -= 1
                    continue
                self._print(stamp, text[found.end() :] if found else text)

    def _print(self, stamp: str, text: str) -> None:
        if stamp:
            self._count = self._count + 1 if stamp == self._last else 1
            self._last = stamp
        for part in printable(text.removesuffix("\r")).split("\n"):
            line(self._prefix + part)


def _chunks(response: Iterable[bytes]) -> Iterator[bytes]:
    import urllib3

    try:
        yield from response.stream(CHUNK)  # type: ignore[attr-defined]
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise Unavailable(f"the stream broke: {error}") from error


def lines(chunks: Iterable[bytes], *, partial: bool) -> Iterator[str]:
    """The lines of a stream; one without an end is given in pieces, and at the end of the stream only if `partial`."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for found in whole:
            yield found.decode("utf-8", "replace")
        if len(rest) > LINE_MAX:
            yield rest.decode("utf-8", "replace")
            rest = b""
    if rest and partial:
        yield rest.decode("utf-8", "replace")
