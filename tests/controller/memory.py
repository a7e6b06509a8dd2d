"""A cluster in memory behind the controller's ports: versions, 409, JSON Patch with tests, and a history to watch.

A cluster cannot be made to fail at a chosen write, nor a watch to lag by a chosen number of events, so one stands here.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core import labels, placement
from reconciler.core.errors import AlreadyExists, Conflict, NotFound, Unavailable, Unprocessable
from reconciler.core.job_copy import Copy, read_copy, stop_patch
from reconciler.core.names import Key
from reconciler.core.record import Record, config_map_of

Json = dict[str, Any]


class Died(BaseException):
    """The process is killed here."""


@dataclass
class Fuse:
    """Counts before and after every write of the process; at `die_at` it dies."""

    writes: int = 0
    die_at: int = -1

    def burn(self) -> None:
        if self.writes == self.die_at:
            raise Died
        self.writes += 1


class Memory:
    """The objects of one cluster by (kind, name). What the process writes burns the fuse; `put` is everybody else."""

    namespace = labels.WORKFLOW_NAMESPACE

    def __init__(self, fuse: Fuse | None = None, name: str = "") -> None:
        self.fuse = fuse or Fuse()
        self.name = name
        self.objects: dict[tuple[str, str], Json] = {}
        self.history: dict[str, list[tuple[bool, Json]]] = defaultdict(list)  # (still there, object), in order
        self.silent = False
        self.check: Callable[[str, Json | None, Json], None] = lambda kind, before, after: None
        self._version = 0

    # -- anybody ---------------------------------------------------------------------------------------------------

    def put(self, kind: str, name: str, body: Json) -> Json:
        self._version += 1
        before, stored = self.objects.get((kind, name)), copy.deepcopy(body)
        uid = before["metadata"]["uid"] if before else f"uid-{self._version}"
        stored["metadata"] |= {"uid": uid, "resourceVersion": str(self._version)}
        self.objects[kind, name] = stored
        self.history[kind].append((True, stored))
        return copy.deepcopy(stored)

    def remove(self, kind: str, name: str) -> None:
        self._version += 1
        gone = copy.deepcopy(self.objects.pop((kind, name)))
        gone["metadata"]["resourceVersion"] = str(self._version)
        self.history[kind].append((False, gone))

    def read(self, kind: str, name: str) -> Json | None:
        return copy.deepcopy(self.objects.get((kind, name)))

    def all(self, kind: str) -> list[Json]:
        return [body for (its, _), body in self.objects.items() if its == kind]

    def patch(self, key: Key, patch: list[Json]) -> Json:
        """The placement as a JSON Patch leaves it; nothing is stored."""
        body = self.read("placement", key.dotted)
        if body is None:
            raise NotFound(key.dotted)
        for step in patch:
            name = step["path"].removeprefix("/data/")
            if step["op"] == "test" and body["data"].get(name) != step["value"]:
                raise Unprocessable(name)
            if step["op"] == "remove" and name not in body["data"]:
                raise Unprocessable(name)
            if step["op"] == "remove":
                del body["data"][name]
            elif step["op"] != "test":
                body["data"][name] = step["value"]
        return body

    # -- the process -----------------------------------------------------------------------------------------------

    def write(self, kind: str, name: str, body: Json) -> Json:
        self.fuse.burn()
        self.check(kind, self.read(kind, name), body)
        stored = self.put(kind, name, body)
        self.fuse.burn()
        return stored

    def add(self, kind: str, body: Json) -> Json:
        self._answer()
        if (kind, body["metadata"]["name"]) in self.objects:
            raise AlreadyExists(body["metadata"]["name"])
        return self.write(kind, body["metadata"]["name"], body)

    def _answer(self) -> None:
        if self.silent:
            raise Unavailable("no answer")


class Records(Memory):
    """The control plane's port."""

    def create(self, new: Record) -> Json:
        return self.add("record", config_map_of(new, labels.CONTROL_NAMESPACE))

    def replace(self, changed: Record) -> Json:
        body = config_map_of(changed, labels.CONTROL_NAMESPACE)
        stored = self.objects.get(("record", changed.key.dotted))
        if stored is None:
            raise NotFound(changed.key.dotted)
        if stored["metadata"]["resourceVersion"] != changed.resource_version:
            raise Conflict("version")
        return self.write("record", changed.key.dotted, body)

    def delete(self, record: Record) -> None:
        if ("record", record.key.dotted) in self.objects:
            self.fuse.burn()
            self.remove("record", record.key.dotted)
            self.fuse.burn()

    def event(self, about: Record, reason: str, message: str, *, warning: bool) -> None:
        self.fuse.burn()

    def find(self, key: Key) -> Json | None:
        return self.read("record", key.dotted)


class Fleets:
    """The port of the fleet's ConfigMap, which is among the control plane's objects."""

    def __init__(self, control: Records) -> None:
        self._control = control

    def create(self, values: Mapping[str, str]) -> Json:
        metadata = {"name": labels.FLEET, "namespace": labels.CONTROL_NAMESPACE}
        return self._control.add("fleet", {"metadata": metadata, "data": dict(values)})

    def patch(self, values: Mapping[str, str | None]) -> Json:
        body = self._control.read("fleet", labels.FLEET)
        if body is None:
            raise NotFound(labels.FLEET)
        body["data"] = {key: value for key, value in {**body["data"], **values}.items() if value is not None}
        return self._control.write("fleet", labels.FLEET, body)


class Cluster(Memory):
    """A region's port."""

    def create_placement(self, new: placement.Placement) -> Json:
        return self.add("placement", placement.config_map_of(new, self.namespace))

    def patch_placement(self, key: Key, patch: list[Json]) -> Json:
        self._answer()
        return self.write("placement", key.dotted, self.patch(key, patch))

    def find_placement(self, key: Key) -> Json | None:
        self._answer()
        return self.read("placement", key.dotted)

    def delete_placement(self, key: Key) -> None:
        self._answer()
        if ("placement", key.dotted) in self.objects:
            self.fuse.burn()
            self.remove("placement", key.dotted)
            self.fuse.burn()

    def launch(self, workflow: Json) -> Json:
        return self.add("run", workflow)

    def find_run(self, name: str) -> Json | None:
        self._answer()
        return self.read("run", name)

    def copies_of(self, run: str) -> list[Copy]:
        self._answer()
        return self.copies_of_now(run)

    def copies_of_now(self, run: str) -> list[Copy]:
        return [found for found in self.copies() if found.run == run]

    def copies(self) -> list[Copy]:
        return [found for raw in self.all("job") if (found := read_copy(raw))]

    def stop_copy(self, copy: Copy, now: str) -> None:
        self._answer()
        name = f"{copy.namespace}/{copy.name}"
        if ("job", name) in self.objects:
            self.write("job", name, merged(self.objects["job", name], stop_patch(now)))

    def delete_copy(self, copy: Copy) -> None:
        self._answer()
        name = f"{copy.namespace}/{copy.name}"
        if ("job", name) in self.objects:
            self.fuse.burn()
            self.remove("job", name)
            self.fuse.burn()


def merged(target: Json, patch: Json) -> Json:
    """The target after a merge patch (RFC 7386), as far as we use it."""
    both = target.keys() & patch.keys()
    deep = {key: merged(target[key], patch[key]) for key in both if isinstance(patch[key], dict)}
    return {**target, **patch, **deep}
