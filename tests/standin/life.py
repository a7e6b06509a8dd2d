"""The life of one pod on the stand-in's node, from its binding to its end, in a thread of its own.

Told of deletion and of processes' ends by a queue; everything else it waits for has a time (`_times`).
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from reconciler.adapters.kube.client import MERGE_PATCH
from reconciler.adapters.kube.resources import PODS
from reconciler.core.errors import AlreadyExists, Conflict, NotFound, TenantctlError

from .container import request_of
from .given import Given, NotYet
from .node import Node
from .podstatus import Container, Json, now, status, terminated

T = TypeVar("T")
AGAIN_SECONDS = 0.3  # between two looks for what the pod names and what is missing
CRASH_SECONDS, CRASH_MOST = 10.0, 300.0
MESSAGE_MAX = 4096
OVER = ("Succeeded", "Failed")
UNKNOWN = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
    "startedAt": None,
    "finishedAt": None,
}


class Gone(Exception):
    """The pod does not exist any more."""


class Deleted(Exception):
    """The pod is to end, and nothing of it has begun yet."""


class Life:
    """One pod. `tell` may be called from anywhere, `run` is the thread."""

    def __init__(self, node: Node, pod: Json) -> None:
        self.node, self.pod = node, pod
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.uid = pod["metadata"]["uid"]
        self.folder = node.folder / "pods" / self.uid
        spec = pod["spec"]
        self.initial = [Container(each) for each in spec.get("initContainers") or ()]
        self.main = [Container(each) for each in spec["containers"]]
        self._policy = spec.get("restartPolicy", "Always")
        self._mail: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._times: dict[str, tuple[float, Callable[[], None]]] = {}
        self._ending = self._begun = self._told = False
        self.finished = pod["status"].get("phase") in OVER
        self._lock = threading.Lock()
        self._why: Json = {}
        self.volumes: dict[str, Path] = {}

    # -- told ------------------------------------------------------------------------------------------------------

    def deleted(self, grace: int) -> bool:
        """The pod is to end within so many seconds. False when it has ended, and only `bury` is left to do."""
        with self._lock:
            self._told = True
            self._mail.put(partial(self._end, grace))
            return not self.finished

    def gone(self) -> None:
        """The pod does not exist any more."""
        self._mail.put(self._vanish)

    def signal(self, number: int) -> None:
        """What `argoexec kill` does in the containers."""
        for each in self.main:
            if each.process and "running" in each.state:
                self.node.forging.signal(each.process, number)

    # -- the thread ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Live."""
        try:
            self._live()
        except Deleted:
            with contextlib.suppress(Gone):
                self._never_ran()
        except (Gone, NotFound):
            self._kill()
        with self._lock:
            self.finished = True
        if self._told:
            self.bury()

    def _live(self) -> None:
        if any("running" in each["state"] for each in self.pod["status"].get("containerStatuses") or ()):
            raise Deleted  # by an earlier stand-in, whose processes ended with it
        self._bind()
        self._report("Pending")
        given = Given(self.node.kubelet, self.pod, self.folder)
        self.volumes = self._patiently(given.volumes)
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        if deadline:
            self._times["deadline"] = (time.monotonic() + deadline, self._too_late)
        for each in self.initial:
            self._start(given, each)
            self._run([each], "Pending", given)
            if each.code:
                break
        else:
            for each in self.main:
                self._start(given, each)
            self._begun = True
            self._report("Running")
            self._run(self.main, "Running", given)
            if not self._ending:
                self._report("Running")  # as the kubelet does: the containers' ends first, then the pod's
        failed = self._why or any(each.code for each in (*self.initial, *self.main))
        self._report("Failed" if failed else "Succeeded")

    def _run(self, containers: list[Container], phase: str, given: Given) -> None:
        """Until all have ended and none is to be started again."""
        while not all(self._over(each) for each in containers):
            states = [each.state for each in containers]
            self._wait()
            for each in containers:
                if each.code is not None and not self._over(each):
                    self._again(given, each)
            if states != [each.state for each in containers] and not all(map(self._over, containers)):
                self._report(phase)

    def _over(self, each: Container) -> bool:
        repeats = self._policy == "Always" or (self._policy == "OnFailure" and each.code != 0)
        return each.code is not None and (self._ending or not repeats)

    def _again(self, given: Given, each: Container) -> None:
        """Start it again, later and later: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle."""
        wait = 0.0 if each.restarts == 0 else min(CRASH_MOST, CRASH_SECONDS * 2 ** (each.restarts - 1))
        each.last, each.previous = each.state, each.output
        each.restarts += 1
        text = f"back-off {wait:.0f}s restarting failed container={each.name} pod={self.name}"
        each.state = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
        self._times[f"again {each.name}"] = (time.monotonic() + wait, partial(self._start, given, each))

    # -- containers ------------------------------------------------------------------------------------------------

    def _start(self, given: Given, each: Container) -> None:
        if self._ending:
            return
        image = self.node.images.find(each.spec["image"]) or self._pulling(each)
        request = self._patiently(partial(request_of, self, each, image, given), each)
        each.output, writes = self.node.pump.open()
        ended = lambda code: self._mail.put(partial(self._ended, each, code))  # noqa: E731
        each.state = {"running": {"startedAt": now()}}
        each.process = self.node.forging.start(request, writes, ended)
        each.identity = f"process://{each.process.pid}"

    def _pulling(self, each: Container) -> NoReturn:
        """Wait for an image that never comes."""
        text = f'Back-off pulling image "{each.spec["image"]}"'
        each.state = {"waiting": {"reason": "ImagePullBackOff", "message": text}}
        self._report("Pending")
        while True:
            self._wait()

    def _ended(self, each: Container, code: int) -> None:
        if each.output:
            each.output.await_end(1.0)
        started = each.state.get("running", {}).get("startedAt") or now()
        each.state = terminated(code, started, self._message(each, code), each.identity)

    def _message(self, each: Container, code: int) -> str:
        file = self.message_file(each)
        text = file.read_bytes()[:MESSAGE_MAX].decode("utf-8", "replace") if file.exists() else ""
        if not text and code and each.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            return each.output.end() if each.output else ""
        return text

    def message_file(self, each: Container) -> Path:
        """What is mounted at `terminationMessagePath`, another file for every life of the container."""
        return self.folder / "messages" / f"{each.name}-{each.restarts}"

    # -- the end ---------------------------------------------------------------------------------------------------

    def _end(self, grace: int) -> None:
        if not self._begun:
            raise Deleted
        self._ending = True
        self.signal(signal.SIGTERM)
        for each in self.main:
            if each.code is None and "running" not in each.state:
                each.state = {"terminated": dict(UNKNOWN)}
        self._times["kill"] = (time.monotonic() + grace, self._kill)

    def _too_late(self) -> None:
        self._why = {
            "reason": "DeadlineExceeded",
            "message": "Pod was active on the node longer than the specified deadline",
        }
        self._end(int(self.pod["spec"].get("terminationGracePeriodSeconds", 30)))

    def _never_ran(self) -> None:
        self._kill()
        for each in (*self.initial, *self.main):
            if each.code is None:
                each.state = {"terminated": dict(UNKNOWN)}
        self._report("Failed")

    def _kill(self) -> None:
        for each in (*self.initial, *self.main):
            if each.process and each.code is None:
                self.node.forging.signal(each.process, signal.SIGKILL)

    def _vanish(self) -> None:
        raise Gone

    def bury(self) -> None:
        """Tell the API server that nothing of a pod that is deleted runs any more."""
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        while True:
            try:
                self.node.kubelet.request("DELETE", PODS.path(self.namespace, self.name), None, body)
            except (NotFound, Conflict):
                return
            except TenantctlError:
                time.sleep(AGAIN_SECONDS)
            else:
                return

    # -- waiting and reporting -------------------------------------------------------------------------------------

    def _wait(self, most: float = 60.0) -> None:
        """For one thing that is told, or whose time has come."""
        due = min((at for at, _ in self._times.values()), default=float("inf"))
        try:
            self._mail.get(timeout=max(0.0, min(most, due - time.monotonic())))()
        except queue.Empty:
            for name, (at, act) in list(self._times.items()):
                if at <= time.monotonic():
                    del self._times[name]
                    act()

    def _patiently(self, call: Callable[[], T], each: Container | None = None) -> T:
        """Repeat the call until what it needs exists; say in the container's state what is missing."""
        while True:
            try:
                return call()
            except NotYet as error:
                why = {"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}}
                if each and each.state != why:
                    each.state = why
                    self._report("Pending")
            except NotFound as error:
                raise Gone from error
            except TenantctlError:
                pass
            self._wait(AGAIN_SECONDS)

    def _bind(self) -> None:
        if self.pod["spec"].get("nodeName"):
            return
        target = {"apiVersion": "v1", "kind": "Node", "name": self.node.name}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name}, "target": target}
        try:
            self.node.scheduler.request("POST", PODS.path(self.namespace, self.name, "binding"), {}, body)
        except (AlreadyExists, Conflict) as error:
            raise Gone from error

    def _report(self, phase: str) -> None:
        """Write the status; conditions of others, like DisruptionTarget, stay."""
        self.pod = max(self.node.newest(self.uid) or self.pod, self.pod, key=_version)
        made = status(self.pod, phase, self.initial, self.main, self.node.address) | self._why
        path = PODS.path(self.namespace, self.name, "status")
        while True:
            try:
                body = {"metadata": {"uid": self.uid}, "status": made}
                self.pod = self.node.kubelet.request("PATCH", path, {}, body, MERGE_PATCH)
                return
            except (NotFound, Conflict) as error:
                raise Gone from error
            except TenantctlError:
                time.sleep(AGAIN_SECONDS)


def _version(pod: Json) -> int:
    return int(pod["metadata"]["resourceVersion"])
