"""A fleet: a repository, the cluster, and a controller that brings the two together."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reconciler.core.action import HoldReason
from reconciler.core.record import Record, condition, conditions_by_type
from tests.e2e.command import Done, tenantctl
from tests.e2e.controller import Controller, start
from tests.e2e.lab import Json, Lab
from tests.e2e.repository import Repository
from tests.e2e.waiting import SECONDS, eventually

T = TypeVar("T")
REGION, DARK = "eu-west", "eu-dark"


def regions(context: str) -> list[Json]:
    """The one cluster, and a region that never answers."""
    return [
        {"name": REGION, "inFlightLimit": 100, "context": context, "workflowNamespace": "tenantctl-workflows"},
        {"name": DARK, "context": "nowhere", "workflowNamespace": "tenantctl-workflows"},
    ]


@dataclass
class Fleet:
    """What a scenario works with. Everything but `start` and `stop` may be used by several threads at once."""

    lab: Lab
    repository: Repository
    kubeconfig: Path
    log: Path
    controllers: list[Controller] = field(default_factory=list)
    others: tuple[Path, ...] = ()  # administrators' kubeconfigs of further clusters

    @property
    def controller(self) -> Controller:
        """The controller that runs."""
        return self.controllers[-1]

    def start(self) -> Controller:
        """Start one more controller, and wait until it is ready."""
        controller = self.start_only()
        controller.wait_ready()
        return controller

    def start_only(self, **more: Any) -> Controller:
        """Start one more controller; call it in the main thread."""
        context = self.lab.cluster.context
        self.controllers.append(start(self.repository.folder, self.kubeconfig, context, self.log, **more))
        return self.controller

    def stop(self) -> None:
        """Stop all controllers."""
        while self.controllers:
            self.controllers.pop().stop()

    # -- what people do --------------------------------------------------------------------------------------------

    def key(self, word: str) -> str:
        """A new environment's key."""
        return f"{self.lab.name(word)}/production"

    def declare(self, word: str, *services: str, **spec: Any) -> str:
        """Commit a new environment that uses the given services only; returns its key."""
        key = self.key(word)
        self.repository.declare(key, self.spec(*services, **spec))
        return key

    def spec(self, *services: str, **spec: Any) -> Json:
        """The spec of an environment that uses the given services only."""
        return {"region": REGION, "services": list(services)} | spec

    def tenantctl(self, *words: str, code: int | None = 0) -> Done:
        """Run `tenantctl` as an administrator of the cluster, and of the others of the fleet."""
        cluster = self.lab.cluster
        files = ":".join(map(str, (cluster.kubeconfig, *self.others)))
        return tenantctl(*words, code=code, KUBECONFIG=files, TENANTCTL_CONTEXT=cluster.context)

    def plan(self) -> Json:
        """The plan of what is declared now.

        Nobody commits meanwhile: what the plan has read would be behind what the controller has accepted by then.
        """
        words = ("plan", "--repository", str(self.repository.folder), "--ref", "main", "-o", "json")
        with self.repository.locked():
            done = self.tenantctl(*words, code=None)
        assert done.stdout, done.stderr
        return dict(json.loads(done.stdout))

    def holds_of(self, key: str) -> list[Json]:
        """What the plan holds of an environment."""
        return [hold for hold in self.plan()["holds"] if f"{hold['tenant']}/{hold['environment']}" == key]

    def approve(self, *keys: str) -> None:
        """Wait until something of each is held that an approval lifts, then approve the plan, as an operator does."""
        for key in keys:
            self.eventually(key, lambda: self._approvable(key), "held for an approval")  # noqa: B023 - called at once
        words = ("--repository", str(self.repository.folder), "--ref", "main", "--reason", "tests", "--yes")
        self.tenantctl("approve", self.plan()["id"], *words)

    def _approvable(self, key: str) -> bool:
        return any(HoldReason(hold["reason"]).approvable for hold in self.holds_of(key))

    def look(self, key: str) -> None:
        """Have the controller look at an environment, and wait until it has: what it had to do, it has begun."""
        self.tenantctl("reconcile", key)
        self.eventually(key, lambda: self._looked(key), "the controller to look", 180)

    def _looked(self, key: str) -> bool:
        record = self.lab.record(key)
        return record is not None and record.handled == record.reconcile != ""

    # -- what is waited for ----------------------------------------------------------------------------------------

    def eventually(self, key: str, probe: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
        """Wait for something about an environment."""
        return eventually(probe, f"{key}: {what}", seconds, lambda: self.state(key))

    def state(self, key: str) -> str:
        """The state of an environment and the end of the controller's log."""
        tails = "\n".join(controller.tail() for controller in self.controllers[-1:])
        return f"{self.lab.state(key)}\n--- the controller\n{tails}"

    def ready(self, key: str, after: str = "", seconds: float = SECONDS) -> Record:
        """Wait until an environment is Ready, with a commit at or after `after` applied."""

        def probe() -> Record | None:
            record = self.lab.record(key)
            ready = record and condition(record, "Ready")
            if not record or not ready or not ready.status:
                return None
            return record if not after or self.repository.contains(record.applied_revision, after) else None

        return self.eventually(key, probe, "Ready", seconds)

    def stalled(self, key: str, reason: str, seconds: float = SECONDS) -> Record:
        """Wait until an environment is Stalled for a reason."""

        def probe() -> Record | None:
            record = self.lab.record(key)
            found: Mapping[str, Any] = conditions_by_type(record) if record else {}
            stalled, ready = found.get("Stalled"), found.get("Ready")
            return record if stalled and stalled.status and stalled.reason == reason == ready.reason else None

        return self.eventually(key, probe, f"Stalled {reason}", seconds)

    def copy_that_runs(self, key: str, namespace: str, number: int = 1) -> Json:
        """Wait until the given copy (1 is the first) of an environment in a namespace has a pod that runs."""

        def probe() -> Json | None:
            copies = self.lab.copies(key, namespace)
            return copies[number - 1] if len(copies) >= number and self.lab.running_pod(copies[number - 1]) else None

        return self.eventually(key, probe, f"copy {number} to run in {namespace}")

    def bridge_of(self, key: str, run: str) -> Json:
        """Wait for the bridge pod of a run's lifecycle step, running."""
        found = lambda: [pod for pod in self.lab.pods_of_run(run) if is_bridge(pod)]  # noqa: E731
        return self.eventually(key, found, f"the bridge of {run} to run")[-1]


def is_bridge(pod: Json) -> bool:
    """Whether a pod is that of a lifecycle step, and runs."""
    node = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
    return ".lifecycle(" in node and pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]


def message(record: Record, type_: str = "Ready") -> str:
    """The message of a record's condition."""
    found = condition(record, type_)
    return found.message if found else ""
