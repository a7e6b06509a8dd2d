"""The contract between the stand-in and the real kubelet and Argo: scenarios, and what the product reads of them.

Each scenario gets a lab and a new namespace, and returns what was seen, without names, times and anything that chance
decides. `recorded/` of tests/standin has what real pods said: TENANTCTL_RECORD=1 with `tests/e2e/test_contract.py`.
"""

import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import JOBS, PODS, WORKFLOWS, Resource
from reconciler.adapters.kube.store import Store
from tests.e2e.lab import JOB_NAME, Lab
from tests.e2e.waiting import eventually

Json = dict[str, Any]
RECORDED = Path(__file__).parents[1] / "standin" / "recorded"
ORDINARY = ("", "ContainerCreating", "PodInitializing")
ENDS = ("Succeeded", "Failed", "Error")
GONE = "gone"
OWN = ("init", "wait")  # containers of Argo's own, which the stand-in leaves out
NUMBERS = re.compile(r"\d{5,}")


class Diary:
    """Follows all pods, Jobs and Workflows of a namespace, and keeps what each of them said, without repetitions."""

    def __init__(self, lab: Lab, namespace: str) -> None:
        self._lab, self._namespace = lab, namespace
        self._pages: dict[str, dict[str, list[Any]]] = {}
        self._reflectors = [
            Reflector(lab.kube, resource, Store(lambda raw: raw, lambda raw: None, self._taker(resource)), namespace)
            for resource in READ
        ]

    def __enter__(self) -> "Diary":
        for reflector in self._reflectors:
            reflector.sync()
            threading.Thread(target=reflector.run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for reflector in self._reflectors:
            reflector.stop()

    def _taker(self, resource: Resource) -> Callable[[Json | None, Json | None], None]:
        def take(before: Json | None, after: Json | None) -> None:
            raw = after or before or {}
            page = self._pages.setdefault(resource.plural, {}).setdefault(raw["metadata"]["uid"], [_title(raw)])
            seen = READ[resource](after) if after else GONE
            if seen != page[-1]:
                page.append(seen)

        return take

    def read(self, *resources: Resource) -> Json:
        """What each object of these kinds said until now, by what sort of object it is."""
        return {resource.plural: self._read(resource) for resource in resources}

    def _read(self, resource: Resource) -> Json:
        eventually(lambda: self._current(resource), f"the diary to have the last of all {resource.plural}", 60)
        pages = sorted(self._pages.get(resource.plural, {}).values(), key=lambda page: str(page[0]))
        return {f"{page[0]} {number}": page[1:] for number, page in enumerate(pages)}

    def _current(self, resource: Resource) -> bool:
        """Whether the last line of every page is what is true now."""
        live = {raw["metadata"]["uid"]: READ[resource](raw) for raw in self._lab.kube.list(resource, self._namespace)}
        pages = dict(self._pages.get(resource.plural, {}))
        return live.keys() <= pages.keys() and all(page[-1] == live.get(uid, GONE) for uid, page in pages.items())


def _title(raw: Json) -> str:
    notes = raw["metadata"].get("annotations") or {}
    node = notes.get("workflows.argoproj.io/node-name", "")
    return node.partition(".")[2] or ("job" if JOB_NAME in (raw["metadata"].get("labels") or {}) else "own")


def _pod(raw: Json) -> Json:
    """The fields of a pod that the product reads."""
    status = raw.get("status") or {}
    mains = [item for item in status.get("containerStatuses") or () if item["name"] not in OWN]
    return {
        "phase": status.get("phase"),
        "containers": [seen for item in mains if (seen := _container(item))],
        "deleting": "deletionTimestamp" in raw["metadata"],
        "reason": status.get("reason", ""),
    }


def _container(item: Json) -> Json:
    """Its state; waiting for what every container waits for is as good as nothing."""
    ((kind, state),) = (item.get("state") or {"waiting": {}}).items()
    if kind == "waiting" and state.get("reason", "") in ORDINARY:
        return {}
    kept = {name: state[name] for name in ("reason", "exitCode", "message") if name in state}
    return {"state": kind, **kept, "restarts": item["restartCount"]}


def _job(raw: Json) -> Json:
    status = raw.get("status") or {}
    true = [item for item in status.get("conditions") or () if item["status"] == "True"]
    conditions = {item["type"]: item.get("reason", "") for item in true}
    return {
        "suspended": bool(raw["spec"].get("suspend")),
        "conditions": dict(sorted(conditions.items())),
        "succeeded": status.get("succeeded", 0),
        "failed": status.get("failed", 0),
    }


def _workflow(raw: Json) -> Json:
    status, labels = raw.get("status") or {}, raw["metadata"].get("labels") or {}
    return {
        "phase": status.get("phase", ""),
        "message": plain(raw, status.get("message", "")),
        "started": bool(status.get("startedAt")),
        "finished": bool(status.get("finishedAt")),
        "labels": {name: labels.get(f"workflows.argoproj.io/{name}") for name in ("phase", "completed")},
        "lock": sorted((status.get("synchronization") or {}).get("mutex") or {}),
    }


READ: dict[Resource, Callable[[Json], Json]] = {PODS: _pod, JOBS: _job, WORKFLOWS: _workflow}


def nodes(raw: Json) -> list[Json]:
    """The nodes of a Workflow, as people and tests read them."""
    status = raw.get("status") or {}
    table = status.get("nodes") or {}
    return sorted((_node(raw, table, node) for node in table.values()), key=lambda node: str(node["name"]))


def _node(raw: Json, table: Json, node: Json) -> Json:
    outputs = node.get("outputs") or {}
    return {
        "name": plain(raw, node["name"]),
        "displayName": plain(raw, node["displayName"]),
        "type": node["type"],
        "template": node.get("templateName", ""),
        "phase": node["phase"],
        "message": plain(raw, node.get("message", "")),
        "children": sorted(plain(raw, table[child]["name"]) for child in node.get("children") or ()),
        "exitCode": outputs.get("exitCode"),
        "parameters": {item["name"]: item.get("value") for item in outputs.get("parameters") or ()},
        "times": [bool(node.get("startedAt")), bool(node.get("finishedAt"))],
    }


def plain(raw: Json, text: str) -> str:
    """Without the names that chance gives."""
    named = text.replace(raw["metadata"]["name"], "RUN").replace(raw["metadata"]["namespace"], "NAMESPACE")
    return NUMBERS.sub("NUMBER", named)


def compare(name: str, found: Json) -> None:
    """What was seen is what real pods said."""
    assert found == json.loads((RECORDED / f"{name}.json").read_text())


def compare_ends(name: str, found: Json) -> None:
    """The same, of how everything ended: what lies between is told or left out by how busy a real node is."""
    recorded = json.loads((RECORDED / f"{name}.json").read_text())
    assert _ends(found) == _ends(recorded)


def _ends(seen: Json) -> Json:
    return {
        kind: what if isinstance(what, list) else {title: page[-1] for title, page in what.items()}
        for kind, what in seen.items()
    }


def record(name: str, found: Json) -> None:
    """Keep what real pods said, when that is asked for."""
    if os.environ.get("TENANTCTL_RECORD"):
        RECORDED.mkdir(exist_ok=True)
        (RECORDED / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
