"""Cluster state as tenantctl keeps it: records in the control plane, placements, runs and copies in a region."""

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from reconciler.adapters.kube.client import Kube
from reconciler.adapters.kube.resources import CONFIG_MAPS, EVENTS, JOBS, WORKFLOWS
from reconciler.core import labels, placement, record
from reconciler.core.errors import NotFound
from reconciler.core.job_copy import Copy, read_copy, stop_patch
from reconciler.core.names import Key
from reconciler.core.times import rfc3339

Json = dict[str, Any]
EVENT_MAX = 1000  # the API server refuses more than 1024


class Records:
    """The records of the control plane; every write is guarded by the version that was read."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self.namespace = namespace

    def create(self, new: record.Record) -> Json:
        """Create a record. Raises AlreadyExists."""
        return self._kube.create(CONFIG_MAPS, self.namespace, record.config_map_of(new, self.namespace))

    def replace(self, changed: record.Record) -> Json:
        """Replace a record. Raises Conflict when somebody wrote in between."""
        return self._kube.replace(CONFIG_MAPS, self.namespace, record.config_map_of(changed, self.namespace))

    def delete(self, read: record.Record) -> None:
        """Delete the record that was read, and no other of its name; one that is gone is deleted."""
        self._kube.delete(CONFIG_MAPS, self.namespace, read.key.dotted, uid=read.uid)

    def find(self, key: Key) -> Json | None:
        """Read a record now; None where the server says that there is none."""
        return self._kube.find(CONFIG_MAPS, self.namespace, key.dotted)

    def event(self, about: record.Record, reason: str, message: str, *, warning: bool) -> None:
        """Tell of something that happened, as a Kubernetes Event on the record."""
        name = f"{about.key.dotted}.{time.time_ns():x}"
        involved = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": about.key.dotted,
            "namespace": self.namespace,
            "uid": about.uid,
            "resourceVersion": about.resource_version,
        }
        now = rfc3339(time.time())
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": self.namespace},
            "involvedObject": involved,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:EVENT_MAX],
            "source": {"component": labels.RECONCILER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._kube.create(EVENTS, self.namespace, body)

    def patch(self, key: Key, values: dict[str, str], version: str = "") -> Json:
        """Set single keys of a record, as levers do. Raises Conflict when it is not of that `version` any more."""
        guard = {"metadata": {"resourceVersion": version}} if version else {}
        return self._kube.merge(CONFIG_MAPS, self.namespace, key.dotted, {"data": values} | guard)


class Fleets:
    """The ConfigMap of the control plane that is about all environments."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self.namespace = namespace

    def find(self) -> Json | None:
        """Read it now; None where the server says that there is none."""
        return self._kube.find(CONFIG_MAPS, self.namespace, labels.FLEET)

    def create(self, values: Mapping[str, str]) -> Json:
        """Make it again after it was lost. Raises AlreadyExists."""
        metadata = {"name": labels.FLEET, "namespace": self.namespace, "labels": labels.managed("fleet")}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(values)}
        return self._kube.create(CONFIG_MAPS, self.namespace, body)

    def patch(self, values: Mapping[str, str | None]) -> Json:
        """Set single keys that have one writer."""
        return self._kube.merge(CONFIG_MAPS, self.namespace, labels.FLEET, {"data": dict(values)})

    def change(self, read: Json, values: Mapping[str, str | None]) -> Json:
        """Set single keys, None takes one away. Raises Conflict when somebody wrote since it was `read`."""
        guard = {"resourceVersion": read["metadata"]["resourceVersion"]}
        return self._kube.merge(CONFIG_MAPS, self.namespace, labels.FLEET, {"metadata": guard, "data": dict(values)})


class RegionState:
    """Placements, runs and copies of one region."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self.namespace = namespace

    def create_placement(self, new: placement.Placement) -> Json:
        """Create a placement. Raises AlreadyExists."""
        return self._kube.create(CONFIG_MAPS, self.namespace, placement.config_map_of(new, self.namespace))

    def patch_placement(self, key: Key, patch: list[Json]) -> Json:
        """Apply a JSON Patch with tests. Raises Unprocessable when one of them fails."""
        return self._kube.patch(CONFIG_MAPS, self.namespace, key.dotted, patch)

    def find_placement(self, key: Key) -> Json | None:
        """Read a placement now; None where the server says that there is none."""
        return self._kube.find(CONFIG_MAPS, self.namespace, key.dotted)

    def delete_placement(self, key: Key) -> None:
        """Delete a placement of which nothing is left; one that is gone is deleted."""
        self._kube.delete(CONFIG_MAPS, self.namespace, key.dotted)

    def launch(self, workflow: Json) -> Json:
        """Create a Workflow. Raises AlreadyExists."""
        return self._kube.create(WORKFLOWS, self.namespace, workflow)

    def find_run(self, name: str) -> Json | None:
        """Read a run's Workflow now; None where the server says that there is none."""
        return self._kube.find(WORKFLOWS, self.namespace, name)

    def copies_of(self, run: str) -> list[Copy]:
        """The copies of a run, as they are now, in all namespaces."""
        selector = f"{labels.selects(labels.COPY)},{labels.RUN}={run}"
        found = (read_copy(raw) for raw in self._kube.list(JOBS, None, labelSelector=selector))
        return [copy for copy in found if copy]

    def stop_copy(self, copy: Copy, now: str) -> None:
        """Suspend a copy for good and mark it; one that is gone is stopped."""
        with contextlib.suppress(NotFound):
            self._kube.merge(JOBS, copy.namespace, copy.name, stop_patch(now))

    def delete_copy(self, copy: Copy) -> None:
        """Delete a copy and, in the background, its pods and its ConfigMap."""
        self._kube.delete(JOBS, copy.namespace, copy.name, uid=copy.uid)
