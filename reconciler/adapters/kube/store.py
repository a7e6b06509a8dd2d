"""A store of small projections, kept up to date by a reflector and by what we write ourselves."""

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Json = dict[str, Any]
Name = tuple[str, str]
DROPPED_MOST = 1000  # an answer of ours that comes later than the news of the end is only moments late


class Store(Generic[T]):
    """Objects by (namespace, name), grouped by what `group` says of each.

    `project` makes the small value that is kept, or None for objects that are of no interest. `on_change` is called
    with the values before and after (None: absent), outside the lock, from whatever thread made the change. `leaving`
    is called with a value that goes for good, before anybody can miss it: inside the lock, so it may take none.
    """

    def __init__(
        self,
        project: Callable[[Json], T | None],
        group: Callable[[T], Hashable | None],
        on_change: Callable[[T | None, T | None], None],
        leaving: Callable[[T], None] = lambda value: None,
    ) -> None:
        self._project = project
        self._group = group
        self._on_change = on_change
        self._leaving = leaving
        self._items: dict[Name, tuple[T, int]] = {}
        self._groups: dict[Hashable, set[Name]] = {}
        self._dropped: dict[Name, int] = {}
        self._lock = threading.Lock()

    def get(self, namespace: str, name: str) -> T | None:
        """One value."""
        with self._lock:  # while it is replaced, it is not there for a moment
            item = self._items.get((namespace, name))
        return item[0] if item else None

    def values(self) -> list[T]:
        """All values."""
        with self._lock:
            return [value for value, _ in self._items.values()]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._items)

    def grouped(self, group: Hashable) -> list[T]:
        """The values of one group."""
        with self._lock:
            return [self._items[name][0] for name in self._groups.get(group, ())]

    def groups(self) -> list[Hashable]:
        """All groups that have a value."""
        with self._lock:
            return list(self._groups)

    def put(self, raw: Json) -> None:
        """Keep an object, unless a newer version of it is already kept (our own writes come before the watch's)."""
        name, version, value = _name(raw), _version(raw), self._project(raw)
        with self._lock:
            before = self._items.get(name)
            if self._is_old(name, version, before):
                return
            self._set(name, value, version)
        if value != (before[0] if before else None):
            self._on_change(before[0] if before else None, value)

    def drop(self, raw: Json) -> None:
        """Forget an object that was deleted, and what it was before; one that was made since then stays."""
        name, version = _name(raw), _version(raw)
        with self._lock:
            if self._is_old(name, version, self._items.get(name)):
                return
            self._dropped[name] = version
            if len(self._dropped) > DROPPED_MOST:
                del self._dropped[next(iter(self._dropped))]
        self._forget(name)

    def replace_all(self, listed: Iterable[Json]) -> None:
        """Take a whole listing: what is not in it is gone."""
        seen = set()
        for raw in listed:
            seen.add(_name(raw))
            self.put(raw)
        with self._lock:
            gone = self._items.keys() - seen
        for name in gone:
            self._forget(name)

    def _forget(self, name: Name) -> None:
        with self._lock:
            before = self._items.get(name)
            self._set(name, None, 0)
        if before:
            self._on_change(before[0], None)

    def _is_old(self, name: Name, version: int, kept: tuple[T, int] | None) -> bool:
        """Whether a newer version is kept, or a later end is known; version 0 is never old."""
        return 0 < version < (kept[1] if kept else 0) or 0 < version <= self._dropped.get(name, 0)

    def _set(self, name: Name, value: T | None, version: int) -> None:
        old = self._items.pop(name, None)
        if old:
            self._regroup(name, self._group(old[0]), present=False)
        if old and value is None:
            self._leaving(old[0])
        if value is not None:
            self._items[name] = (value, version)
            self._regroup(name, self._group(value), present=True)

    def _regroup(self, name: Name, group: Hashable | None, *, present: bool) -> None:
        if group is None:
            return
        members = self._groups.setdefault(group, set())
        members.add(name) if present else members.discard(name)
        if not members:
            del self._groups[group]


def _name(raw: Json) -> Name:
    metadata = raw["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _version(raw: Json) -> int:
    """Resource versions are numbers that grow, in etcd-backed servers; anything else counts as unknown."""
    text = raw["metadata"].get("resourceVersion", "")
    return int(text) if text.isdigit() else 0
