"""Locks: the mutexes of all Workflows of the cluster, which one at a time may hold (Argo's `workflow/sync`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
Key = tuple[str, str]


class Locks:
    """Who holds each mutex, and who waits for it, the oldest first. For one thread."""

    def __init__(self) -> None:
        self._holders: dict[str, Key] = {}
        self._waiting: dict[str, dict[Key, str]] = {}

    def learn(self, workflow: Json) -> None:
        """Take in what a status says, after a restart of the stand-in."""
        metadata, status = workflow["metadata"], workflow.get("status") or {}
        for item in ((status.get("synchronization") or {}).get("mutex") or {}).get("holding") or ():
            self._holders[item["mutex"]] = (metadata["namespace"], metadata["name"])

    def acquire(self, workflow: Json, mutexes: Iterable[Json]) -> tuple[Json, str]:
        """The status of the locks, and what is waited for; empty when the Workflow holds all of them."""
        metadata = workflow["metadata"]
        key, made = (metadata["namespace"], metadata["name"]), metadata["creationTimestamp"]
        names = [f"{item.get('namespace') or key[0]}/Mutex/{item['name']}" for item in mutexes]
        for name in names:
            if not self._free(name, key):
                for each in names:
                    self._waiting.setdefault(each, {})[key] = made
                holder = "/".join(self._holders.get(name, ("", "")))
                text = f"Waiting for {name} lock. Lock status: 0/1"
                return {"mutex": {"waiting": [{"mutex": name, "holder": holder}]}}, text
        for name in names:
            self._holders[name] = key
            self._waiting.get(name, {}).pop(key, None)
        return {"mutex": {"holding": [{"mutex": name, "holder": "/".join(key)} for name in names]}}, ""

    def _free(self, name: str, key: Key) -> bool:
        holder = self._holders.get(name)
        if holder is not None:
            return holder == key
        waiting = self._waiting.get(name)
        return not waiting or key == min(waiting, key=lambda other: (waiting[other], other)) or key not in waiting

    def release(self, key: Key) -> set[Key]:
        """Let go of everything, and of what was waited for; returns those who may go on."""
        others: set[Key] = set()
        for name in [name for name, holder in self._holders.items() if holder == key]:
            del self._holders[name]
            others |= self._waiting.get(name, {}).keys()
        for waiting in self._waiting.values():
            waiting.pop(key, None)
        return others - {key}
