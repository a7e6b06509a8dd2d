"""The kubelet's part: every pod of the cluster gets a life on the one node, and its logs are served."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import PODS
from reconciler.adapters.kube.store import Store
from reconciler.core.errors import TenantctlError

from .container import path_in_volume
from .life import Life
from .node import MAX_PODS, Node, register
from .output import Output

Json = dict[str, Any]
AGAIN_SECONDS = 0.1  # between two looks for an API server that is just being started


class Kubelet:
    """Watches pods as the scheduler does, who sees all of them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        node.newest = self._newest
        self._lives: dict[str, Life] = {}
        self._pods: dict[str, Json] = {}
        self._pool = ThreadPoolExecutor(MAX_PODS, thread_name_prefix="pod")
        store: Store[Json] = Store(lambda raw: raw, lambda raw: None, self._changed)
        self._reflector = Reflector(node.scheduler, PODS, store)

    def start(self) -> None:
        """Take pods; returns when those that there are, are known. Waits for the API server."""
        while not self._registered():
            time.sleep(AGAIN_SECONDS)
        threading.Thread(target=self._reflector.run, daemon=True).start()
        self._reflector.synced.wait()

    def _registered(self) -> bool:
        try:
            register(self._node)
        except TenantctlError:
            return False
        return True

    def _newest(self, uid: str) -> Json | None:
        return self._pods.get(uid)

    def _changed(self, before: Json | None, after: Json | None) -> None:
        if before and (after is None or after["metadata"]["uid"] != before["metadata"]["uid"]):
            self._gone(before["metadata"]["uid"])
        if after:
            self._take(after)

    def _gone(self, uid: str) -> None:
        self._pods.pop(uid, None)
        life = self._lives.pop(uid, None)
        if life:
            life.gone()
            shutil.rmtree(life.folder, ignore_errors=True)

    def _take(self, pod: Json) -> None:
        metadata = pod["metadata"]
        uid, ending = metadata["uid"], bool(metadata.get("deletionTimestamp"))
        before, self._pods[uid] = self._pods.get(uid), pod
        life, fresh = self._lives.get(uid), uid not in self._lives
        if life is None:
            life = self._lives[uid] = Life(self._node, pod)
        if ending and not (before and before["metadata"].get("deletionTimestamp")):
            grace = int(metadata.get("deletionGracePeriodSeconds") or 0)
            if not life.deleted(grace):
                self._pool.submit(_watched, life.bury)
        if fresh and not life.finished:
            self._pool.submit(_watched, life.run)

    # -- for the API server and for Argo's part --------------------------------------------------------------------

    def output(self, namespace: str, pod: str, container: str, previous: bool) -> Output | None:
        """What a container printed; None when it has not started."""
        life = self._named(namespace, pod)
        for each in (*life.initial, *life.main) if life else ():
            if each.name == container:
                return each.previous if previous else each.output
        return None

    def file(self, namespace: str, pod: str, container: str, path: str) -> str | None:
        """A file that a container wrote into a volume; None when there is none."""
        life = self._named(namespace, pod)
        file: Path | None = path_in_volume(life, container, path) if life else None
        return file.read_text() if file and file.exists() else None

    def terminate(self, namespace: str, pod: str) -> None:
        """What Argo does to the containers of a run that is stopped."""
        life = self._named(namespace, pod)
        if life:
            life.signal(signal.SIGTERM)

    def _named(self, namespace: str, name: str) -> Life | None:
        return next(
            (life for life in list(self._lives.values()) if (life.namespace, life.name) == (namespace, name)), None
        )


def _watched(run: Any) -> None:
    """A fault of the stand-in is to be seen in its log, not lost in a future."""
    import traceback

    try:
        run()
    except Exception:
        traceback.print_exc()
