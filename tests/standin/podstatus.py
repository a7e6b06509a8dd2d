"""The status of a pod, as the kubelet writes it from what its containers do."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.times import rfc3339

from .forging import Process
from .output import Output

Json = dict[str, Any]
CREATING = {"waiting": {"reason": "ContainerCreating"}}


def now() -> str:
    """The time as Kubernetes writes it, to the second."""
    return rfc3339(time.time())


@dataclass
class Container:
    """One container of a pod: what was declared, and what it does."""

    spec: Json
    state: Json = field(default_factory=lambda: dict(CREATING))
    last: Json = field(default_factory=dict)
    restarts: int = 0
    process: Process | None = None
    output: Output | None = None
    previous: Output | None = None
    identity: str = ""

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def code(self) -> int | None:
        """Its exit code, once it has ended."""
        end = self.state.get("terminated")
        return int(end["exitCode"]) if end else None

    def status(self, *, initial: bool = False) -> Json:
        """As it is in the pod's status."""
        running = "running" in self.state
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": "",
            "containerID": self.identity,
            "state": self.state,
            "lastState": self.last,
            "ready": self.code == 0 if initial else running,
            "started": running,
            "restartCount": self.restarts,
        }


def status(pod: Json, phase: str, initial: list[Container], main: list[Container], host: str) -> Json:
    """The whole status; conditions of others are kept."""
    ready = bool(main) and all("running" in each.state for each in main)
    over = phase in ("Succeeded", "Failed")
    done = {"reason": "PodCompleted"} if phase == "Succeeded" else {"reason": "PodFailed"} if over else None
    unready = done or {"reason": "ContainersNotReady", "message": f"containers with unready status: {_unready(main)}"}
    initialized = all(each.code == 0 for each in initial)
    ours = [
        _condition("Initialized", initialized, None if initialized else {"reason": "ContainersNotInitialized"}),
        _condition("Ready", ready, None if ready else unready),
        _condition("ContainersReady", ready, None if ready else unready),
        _condition("PodScheduled", True, None),
    ]
    before = {item["type"]: item for item in (pod.get("status") or {}).get("conditions") or ()}
    conditions = [_kept(before.pop(item["type"], None), item) for item in ours]
    found: Json = {
        "phase": phase,
        "conditions": [*conditions, *before.values()],
        "hostIP": host,
        "startTime": (pod.get("status") or {}).get("startTime") or now(),
        "containerStatuses": [each.status() for each in main],
    }
    return found | ({"initContainerStatuses": [each.status(initial=True) for each in initial]} if initial else {})


def _unready(main: list[Container]) -> str:
    return "[" + " ".join(each.name for each in main if "running" not in each.state) + "]"


def _condition(kind: str, true: bool, why: Json | None) -> Json:
    found = {"type": kind, "status": str(true), "lastProbeTime": None, "lastTransitionTime": now()}
    return found | (why or {})


def _kept(before: Json | None, after: Json) -> Json:
    """A condition that is as it was keeps its time."""
    if before and before["status"] == after["status"]:
        return after | {"lastTransitionTime": before.get("lastTransitionTime")}
    return after


def terminated(code: int, started: str, message: str, identity: str) -> Json:
    """The end of a container."""
    end: Json = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "startedAt": started,
        "finishedAt": now(),
        "containerID": identity,
    }
    return {"terminated": end | ({"message": message} if message else {})}
