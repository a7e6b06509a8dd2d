"""The workflow controller's part: one thread that operates on every Workflow of which something has changed."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
import traceback
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES, PODS, WORKFLOWS
from reconciler.adapters.kube.store import Store
from reconciler.core.errors import AlreadyExists, NotFound, TenantctlError

from .kubelet import Kubelet
from .locks import Locks
from .operation import COMPLETED, Operation, by_node
from .steppods import MAIN, WORKFLOW, pod_of
from .walk import Wanted

Json = dict[str, Any]
Key = tuple[str, str]
AGAIN_SECONDS = 0.5


class Workflows:
    """`kube` is the API server as Argo's controller may use it."""

    def __init__(self, kube: Kube, kubelet: Kubelet) -> None:
        self._kube, self._kubelet = kube, kubelet
        self._locks = Locks()
        self._due: list[tuple[float, Key]] = []
        self._news = threading.Condition()
        self._pods: dict[Key, dict[str, Json]] = {}
        self._workflows: Store[Json] = Store(lambda raw: raw, lambda raw: None, self._changed)
        self._watched = [
            Reflector(kube, WORKFLOWS, self._workflows),
            Reflector(kube, PODS, Store(lambda raw: raw, lambda raw: None, self._pod_changed), None, WORKFLOW),
        ]

    def run(self) -> None:
        """Operate for ever."""
        for reflector in self._watched:
            threading.Thread(target=reflector.run, daemon=True).start()
        for reflector in self._watched:
            reflector.synced.wait()
        for workflow in self._workflows.values():
            self._locks.learn(workflow)
        while True:
            key = self._next()
            try:
                self._operate(key)
            except TenantctlError as error:
                print(f"{key}: {error}", flush=True)
                self._look(key, AGAIN_SECONDS)
            except Exception:  # a fault of the stand-in is to be seen, and no reason to end for all others
                traceback.print_exc()

    # -- what has changed ------------------------------------------------------------------------------------------

    def _changed(self, before: Json | None, after: Json | None) -> None:
        self._look(_key(after or before or {}))

    def _pod_changed(self, before: Json | None, after: Json | None) -> None:
        pod = after or before or {}
        key = (pod["metadata"]["namespace"], pod["metadata"]["labels"][WORKFLOW])
        pods = self._pods.setdefault(key, {})
        if after:
            pods[pod["metadata"]["name"]] = after
        else:
            pods.pop(pod["metadata"]["name"], None)
        self._look(key)

    def _look(self, key: Key, seconds: float = 0.0) -> None:
        with self._news:
            at = time.monotonic() + seconds
            if not any(other <= at and each == key for other, each in self._due):
                heapq.heappush(self._due, (at, key))
                self._news.notify()

    def _next(self) -> Key:
        with self._news:
            while not self._due or self._due[0][0] > time.monotonic():
                self._news.wait(self._due[0][0] - time.monotonic() if self._due else None)
            return heapq.heappop(self._due)[1]

    # -- one Workflow ----------------------------------------------------------------------------------------------

    def _operate(self, key: Key) -> None:
        workflow = self._workflows.get(*key)
        if workflow is None:
            self._release(key)
            self._pods.pop(key, None)
            return
        if (workflow["metadata"].get("labels") or {}).get(COMPLETED) == "true":
            return
        done = Operation(workflow, by_node(dict(self._pods.get(key, {}))), self._read)
        done.run(self._template, self._locks)
        for wanted in done.wanted:
            self._make(done, wanted)
        self._write(done)
        for pod in done.ended:
            self._terminate(pod)
        for seconds in done.wake:
            self._look(key, seconds)
        if done.over:
            self._release(key)

    def _template(self, name: str) -> Json:
        return dict(self._kube.get(CLUSTER_TEMPLATES, None, name)["spec"])

    def _read(self, pod: Json, path: str) -> str | None:
        return self._kubelet.file(pod["metadata"]["namespace"], pod["metadata"]["name"], MAIN, path)

    def _make(self, done: Operation, wanted: Wanted) -> None:
        pod = pod_of(done.workflow, done.spec, done.nodes, wanted.node, wanted.template)
        with contextlib.suppress(AlreadyExists):
            try:
                self._kube.create(PODS, done.metadata["namespace"], pod)
            except TenantctlError as error:
                if error.transient:
                    raise
                done.nodes.mark(wanted.node, "Error", str(error))
                done.wake.append(0.0)

    def _write(self, done: Operation) -> None:
        before = done.workflow
        patch = difference(before.get("status") or {}, done.status)
        labels = difference(before["metadata"].get("labels") or {}, done.labels)
        if not patch and not labels:
            return
        body = {"metadata": {"uid": done.metadata["uid"], "labels": labels}, "status": patch}
        with contextlib.suppress(NotFound):
            self._workflows.put(self._kube.merge(WORKFLOWS, done.metadata["namespace"], done.metadata["name"], body))

    def _terminate(self, pod: Json) -> None:
        """SIGTERM; a pod that does not run yet is deleted.

        The SIGKILL that Argo sends after the grace period changes nothing: it is sent from inside the container to its
        first process, the executor, which the kernel protects.
        """
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if pod["status"].get("phase") == "Pending":
            self._kube.delete(PODS, namespace, name)
            return
        self._kubelet.terminate(namespace, name)

    def _release(self, key: Key) -> None:
        for other in self._locks.release(key):
            self._look(other)


def difference(before: Json, after: Json) -> Json:
    """The JSON merge patch that leads from one to the other."""
    patch: Json = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = difference(old, value)
            patch |= {name: inner} if inner else {}
        elif name not in before or old != value:
            patch[name] = value
    return patch


def _key(workflow: Json) -> Key:
    return workflow["metadata"]["namespace"], workflow["metadata"]["name"]
