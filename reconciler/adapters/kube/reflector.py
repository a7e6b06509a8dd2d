"""Reflectors: list, then watch, for ever (after client-go's `tools/cache/reflector.go`).

Bookmarks keep the version fresh, a 410 leads to a new listing, failures to a jittered and growing wait: a missing right
is no reason to spin. `trouble` says what is wrong now, so that "unknown" is never taken for "absent".
"""

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from reconciler.adapters.kube.client import Kube
from reconciler.adapters.kube.resources import Resource
from reconciler.adapters.kube.store import Store
from reconciler.core.errors import Gone, TenantctlError, Unavailable

Json = dict[str, Any]

NOT_LISTED_YET = "not listed yet"  # neither well nor ill: nothing was heard at all
WATCH_SECONDS = 300
SILENCE_SECONDS = 90  # the API server sends a bookmark every minute
WAIT_FIRST = 0.5
WAIT_MOST = 30.0


class Reflector:
    """Keeps a store equal to a collection of one cluster. `run` blocks; call it in a thread of its own."""

    def __init__(
        self,
        kube: Kube,
        resource: Resource,
        store: Store[Any],
        namespace: str | None = None,
        selector: str = "",
        on_trouble: Callable[[str], None] = lambda trouble: None,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._namespace = namespace
        self._selector = {"labelSelector": selector} if selector else {}
        self._store = store
        self._on_trouble = on_trouble
        self._stopped = threading.Event()
        self._response: Any = None
        self._version = ""
        self.synced = threading.Event()
        self.trouble = NOT_LISTED_YET

    def run(self) -> None:
        """List and watch until `stop`."""
        failures = 0
        while not self._stopped.is_set():
            try:
                self._once()
                failures = 0
            except Gone:
                self._version = ""
            except TenantctlError as error:
                if self._stopped.is_set():
                    return
                failures += 1
                self._say(str(error))
                self._stopped.wait(_wait(failures))
            except Exception as error:  # a thread that merely ended would look like a cluster where nothing happens
                failures += 1
                self._version = ""
                self._say(f"{self._kube.where}: {self._resource.plural}: unexpected {type(error).__name__}: {error}")
                self._stopped.wait(_wait(failures))

    def stop(self) -> None:
        """End `run` soon, also in the middle of a silent watch."""
        self._stopped.set()
        response = self._response
        if response is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # `run` gave it back in this very moment
                response.shutdown()

    def sync(self) -> None:
        """List once. Raises what the API server answers."""
        pages = self._kube.pages(self._resource, self._namespace, **self._selector)
        self._store.replace_all(self._items(pages))
        self.synced.set()
        self._say("")

    def _items(self, pages: Iterator[Json]) -> Iterator[Json]:
        version = ""
        for page in pages:
            version = page["metadata"]["resourceVersion"]
            yield from page["items"]
        self._version = version  # a watch goes on from a whole listing only

    def _once(self) -> None:
        if not self._version:
            self.sync()
        started = time.monotonic()
        try:
            for event in self._events():
                self._take(event)
        except Silent:
            pass  # nothing happened for a while: ask again; whether the server answers shows then
        self._say("")
        if time.monotonic() - started < 1:
            self._stopped.wait(_wait(1))

    def _events(self) -> Iterator[Json]:
        query = self._selector | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(WATCH_SECONDS, 2 * WATCH_SECONDS)),  # noqa: S311  # spread, not secret
        }
        path = self._resource.path(self._namespace)
        with self._kube.stream(path, query, SILENCE_SECONDS) as response:
            self._response = response
            if self._stopped.is_set():  # before there was a response that could be ended
                return
            self._say("")
            try:
                for line in lines(response):
                    if self._stopped.is_set():
                        return  # `shutdown` takes the TLS off the socket: what is read after it may be cipher text
                    yield json.loads(line)
            finally:
                self._response = None

    def _take(self, event: Json) -> None:
        kind, raw = event["type"], event["object"]
        if kind == "ERROR":
            error = Gone if raw.get("code") == 410 else Unavailable
            raise error(f"{self._kube.where}: watch of {self._resource.plural}: {raw.get('message')}")
        if kind == "DELETED":
            self._store.drop(raw)
        elif kind != "BOOKMARK":
            self._store.put(raw)
        self._version = raw["metadata"]["resourceVersion"]

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._on_trouble(trouble)


class Silent(Unavailable):
    """Nothing was read for the time that was asked for."""


def lines(response: Any, *, partial: bool = False) -> Iterator[bytes]:
    """The lines of a streamed response, as they come; what follows the last line break only if `partial`.

    Raises Silent after a silence, Unavailable when the stream breaks.
    """
    import urllib3

    rest = b""
    try:
        for chunk in response.stream(65536):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line for line in whole if line)
        if rest and partial:
            yield rest
    except urllib3.exceptions.ReadTimeoutError as error:
        raise Silent(f"nothing was read for a while: {error}") from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise Unavailable(f"the stream broke: {type(error).__name__}: {error}") from error


def _wait(failures: int) -> float:
    most = min(WAIT_MOST, WAIT_FIRST * 2.0**failures)
    return random.uniform(most / 2, most)  # noqa: S311  # jitter, not secret
