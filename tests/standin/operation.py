"""One operation on a Workflow: from its status and its pods to its next status, after Argo's `operator.go`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from .expressions import evaluate
from .locks import Locks
from .nodes import Nodes, fulfilled
from .podstatus import now
from .steppods import NODE_ID, assess
from .substitution import substituted
from .walk import Walk, WalkError, Wanted

Json = dict[str, Any]
COMPLETED, PHASE = "workflows.argoproj.io/completed", "workflows.argoproj.io/phase"
ENDS = frozenset({"Succeeded", "Failed", "Error"})
READ = Callable[[Json, str], str | None]


class Operation:
    """`status` and `labels` are what is to be written; `wanted`, `ended` and `wake` what is to be done besides."""

    def __init__(self, workflow: Json, pods: Mapping[str, Json], read: READ) -> None:
        self.workflow, self._pods, self._read = workflow, pods, read
        self.metadata = workflow["metadata"]
        self.status: Json = copy.deepcopy(workflow.get("status") or {})
        self.labels = dict(self.metadata.get("labels") or {})
        self.wanted: list[Wanted] = []
        self.ended: list[Json] = []
        self.wake: list[float] = []
        self.shutdown = workflow["spec"].get("shutdown", "")
        self.spec: Json = {}
        self.nodes = Nodes(self.metadata["name"], self.status.setdefault("nodes", {}))

    @property
    def over(self) -> bool:
        """Whether the Workflow is completed."""
        return self.status.get("phase") in ENDS

    def run(self, template: Callable[[str], Json], locks: Locks) -> None:
        """Operate."""
        try:
            self._run(template, locks)
        except (WalkError, ValueError, KeyError) as error:
            self._mark("Error", str(error))

    def _run(self, template: Callable[[str], Json], locks: Locks) -> None:
        self._resolve(template)
        scope = self._scope()
        fresh = not self.status.get("phase")
        if fresh:
            self._label(scope)
        if not self._locked(locks, scope):
            return
        if fresh or self.status["phase"] == "Pending":
            self._mark("Running", "")
        self._reconcile(scope)
        if self.workflow["spec"].get("suspend"):
            return
        self._walk(scope)
        self.status["progress"] = self._progress()

    # -- what is to run --------------------------------------------------------------------------------------------

    def _resolve(self, template: Callable[[str], Json]) -> None:
        """The template's spec with the Workflow's own over it, stored as it was when the run began."""
        own = self.workflow["spec"]
        if "workflowTemplateRef" not in own:
            self.spec = own
            return
        stored = self.status.get("storedWorkflowTemplateSpec")
        if stored is None:
            stored = _merged(template(own["workflowTemplateRef"]["name"]), own)
        self.status["storedWorkflowTemplateSpec"] = stored | {k: own[k] for k in ("shutdown", "suspend") if k in own}
        self.spec = self.status["storedWorkflowTemplateSpec"]

    def _scope(self) -> Json:
        scope = {"workflow.name": self.metadata["name"], "workflow.namespace": self.metadata["namespace"]}
        scope["workflow.uid"] = self.metadata["uid"]
        for item in (self.spec.get("arguments") or {}).get("parameters") or ():
            if "value" not in item:
                raise WalkError(f"invalid spec: spec.arguments.{item['name']}.value is required")
            scope[f"workflow.parameters.{item['name']}"] = item["value"]
        return scope

    def _label(self, scope: Json) -> None:
        given = self.spec.get("workflowMetadata") or {}
        self.labels |= given.get("labels") or {}
        self.labels |= {
            name: evaluate(each["expression"], scope) for name, each in (given.get("labelsFrom") or {}).items()
        }

    def _locked(self, locks: Locks, scope: Json) -> bool:
        """Whether the Workflow holds its mutexes, or needs none."""
        wanted = substituted((self.spec.get("synchronization") or {}).get("mutexes") or [], scope)
        if not wanted:
            return True
        self.status["synchronization"], waits = locks.acquire(self.workflow, wanted)
        if not waits:
            return True
        if self.shutdown == "Terminate" and self.status.get("phase") == "Pending":
            self._mark("Succeeded", "")
        else:
            self._mark(self.status.get("phase") or "Pending", waits)
        return False

    # -- what runs -------------------------------------------------------------------------------------------------

    def _reconcile(self, scope: Json) -> None:
        """Bring nodes up to their pods; a pod that is missing was deleted."""
        for node in list(self.nodes.table.values()):
            if fulfilled(node):
                continue
            if node["type"] == "Suspend" and self.shutdown:
                self.nodes.mark(node, "Failed", f"Stopped with strategy '{self.shutdown}'")
            if node["type"] == "Pod":
                self._follow(node, self._pods.get(node["id"]), scope)

    def _follow(self, node: Json, pod: Json | None, scope: Json) -> None:
        if pod is None:
            if node["phase"] != "Pending":
                self.nodes.mark(node, "Error", "pod deleted")
            return
        template = next(item for item in self.spec["templates"] if item["name"] == node["templateName"])
        assess(node, pod, template, lambda path: self._read(pod, path))
        if self.shutdown and not fulfilled(node):
            self.ended.append(pod)
            self.nodes.mark(node, "Failed", f"workflow shutdown with strategy:  {self.shutdown}")

    def _walk(self, scope: Json) -> None:
        active = sum(node["type"] == "Pod" and not fulfilled(node) for node in self.nodes.table.values())
        room = int(self.spec.get("parallelism") or 10_000) - active
        walk = Walk(self.spec, self.nodes, scope, self.shutdown, room)
        entry = walk.execute(self.metadata["name"], self.spec["entrypoint"], self.spec.get("arguments") or {}, "")
        self.wanted = [each for each in walk.wanted if each.node["id"] not in self._pods]
        self.wake = [seconds for seconds in walk.wake if seconds != float("inf")]
        if fulfilled(entry):
            self._conclude(entry or {})

    def _conclude(self, entry: Json) -> None:
        phase = "Succeeded" if entry["phase"] in ("Skipped", "Omitted") else entry["phase"]
        stopped = self.shutdown and phase in ("Failed", "Error")
        self._mark(phase, f"Stopped with strategy '{self.shutdown}'" if stopped else entry.get("message", ""))

    def _mark(self, phase: str, message: str) -> None:
        self.status["phase"] = self.labels[PHASE] = phase
        self.labels.setdefault(COMPLETED, "false")
        self.status.pop("message", None)
        self.status |= {"message": message} if message else {}
        if phase != "Pending" and not self.status.get("startedAt"):
            self.status["startedAt"] = now()
        if phase in ENDS:
            self.status["finishedAt"] = now()
            self.labels[COMPLETED] = "true"
            self.status.pop("synchronization", None)

    def _progress(self) -> str:
        pods = [node for node in self.nodes.table.values() if node["type"] == "Pod"]
        return f"{sum(map(fulfilled, pods))}/{len(pods)}"


def by_node(pods: Mapping[str, Json]) -> dict[str, Json]:
    """Pods by the nodes that they are of."""
    return {pod["metadata"]["annotations"][NODE_ID]: pod for pod in pods.values()}


def _merged(template: Json, own: Json) -> Json:
    """The arguments of the Workflow over those of the template, and its own fields."""
    spec = copy.deepcopy(template)
    given = {item["name"]: item for item in (own.get("arguments") or {}).get("parameters") or ()}
    known = (spec.get("arguments") or {}).get("parameters") or []
    merged = [item | given.pop(item["name"], {}) for item in known] + list(given.values())
    return spec | {k: v for k, v in own.items() if k != "workflowTemplateRef"} | {"arguments": {"parameters": merged}}
