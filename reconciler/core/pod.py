"""Pods of copies, read from raw JSON: which containers there are to follow, how they ended, why one does not start.

Kubernetes puts these facts in four places (container statuses and their last state, init containers, the pod's own
status, its conditions); https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ tells which.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.text import cut, printable

Json = dict[str, Any]
Life = tuple[str, str, int]

ORDINARY = frozenset({"", "PodInitializing", "ContainerCreating"})
LOST = "ContainerStatusUnknown"  # the kubelet knows nothing of its end, and its message says only that
NEVER_RAN = frozenset({LOST, "ContainerCannotRun", "StartError"})
OVER = frozenset({"Succeeded", "Failed"})
MESSAGE_MAX = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """One container that ended. `message` is its raw termination message; `initial`: it is an init container."""

    pod: str
    container: str
    exit_code: int
    reason: str
    message: str
    at: str
    policy: str
    initial: bool


@dataclass(frozen=True, order=True, slots=True)
class Source:
    """One life of a container, whose log can be read. `restart` counts from 0; `previous`: another life followed it."""

    pod: str
    container: str
    restart: int
    previous: bool = False

    @property
    def life(self) -> Life:
        """What identifies it, however its log is asked for."""
        return self.pod, self.container, self.restart


def is_over(pod: Json) -> bool:
    """Whether nothing in the pod runs any more."""
    return (pod.get("status") or {}).get("phase") in OVER


def ended(pods: Sequence[Json]) -> list[Ended]:
    """All containers that ended, earlier lives too, in the order of their ends."""
    return sorted((end for pod in pods for end in _ends(pod)), key=lambda end: (end.at, not end.initial))


def _ends(pod: Json) -> Iterator[Ended]:
    policies = {c["name"]: c.get("terminationMessagePolicy", "File") for c in containers(pod)}
    for status, initial in _statuses(pod):
        for state in (status.get("lastState") or {}, status.get("state") or {}):
            if end := state.get("terminated"):
                reason = end.get("reason", "")
                yield Ended(
                    pod=pod["metadata"]["name"],
                    container=status["name"],
                    exit_code=int(end.get("exitCode", 0)),
                    reason=reason,
                    message="" if reason == LOST else end.get("message", ""),
                    at=end.get("finishedAt") or "",
                    policy=policies.get(status["name"], "File"),
                    initial=initial,
                )


def sources(pods: Sequence[Json]) -> list[Source]:
    """Every container's life that has a log now."""
    return sorted(source for pod in pods for status, _ in _statuses(pod) for source in _lives(pod, status))


def running(pods: Sequence[Json]) -> frozenset[Life]:
    """The lives of containers that go on."""
    return frozenset(
        (pod["metadata"]["name"], status["name"], int(status.get("restartCount") or 0))
        for pod in pods
        for status, _ in _statuses(pod)
        if "running" in (status.get("state") or {})
    )


def _lives(pod: Json, status: Json) -> Iterator[Source]:
    name, count, state = pod["metadata"]["name"], int(status.get("restartCount") or 0), status.get("state") or {}
    current = "running" in state or "terminated" in state
    if current and not _never_ran(state):
        yield Source(name, status["name"], count)
    last = count - 1 if current else count
    if "terminated" in (status.get("lastState") or {}) and last >= 0:
        yield Source(name, status["name"], last, previous=current)


def _never_ran(state: Json) -> bool:
    """A container that could not be created, or whose start failed, has an end but no log."""
    return (state.get("terminated") or {}).get("reason") in NEVER_RAN


def containers(pod: Json) -> list[Json]:
    """Init containers and containers, as they are declared."""
    spec = pod.get("spec") or {}
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def _statuses(pod: Json) -> Iterator[tuple[Json, bool]]:
    status = pod.get("status") or {}
    for group, initial in (("initContainerStatuses", True), ("containerStatuses", False)):
        for item in status.get(group) or []:
            yield item, initial


def obstacles(pods: Sequence[Json]) -> list[str]:
    """Why pods that should run do not: each as one line, for example `pod x: container y: ImagePullBackOff: …`."""
    return [f"pod {pod['metadata']['name']}: {text}" for pod in pods for text in _obstacles(pod)]


def _obstacles(pod: Json) -> Iterator[str]:
    status = pod.get("status") or {}
    if is_over(pod):
        if status.get("reason"):  # Evicted, DeadlineExceeded, NodeLost …: the pod's own end
            yield _line(status["reason"], status.get("message", ""))
        return
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield _line(condition.get("reason", ""), condition.get("message", ""))
    for item, _ in _statuses(pod):
        waiting = (item.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in ORDINARY:
            yield f"container {item['name']}: {_line(waiting['reason'], waiting.get('message', ''))}"


def _line(reason: str, message: str) -> str:
    text = " ".join(printable(message).split())
    return cut(f"{reason}: {text}" if text else reason, MESSAGE_MAX)
