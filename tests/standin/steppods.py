"""Pods of steps: how one is made from its template, and what its node is by what the pod does.

Without Argo's own containers `init` and `wait`: what the second one reports, the stand-in reads from the pod's volumes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from .nodes import Nodes

Json = dict[str, Any]
MAIN = "main"
WORKFLOW, COMPLETED = "workflows.argoproj.io/workflow", "workflows.argoproj.io/completed"
NODE_ID, NODE_NAME = "workflows.argoproj.io/node-id", "workflows.argoproj.io/node-name"
ReadFile = Callable[[str], str | None]


def pod_of(workflow: Json, spec: Json, nodes: Nodes, node: Json, template: Json) -> Json:
    """The pod of a node."""
    metadata, given = workflow["metadata"], template.get("metadata") or {}
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    notes = {"kubectl.kubernetes.io/default-container": MAIN, NODE_ID: node["id"], NODE_NAME: node["name"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": nodes.pod_name(node["name"], template["name"]),
            "namespace": metadata["namespace"],
            "labels": {**(given.get("labels") or {}), WORKFLOW: metadata["name"], COMPLETED: "false"},
            "annotations": {**(given.get("annotations") or {}), **notes},
            "ownerReferences": [owner],
        },
        "spec": _spec(spec, template),
    }


def _spec(spec: Json, template: Json) -> Json:
    main = template["container"] | {"name": MAIN}
    made: Json = {
        "restartPolicy": "Never",
        "containers": [main],
        "volumes": [*(spec.get("volumes") or ()), *(template.get("volumes") or ())],
        "serviceAccountName": template.get("serviceAccountName") or spec.get("serviceAccountName") or "default",
    }
    made |= {"securityContext": spec["securityContext"]} if "securityContext" in spec else {}
    patch = yaml.safe_load(spec.get("podSpecPatch") or "{}")
    return made | {key: value for key, value in patch.items() if key not in ("containers", "initContainers")}


def assess(node: Json, pod: Json, template: Json, read: ReadFile) -> None:
    """Bring a node up to its pod, after `assessNodeStatus`."""
    status = pod.get("status") or {}
    main: Json = next((item for item in status.get("containerStatuses") or () if item["name"] == MAIN), {})
    phase = status.get("phase", "Pending")
    if phase == "Pending":
        _set(node, "Pending", _pending(main))
    elif phase == "Running":
        _set(node, "Running", "")
    end = (main.get("state") or {}).get("terminated")
    if pod["spec"].get("nodeName"):
        node["hostNodeName"] = pod["spec"]["nodeName"]
    if phase not in ("Succeeded", "Failed"):
        return
    if end:
        node["outputs"] = _outputs(template, end, read)
    node["finishedAt"] = (end or {}).get("finishedAt") or node["startedAt"]
    _set(node, *(("Succeeded", "") if phase == "Succeeded" else ("Failed", _failure(status, main, end))))


def _set(node: Json, phase: str, message: str) -> None:
    node["phase"] = phase
    node.pop("message", None)
    if message:
        node["message"] = message


def _pending(main: Json) -> str:
    waiting = (main.get("state") or {}).get("waiting") or {}
    words = [waiting.get("reason", ""), waiting.get("message", "")]
    return ": ".join(filter(None, words))


def _failure(status: Json, main: Json, end: Json | None) -> str:
    if status.get("message"):
        return str(status["message"])
    if not end:
        return "can't find failed message"
    text = f"{MAIN}: {end['reason']} (exit code {end['exitCode']})"
    return f"{text}: {end['message']}" if end.get("message") else text


def _outputs(template: Json, end: Json, read: ReadFile) -> Json:
    outputs: Json = {"exitCode": str(end["exitCode"])}
    parameters = []
    for item in (template.get("outputs") or {}).get("parameters") or ():
        text = read(item["valueFrom"]["path"])
        value = item["valueFrom"].get("default", "") if text is None else text.removesuffix("\n")
        parameters.append(item | {"value": value})
    return outputs | ({"parameters": parameters} if parameters else {})
