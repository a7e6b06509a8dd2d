"""A cluster that was written down: lists of objects, each cut to what tenantctl reads, instead of an API server."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.adapters.kube.client import Kube
from reconciler.adapters.kube.resources import Resource
from reconciler.core import labels
from reconciler.core.errors import Unavailable

Json = dict[str, Any]
Lists = Mapping[str, list[Json]]


class Recorded(Kube):
    """Answers lists from memory by `list_name`; anything else, and a list that is not there, is no answer."""

    def __init__(self, lists: Lists, where: str) -> None:
        self.context = where
        self._lists = lists

    def close(self) -> None:
        """Nothing is open."""

    def pages(self, resource: Resource, namespace: str | None = None, **query: Any) -> Iterator[Json]:
        """One page with all of a list. Raises Unavailable for one that was not written down."""
        name = list_name(resource, query.get("labelSelector") or "")
        if name not in self._lists:
            raise Unavailable(f"{self.context} has no list of {name}")
        yield {"metadata": {"resourceVersion": "1"}, "items": self._lists[name]}

    @contextlib.contextmanager
    def _open(self, *_: Any, **__: Any) -> Iterator[Any]:
        raise Unavailable(f"{self.context} is no cluster: it was written down")
        yield


def list_name(resource: Resource, selector: str) -> str:
    """What a list is called in a snapshot: `configmaps app.kubernetes.io/managed-by=…`."""
    return f"{resource.plural} {selector}".rstrip()


METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels")
KEPT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "workflows": {
        "spec": ("shutdown", "arguments", "workflowTemplateRef"),
        "status": ("phase", "message", "progress", "startedAt", "finishedAt"),
    },
    "jobs": {
        "spec": ("suspend", "activeDeadlineSeconds"),
        "status": ("conditions", "active", "terminating", "ready", "succeeded", "failed"),
    },
    "namespaces": {},
}


def cut(resource: Resource, raw: Json) -> Json:
    """An object without what tenantctl does not read: above all without pod templates, which may hold anything."""
    metadata = {name: raw["metadata"][name] for name in METADATA if name in raw["metadata"]}
    notes = raw["metadata"].get("annotations") or {}
    metadata["annotations"] = {name: value for name, value in notes.items() if name.startswith(labels.PREFIX)}
    if resource.plural == "configmaps":
        return {"metadata": metadata, "data": raw.get("data") or {}}
    parts = {
        part: {name: found[name] for name in names if name in found}
        for part, names in KEPT[resource.plural].items()
        if (found := raw.get(part) or {})
    }
    return {"metadata": metadata, **parts}
