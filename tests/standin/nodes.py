"""Nodes: what a Workflow's status says of every step, by Argo's names (`workflow/controller/operator.go`)."""

from __future__ import annotations

import re
from typing import Any

from .podstatus import now

Json = dict[str, Any]
FULFILLED = frozenset({"Succeeded", "Skipped", "Failed", "Error", "Omitted"})
BAD = frozenset({"Failed", "Error"})
SEPARATOR = re.compile(r"^(\[\d+\])?\.")
POD_NAME_MAX = 253 - 10


def fnv(text: str) -> int:
    """FNV-1a of 32 bits."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


def fulfilled(node: Json | None) -> bool:
    """Whether it has ended."""
    return node is not None and node["phase"] in FULFILLED


class Nodes:
    """The nodes of one Workflow, in place."""

    def __init__(self, workflow: str, table: dict[str, Json]) -> None:
        self.workflow, self.table = workflow, table

    def id_of(self, name: str) -> str:
        """As Argo numbers them."""
        return name if name == self.workflow else f"{self.workflow}-{fnv(name)}"

    def pod_name(self, name: str, template: str) -> str:
        """As Argo names pods since its version 3.4."""
        if name == self.workflow:
            return name
        return f"{f'{self.workflow}-{template}'[:POD_NAME_MAX]}-{fnv(name)}"

    def find(self, name: str) -> Json | None:
        """A node by its name."""
        return self.table.get(self.id_of(name))

    def get(self, name: str) -> Json:
        """One that exists."""
        return self.table[self.id_of(name)]

    def children(self, node: Json) -> list[Json]:
        """The nodes that follow it."""
        return [self.table[child] for child in node.get("children") or ()]

    def make(self, name: str, kind: str, phase: str, template: str, boundary: str, **more: Any) -> Json:
        """A new node."""
        made: Json = {
            "id": self.id_of(name),
            "name": name,
            "displayName": self._display(name, boundary),
            "type": kind,
            "phase": phase,
            "startedAt": now(),
            "finishedAt": now() if phase in FULFILLED else None,
        }
        made |= {"templateName": template} if template else {}
        made |= {"boundaryID": boundary} if boundary else {}
        made |= {key: value for key, value in more.items() if value}
        self.table[self.id_of(name)] = made
        return made

    def _display(self, name: str, boundary: str) -> str:
        outer = self.table.get(boundary)
        return SEPARATOR.sub("", name.removeprefix(outer["name"])) if outer else name

    def mark(self, node: Json, phase: str, message: str = "") -> Json:
        """Give it a phase; a message that was given stays unless there is another one."""
        node["phase"] = phase
        if message:
            node["message"] = message
        if phase in FULFILLED and not node.get("finishedAt"):
            node["finishedAt"] = now()
        return node

    def connect(self, parent: Json, child: str) -> None:
        """Note that a node follows another one."""
        followers = parent.setdefault("children", [])
        if self.id_of(child) not in followers:
            followers.append(self.id_of(child))

    def ends(self, node: Json) -> list[Json]:
        """The last nodes of a node, which the next step group follows."""
        if node["type"] in ("Pod", "Skipped", "Suspend"):
            return [node]
        if node["type"] == "Retry":
            return self.children(node)[-1:]
        return [end for other in node.get("outboundNodes") or () for end in self.ends(self.table[other])]
