"""A small API server in memory, behind the bridge's port: what a real cluster can't be made to do at will.

It keeps objects, versions, JSON patches with tests, watches and logs; a test plays the Job's controller by `on_resume`.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, Resource
from reconciler.bridge.world import World
from reconciler.core import labels
from reconciler.core.errors import AlreadyExists, Conflict, NotFound, Unprocessable
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, State, config_map_of, read_placement
from reconciler.core.step import Kind, Step

Json = dict[str, Any]
STEP = Step(Kind.JOB, "upsert", ("billing", "billing-lifecycle"))
WORLD = World(
    Key("acme", "production"), "run-1", "workflows", {"jobs": "auto", "resources": "auto", "applications": "auto"}
)
PLACEMENT = Placement(WORLD.key, {"spec": {"region": "eu-west"}}, "digest", "abc", 7, State.ACTIVE)
LIFECYCLE: Json = {
    "metadata": {
        "namespace": "billing",
        "name": "billing-lifecycle",
        "annotations": {labels.VERBS_ANNOTATION: "lifecycle.upsert", labels.OWNER: "team@example.com"},
    },
    "spec": {"suspend": True, "template": {"spec": {"containers": [{"name": "main", "image": "x:1"}]}}},
}


class FakeKube:
    """The methods of `adapters.kube.Kube` that the bridge calls."""

    where = "fake"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.events: list[tuple[str, Json]] = []
        self.calls: list[tuple[str, str, str]] = []
        self.version = 0
        self.fail: dict[tuple[str, str], list[Exception]] = {}
        self.on_resume: Callable[[Json], None] = lambda job: None
        self.logs: dict[str, list[Any]] = {}
        self.log_queries: list[Json] = []

    # what tests say
    def put(self, resource: Resource, raw: Json) -> Json:
        key = (resource.plural, raw["metadata"].get("namespace", ""), raw["metadata"]["name"])
        return self._store(key, copy.deepcopy(raw), "ADDED")

    def refuse(self, verb: str, resource: Resource, *errors: Exception) -> None:
        self.fail[verb, resource.plural] = list(errors)

    def update(self, resource: Resource, namespace: str, name: str, change: Json) -> None:
        raw = _merged(copy.deepcopy(self.objects[resource.plural, namespace, name]), change)
        self._store((resource.plural, namespace, name), raw, "MODIFIED")

    def one(self, resource: Resource, namespace: str, name: str) -> Json:
        return self.objects[resource.plural, namespace, name]

    def copies(self) -> list[Json]:
        return [
            o
            for (plural, _, _), o in self.objects.items()
            if plural == "jobs" and labels.RUN in o["metadata"].get("labels", {})
        ]

    def outcome(self, step: Step = STEP) -> Outcome | None:
        return read_placement(self.one(CONFIG_MAPS, "workflows", "acme.production")).outcomes.get(step)

    # what the bridge calls
    def get(self, resource: Resource, namespace: str | None, name: str, sub: str | None = None) -> Json:
        self._called("get", resource, name)
        found = self.objects.get((resource.plural, namespace or "", name))
        if found is None:
            raise NotFound(f"{resource.plural} {namespace}/{name}")
        return copy.deepcopy(found)

    def find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        try:
            return self.get(resource, namespace, name)
        except NotFound:
            return None

    def list(self, resource: Resource, namespace: str | None = None, **query: Any) -> Iterator[Json]:
        for page in self.pages(resource, namespace, **query):
            yield from page["items"]

    def pages(self, resource: Resource, namespace: str | None = None, **query: Any) -> Iterator[Json]:
        self._called("list", resource, "")
        items = [
            o
            for (plural, space, _), o in self.objects.items()
            if plural == resource.plural and namespace in (None, space)
        ]
        chosen = [copy.deepcopy(item) for item in items if _selected(item, query.get("labelSelector", ""))]
        yield {"metadata": {"resourceVersion": str(self.version)}, "items": chosen}

    def create(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        self._called("create", resource, body["metadata"]["name"])
        key = (resource.plural, namespace or "", body["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExists(str(key))
        return copy.deepcopy(self._store(key, copy.deepcopy(body), "ADDED"))

    def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None) -> bool:
        self._called("delete", resource, name)
        gone = self.objects.pop((resource.plural, namespace or "", name), None)
        if gone:
            self.events.append(("DELETED", gone))
        return gone is not None

    def merge(self, resource: Resource, namespace: str | None, name: str, patch: Json) -> Json:
        before = self.get(resource, namespace, name)
        self._called("merge", resource, name)
        wanted = patch.get("metadata", {}).get("resourceVersion", before["metadata"]["resourceVersion"])
        if wanted != before["metadata"]["resourceVersion"]:
            raise Conflict(name)
        after = self._store((resource.plural, namespace or "", name), _merged(before, patch), "MODIFIED")
        if patch.get("spec", {}).get("suspend") is False:
            self.on_resume(after)
        return copy.deepcopy(after)

    def patch(self, resource: Resource, namespace: str | None, name: str, patch: "list[Json]") -> Json:
        raw = self.get(resource, namespace, name)
        self._called("patch", resource, name)
        for operation in patch:
            key = operation["path"].removeprefix("/data/")
            if operation["op"] == "test" and raw["data"].get(key) != operation["value"]:
                raise Unprocessable(f"test of {key} failed")
            if operation["op"] == "add":
                raw["data"][key] = operation["value"]
        return self._store((resource.plural, namespace or "", name), raw, "MODIFIED")

    def request(self, method: str, path: str, query: Json | None = None) -> Json:
        self._called("list", PODS, path)
        return {"items": []}

    @contextmanager
    def stream(self, path: str, query: Json, read_seconds: float) -> Iterator[Any]:
        if path.endswith("/log"):
            self.log_queries.append(query)
            yield SimpleNamespace(stream=lambda size: _played(self.logs[path.split("/")[-2]]))
            return
        closed: list[bool] = []
        plural = path.split("/")[-1]
        yield SimpleNamespace(
            stream=lambda size: self._watch(plural, query, closed), shutdown=lambda: closed.append(True)
        )

    def _watch(self, plural: str, query: Json, closed: "list[bool]") -> Iterator[bytes]:
        position, end = 0, time.monotonic() + 20
        while not closed and time.monotonic() < end:
            for kind, raw in self.events[position:]:
                if int(raw["metadata"]["resourceVersion"]) > int(query["resourceVersion"]) and raw["plural"] == plural:
                    yield json.dumps({"type": kind, "object": raw}).encode() + b"\n"
            position = len(self.events)
            time.sleep(0.005)

    def _store(self, key: tuple[str, str, str], raw: Json, kind: str) -> Json:
        self.version += 1
        raw["metadata"] |= {"resourceVersion": str(self.version)}
        raw["metadata"].setdefault("uid", f"uid-{self.version}")
        raw["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        self.objects[key] = raw | {"plural": key[0]}
        self.events.append((kind, copy.deepcopy(self.objects[key])))
        return self.objects[key]

    def _called(self, verb: str, resource: Resource, name: str) -> None:
        self.calls.append((verb, resource.plural, name))
        errors = self.fail.get((verb, resource.plural))
        if errors:
            raise errors.pop(0)


def _played(script: list[Any]) -> Iterator[bytes]:
    """The next answer for a log: chunks, or an exception that breaks it off."""
    for part in script.pop(0) if script else []:
        if isinstance(part, Exception):
            raise part
        yield part


def _merged(value: Json, patch: Json) -> Json:
    for key, change in patch.items():
        value[key] = _merged(value.get(key) or {}, change) if isinstance(change, dict) else change
    return value


def _selected(raw: Json, selector: str) -> bool:
    marks = raw["metadata"].get("labels") or {}
    for term in filter(None, selector.split(",")):
        key, _, value = term.replace("!=", "=!", 1).partition("=")
        if (
            (marks.get(key) != value[1:]) is not value.startswith("!")
            if value.startswith("!")
            else marks.get(key) != value
        ):
            return False
    return True


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> FakeKube:
    """A cluster with a trusted namespace, its lifecycle Job, and a placement; nobody waits for long in it."""
    monkeypatch.setattr("reconciler.bridge.patience.FIRST", 0.001)
    monkeypatch.setattr("reconciler.bridge.patience.SECONDS", 0.05)
    monkeypatch.setattr("reconciler.bridge.copies.MISSING_SECONDS", 0.0)
    cluster = FakeKube()
    cluster.put(NAMESPACES, {"metadata": {"name": "billing", "labels": {labels.LIFECYCLE: labels.ENABLED}}})
    cluster.put(NAMESPACES, {"metadata": {"name": "wild", "labels": {}}})
    cluster.put(JOBS, LIFECYCLE)
    cluster.put(CONFIG_MAPS, config_map_of(PLACEMENT, "workflows"))
    return cluster
