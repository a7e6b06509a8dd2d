"""Watching a copy: its Job and its pods, until nothing of it runs any more.

Two reflectors fill a queue, so a watch that breaks or grows too old is listed again. The newest state of every pod is
kept even when it is deleted, since its containers' last words may be all that tells why.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.adapters.kube import Json, Kube
from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import JOBS, PODS, Resource
from reconciler.adapters.kube.store import Store
from reconciler.bridge.copies import stop
from reconciler.bridge.logs import Logs
from reconciler.bridge.patience import patiently
from reconciler.bridge.say import say
from reconciler.core import labels
from reconciler.core.job_copy import Copy, read_copy
from reconciler.core.pod import is_over, obstacles, running
from reconciler.core.verdict import Verdict, stalled, verdict

JOB_NAME = "batch.kubernetes.io/job-name"
NO_POD_SECONDS = 20.0


class CopyGone(Exception):
    """Somebody deleted the copy while it ran."""


class Watch:
    """What is known of a copy and its pods, and what was said about them."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.gone: Callable[[], bool] = lambda: False
        self.stores: dict[str, Store[Any]] = {}
        self.pods: dict[str, Json] = {}
        self.deleted: set[str] = set()
        self.news: queue.SimpleQueue[tuple[Resource, Json | None, Json | None]] = queue.SimpleQueue()
        self.obstacles: list[str] = []
        self.since = time.monotonic()

    def take(self, resource: Resource, before: Json | None, after: Json | None) -> None:
        """Take in one change; None is an object that does not exist."""
        if resource is PODS:
            pod = after or before
            if pod:
                uid = pod["metadata"]["uid"]
                self.pods[uid] = pod
                self.deleted |= set() if after else {uid}
            return
        found = read_copy(after) if after else None
        if found and found.uid == self.copy.uid:
            self.copy = found

    def stored(self, copy: Copy) -> bool:
        """Whether the copy itself, and not only its name, is among the Jobs that exist."""
        raw = self.stores[JOBS.plural].get(copy.namespace, copy.name)
        return raw is not None and raw["metadata"]["uid"] == copy.uid

    @property
    def seen(self) -> list[Json]:
        """All pods that were ever seen, oldest first."""
        return sorted(self.pods.values(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    @property
    def present(self) -> list[Json]:
        """The pods that exist."""
        return [pod for pod in self.seen if pod["metadata"]["uid"] not in self.deleted]

    @property
    def active(self) -> bool:
        """Whether a pod of it may still run."""
        return any(not is_over(pod) for pod in self.present)


def wait(kube: Kube, copy: Copy) -> Verdict:
    """Print the logs until the copy is finished, and return what became of it. Raises CopyGone."""
    watch, logs = Watch(copy), Logs(kube, copy.namespace)
    with _reflecting(kube, watch):
        while not _finished(watch):
            _next(watch)
            logs.follow(watch.seen, running(watch.present))
            _tell(watch)
            _judge(kube, watch)
    _last_look(kube, watch)
    logs.follow(watch.seen, running(watch.present))
    logs.close()
    return verdict(watch.copy, watch.seen, watch.obstacles)


def _finished(watch: Watch) -> bool:
    if watch.gone():
        raise CopyGone
    return watch.copy.finished and not (watch.copy.stopped and watch.active)


@contextmanager
def _reflecting(kube: Kube, watch: Watch) -> Iterator[None]:
    copy = watch.copy
    jobs = f"{labels.selects(copy.kind)},{labels.RUN}={copy.run}"
    wanted = ((JOBS, jobs, copy.name), (PODS, f"{JOB_NAME}={copy.name}", ""))
    reflectors = [_reflector(kube, watch, resource, selector, name) for resource, selector, name in wanted]
    watch.gone = lambda: reflectors[0].synced.is_set() and not watch.stored(copy)
    for reflector in reflectors:
        threading.Thread(target=reflector.run, daemon=True).start()
    try:
        yield
    finally:
        for reflector in reflectors:
            reflector.stop()


def _reflector(kube: Kube, watch: Watch, resource: Resource, selector: str, name: str) -> Reflector:
    def wanted(raw: Json) -> Json | None:
        return raw if name in ("", raw["metadata"]["name"]) else None

    def changed(before: Json | None, after: Json | None) -> None:
        watch.news.put((resource, before, after))

    store: Store[Any] = Store(wanted, lambda raw: None, changed)
    watch.stores[resource.plural] = store
    return Reflector(kube, resource, store, watch.copy.namespace, selector, _trouble)


def _trouble(text: str) -> None:
    if text:
        say(text)


def _next(watch: Watch) -> None:
    """Wait for news, and take in all that there is."""
    try:
        watch.take(*watch.news.get(timeout=1))
        while True:
            watch.take(*watch.news.get_nowait())
    except queue.Empty:
        return


def _tell(watch: Watch) -> None:
    """Say what keeps pods from starting, when it changes, so that a person sees why nothing happens."""
    found = obstacles(watch.present) or _podless(watch)
    for text in found:
        if text not in watch.obstacles:
            say(f"waiting: {text}")
    if found or running(watch.present):
        watch.obstacles = found


def _podless(watch: Watch) -> list[str]:
    """That there is no pod at all. Why is in the Job's events only, which the bridge has no right to read."""
    if watch.pods or watch.copy.suspended or time.monotonic() < watch.since + NO_POD_SECONDS:
        return []
    command = f"kubectl --namespace {watch.copy.namespace} describe job {watch.copy.name}"
    return [f"no pod could be made; a ResourceQuota or admission may refuse it: {command}"]


def _judge(kube: Kube, watch: Watch) -> None:
    """Stop the copy at the first failure that repeating cannot mend."""
    found = stalled(watch.seen)
    if found is None or watch.copy.stopped or watch.copy.finished:
        return
    say(f"{found.failure}: {found.message}; the copy is stopped")
    watch.copy = stop(kube, watch.copy, found.dump())


def _last_look(kube: Kube, watch: Watch) -> None:
    """The watch of the pods may lag behind that of the Job: list them once more."""
    query = {"labelSelector": f"{JOB_NAME}={watch.copy.name}"}
    for pod in patiently(lambda: list(kube.list(PODS, watch.copy.namespace, **query))):
        watch.take(PODS, None, pod)
