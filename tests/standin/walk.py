"""The walk over a Workflow's templates: what has ended stays, what can begin begins. After Argo's `operator.go`.

It changes nodes and lists the pods that are wanted; `workflows` makes them and writes the status.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .expressions import evaluate
from .nodes import BAD, Nodes, fulfilled
from .retries import Retries
from .substitution import substituted

Json = dict[str, Any]
Scope = dict[str, Any]


@dataclass
class Wanted:
    """A pod that a node wants."""

    node: Json
    template: Json


class WalkError(Exception):
    """The template makes no sense; the run ends as Error."""


@dataclass
class Walk:
    """One walk. `room` is for how many more pods `parallelism` has room, `wake` in how many seconds to walk again."""

    spec: Json
    nodes: Nodes
    globals: Mapping[str, Any]
    shutdown: str
    room: int
    wanted: list[Wanted] = field(default_factory=list)
    wake: list[float] = field(default_factory=list)

    def template(self, name: str) -> Json:
        """A template by its name."""
        found: Json | None = next((item for item in self.spec["templates"] if item["name"] == name), None)
        if found is None:
            raise WalkError(f"template {name} not found")
        return found

    def execute(self, name: str, template: str, arguments: Json, boundary: str) -> Json | None:
        """Bring a node further; None when it may not begin yet."""
        node = self.nodes.find(name)
        if fulfilled(node):
            return node
        shipped = self.template(template)
        scope = {**self.globals, **self._inputs(shipped, arguments), "node.name": name}
        processed = substituted(shipped, scope)
        if "retryStrategy" in processed:
            return self._retried(name, processed, boundary, scope)
        return self._once(name, processed, boundary, scope)

    def _inputs(self, template: Json, arguments: Json) -> Scope:
        given = {item["name"]: item["value"] for item in arguments.get("parameters") or ()}
        scope = {}
        for parameter in (template.get("inputs") or {}).get("parameters") or ():
            value = given.get(parameter["name"], parameter.get("value"))
            if value is None:
                raise WalkError(f"inputs.parameters.{parameter['name']} was not supplied")
            scope[f"inputs.parameters.{parameter['name']}"] = substituted(value, self.globals)
        return scope

    # -- one node --------------------------------------------------------------------------------------------------

    def _retried(self, name: str, template: Json, boundary: str, scope: Scope) -> Json | None:
        node = self.nodes.find(name)
        if node is None and self.room <= 0 and "container" in template:
            return None
        node = node or self.nodes.make(
            name, "Retry", "Running", template["name"], boundary, inputs=_given(template, scope)
        )
        retries = Retries(self.nodes, node, template["retryStrategy"], self.shutdown)
        if not retries.proceed():
            self.wake.append(retries.seconds)
            return node
        if fulfilled(node):
            return node
        last = retries.last
        child = last["name"] if last and not fulfilled(last) else f"{name}({len(retries.children)})"
        number = len(retries.children) - (1 if last and not fulfilled(last) else 0)
        self.nodes.connect(node, child)
        again = substituted(template, {"retries": number})
        ended = self._once(child, again, boundary, scope, nodeFlag={"retried": True})
        if ended is None:
            node["children"].remove(self.nodes.id_of(child))
        elif fulfilled(ended):
            return self._retried(name, template, boundary, scope)
        return node

    def _once(self, name: str, template: Json, boundary: str, scope: Scope, **more: Any) -> Json | None:
        if "steps" in template:
            return self._steps(name, template, boundary, scope)
        node = self.nodes.find(name)
        if "suspend" in template:
            return node or self.nodes.make(name, "Suspend", "Running", template["name"], boundary)
        if "container" not in template:
            raise WalkError(f"template {template['name']} is of no kind that the stand-in knows")
        if node is None and self.room <= 0:
            return None
        given = _given(template, scope)
        node = node or self._new_pod(name, template["name"], boundary, inputs=given, **more)
        if self.shutdown and node["phase"] == "Pending" and not node.get("hostNodeName"):
            return self.nodes.mark(node, "Failed", f"workflow shutdown with strategy: {self.shutdown}")
        self.wanted.append(Wanted(node, template))
        return node

    def _new_pod(self, name: str, template: str, boundary: str, **more: Any) -> Json:
        self.room -= 1
        return self.nodes.make(name, "Pod", "Pending", template, boundary, **more)

    # -- steps -----------------------------------------------------------------------------------------------------

    def _steps(self, name: str, template: Json, boundary: str, scope: Scope) -> Json:
        given = _given(template, scope)
        node = self.nodes.find(name) or self.nodes.make(
            name, "Steps", "Running", template["name"], boundary, inputs=given
        )
        for number, steps in enumerate(template["steps"]):
            group = self._group_node(node, number)
            group = self._group(group, steps, node["id"], scope)
            if not fulfilled(group):
                return node
            if group["phase"] in BAD:
                self._outbound(node, group)
                return self.nodes.mark(node, "Failed", group.get("message", ""))
            self._outputs_of(group, steps, scope)
        self._outbound(node, group)
        outputs = (template.get("outputs") or {}).get("parameters") or ()
        made = [item | {"value": _text(evaluate(item["valueFrom"]["expression"], scope))} for item in outputs]
        if made:
            node["outputs"] = {"parameters": made}
        return self.nodes.mark(node, "Succeeded")

    def _group_node(self, node: Json, number: int) -> Json:
        name = f"{node['name']}[{number}]"
        group = self.nodes.find(name) or self.nodes.make(name, "StepGroup", "Running", "", node["id"], nodeFlag={})
        if number == 0:
            self.nodes.connect(node, name)
            return group
        before = self.nodes.get(f"{node['name']}[{number - 1}]")
        ends = [end for child in self._members(before, node["id"]) for end in self.nodes.ends(child)]
        for end in ends or [before]:
            self.nodes.connect(end, name)
        return group

    def _members(self, group: Json, boundary: str) -> list[Json]:
        children = self.nodes.children(group)
        return [child for child in children if child["name"].startswith(f"{group['name']}.")]

    def _group(self, group: Json, steps: list[Json], boundary: str, scope: Scope) -> Json:
        if fulfilled(group):
            return group
        for step in self._expanded(steps, scope):
            name = f"{group['name']}.{step['name']}"
            when = step.get("when")
            if when not in (None, "true", "false"):
                raise WalkError(f"when: {when!r} is no expression that the stand-in knows")
            if when == "false":
                if self.nodes.find(name) is None:
                    text = f"when '{when}' evaluated false"
                    self.nodes.make(name, "Skipped", "Skipped", step["template"], boundary, message=text, nodeFlag={})
                self.nodes.connect(group, name)
                continue
            child = self.execute(name, step["template"], step.get("arguments") or {}, boundary)
            if child is not None:
                self.nodes.connect(group, name)
            else:
                self.wake.append(float("inf"))
        return self._assessed(group)

    def _assessed(self, group: Json) -> Json:
        members = self.nodes.children(group)
        if not all(map(fulfilled, members)) or self._deferred:
            return group
        for child in members:
            if child["phase"] in BAD:
                return self.nodes.mark(group, "Failed", f"child '{child['id']}' failed")
        return self.nodes.mark(group, "Succeeded")

    @property
    def _deferred(self) -> bool:
        """Whether something of this walk waits for others to end."""
        return float("inf") in self.wake

    def _expanded(self, steps: list[Json], scope: Scope) -> list[Json]:
        found = []
        for step in steps:
            resolved = substituted(step, scope)
            if "withParam" not in resolved:
                found.append(resolved)
                continue
            for number, item in enumerate(json.loads(resolved["withParam"])):
                one = substituted({key: value for key, value in resolved.items() if key != "withParam"}, {"item": item})
                found.append(one | {"name": f"{step['name']}({number}:{item})"})
        return found

    def _outputs_of(self, group: Json, steps: list[Json], scope: Scope) -> None:
        for step in steps:
            child = self.nodes.find(f"{group['name']}.{step['name']}")
            for parameter in ((child or {}).get("outputs") or {}).get("parameters") or ():
                scope[f"steps.{step['name']}.outputs.parameters.{parameter['name']}"] = parameter["value"]

    def _outbound(self, node: Json, group: Json) -> None:
        ends = [end["id"] for child in self.nodes.children(group) for end in self.nodes.ends(child)]
        if ends:
            node["outboundNodes"] = ends


def _given(template: Json, scope: Scope) -> Json:
    names = [item["name"] for item in (template.get("inputs") or {}).get("parameters") or ()]
    return {"parameters": [{"name": n, "value": scope[f"inputs.parameters.{n}"]} for n in names]} if names else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
