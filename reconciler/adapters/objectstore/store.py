"""A small client of one object store: signed URLs, listings, and small objects.

Keys are below the location's prefix everywhere, so a manifest means the same to whoever reads it. Every failure leaves
as one of `core.errors`, in words of our own: what the library says may hold addresses, and URLs may hold signatures.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeVar

from reconciler.adapters.objectstore.errors import absent, translated
from reconciler.adapters.objectstore.location import Location, Scheme
from reconciler.core.archive import Stored
from reconciler.core.errors import TenantctlError, UsageError

T = TypeVar("T")
Method = Literal["GET", "PUT"]

CONNECT_SECONDS = 5
SECONDS = 20
SIGNED_MOST = timedelta(days=7)  # what the clouds' signatures allow


class ObjectStore:
    """One object store. Safe to share between threads."""

    def __init__(self, store: Any, location: Location) -> None:
        self._store, self._location = store, location

    @property
    def where(self) -> str:
        """What to call it in messages."""
        return self._location.where

    def sign(self, method: Method, keys: Sequence[str], lifetime: timedelta) -> list[str]:
        """URLs with which whoever has them may GET or PUT exactly these objects for that long (at most 7 days)."""
        import obstore

        if not keys:
            return []
        paths = [self._path(key) for key in keys]
        return self._ask(
            f"sign {method}",
            keys[0],
            lambda: list(obstore.sign(self._store, method, paths, min(lifetime, SIGNED_MOST))),
        )

    def list(self, folder: str) -> dict[str, Stored]:
        """Every object below the folder, by key. (A HEAD of one cannot tell a missing bucket from a missing object.)"""
        import obstore

        pages = self._ask("list", folder, lambda: list(obstore.list(self._store, self._path(folder))))
        found = (self._stored(item) for page in pages for item in page)
        return {item.key: item for item in found}

    def read(self, key: str, most: int) -> bytes | None:
        """A small object whole, or None when there is none. Raises TenantctlError when it is larger than `most`."""
        try:
            return self._ask("GET", key, lambda: self._whole(key, most))
        except FileNotFoundError:
            return None

    def _whole(self, key: str, most: int) -> bytes:
        import obstore

        found = obstore.get(self._store, self._path(key))
        if found.meta["size"] > most:
            raise TenantctlError(
                f"object store {self.where}: {key} has {found.meta['size']} bytes; at most {most} are read"
            )
        return bytes(found.bytes())

    def write(self, key: str, data: bytes) -> None:
        """Write a small object, over whatever was there."""
        import obstore

        self._ask("PUT", key, lambda: obstore.put(self._store, self._path(key), data, use_multipart=False))

    def _path(self, key: str) -> str:
        prefix = self._location.prefix
        return f"{prefix}/{key}" if prefix else key

    def _stored(self, meta: Any) -> Stored:
        """The ETag as the store means it: in quotes or not, weak or not, differs by operation with some."""
        key = meta["path"].removeprefix(f"{self._location.prefix}/") if self._location.prefix else meta["path"]
        etag = (meta["e_tag"] or "").removeprefix("W/").strip('"')
        if not etag:
            raise TenantctlError(f"object store {self.where}: it gives no ETag for {key}, so nothing can be compared")
        return Stored(key, meta["size"], etag)

    def _ask(self, what: str, key: str, call: Callable[[], T]) -> T:
        """Let FileNotFoundError through where it is about the object: that is an answer."""
        from obstore.exceptions import BaseError

        try:
            return call()
        except (BaseError, ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError) and what == "GET" and absent(error):
                raise
            raise translated(f"object store {self.where}: {what} {key}", error) from None


def connect(location: Location, credentials: dict[str, str]) -> ObjectStore:
    """A client; nothing is asked yet. Raises UsageError for settings that make no sense."""
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store

    kinds: dict[Scheme, Any] = {Scheme.S3: S3Store, Scheme.GCS: GCSStore, Scheme.AZURE: AzureStore}
    client = {"connect_timeout": f"{CONNECT_SECONDS}s", "timeout": f"{SECONDS}s", "allow_http": location.plain_http}
    retry = {"max_retries": 1, "retry_timeout": timedelta(seconds=SECONDS)}  # whoever calls repeats
    try:
        store = kinds[location.scheme](
            location.bucket, config=credentials | dict(location.options), client_options=client, retry_config=retry
        )
    except (BaseError, ValueError) as error:
        raise UsageError(f"object store {location.where}: {_setting(error)}") from None
    return ObjectStore(store, location)


def _setting(error: Exception) -> str:
    """What is wrong with the settings: which one is not known, else no more, for a message may repeat a value."""
    from obstore.exceptions import UnknownConfigurationKeyError

    if isinstance(error, UnknownConfigurationKeyError):
        return str(error).partition("\n")[0]
    return "its settings or credentials cannot be used; look at the URL and the credentials file"
