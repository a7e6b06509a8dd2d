"""Retries: whether a step is repeated, after `processNodeRetries` of Argo's `operator.go`."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from .expressions import evaluate
from .nodes import BAD, Nodes, fulfilled

Json = dict[str, Any]
UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float:
    """A duration like 2s or 1m."""
    return float(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else float(text)


def since(stamp: str) -> float:
    """Seconds since a time."""
    return time.time() - datetime.fromisoformat(stamp).timestamp()


class Retries:
    """A node of the type Retry and its attempts; `seconds`: how long to wait when it is not to proceed."""

    def __init__(self, nodes: Nodes, node: Json, strategy: Json, shutdown: str) -> None:
        self._nodes, self._node, self._strategy, self._shutdown = nodes, node, strategy, shutdown
        self.children = nodes.children(node)
        self.last: Json | None = self.children[-1] if self.children else None
        self.seconds = 0.0

    def proceed(self) -> bool:
        """Settle the node if its last attempt settles it. False while the next one has to wait."""
        last = self.last
        if last is None or not fulfilled(last):
            return True
        if last["phase"] not in BAD:
            self._mark("Succeeded", "")
        elif self._shutdown:
            self._mark(last["phase"], f"Stopped with strategy '{self._shutdown}'")
        elif self._waits(last):
            return False
        else:
            self._node.pop("message", None)
            self._decide(last)
        return True

    def _waits(self, last: Json) -> bool:
        backoff = self._strategy.get("backoff")
        if not backoff or len(self.children) > int(self._strategy["limit"]):
            return False
        wait = seconds_of(backoff["duration"]) * float(backoff.get("factor", 1)) ** (len(self.children) - 1)
        wait = min(wait, seconds_of(backoff["cap"]) if "cap" in backoff else wait)
        self.seconds = wait - since(last["finishedAt"])
        if self.seconds > 0:
            self._nodes.mark(self._node, "Running", f"Backoff for {_humanized(wait)}")
        return self.seconds > 0

    def _decide(self, last: Json) -> None:
        if len(self.children) > int(self._strategy["limit"]):
            self._mark(last["phase"], "No more retries left")
        elif "expression" in self._strategy and not evaluate(self._strategy["expression"], self._scope(last)):
            self._mark(last["phase"], "retryStrategy.expression evaluated to false")

    def _scope(self, last: Json) -> Json:
        return {
            "retries": str(len(self.children) - 1),
            "lastRetry.exitCode": (last.get("outputs") or {}).get("exitCode", "-1"),
            "lastRetry.status": last["phase"],
            "lastRetry.message": last.get("message", ""),
        }

    def _mark(self, phase: str, message: str) -> None:
        last = self.last or {}
        if "outputs" in last:
            self._node["outputs"] = last["outputs"]
        self._nodes.mark(self._node, phase, message)


def _humanized(seconds: float) -> str:
    """As `argoproj/pkg/humanize` says it."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} second{'s' if whole != 1 else ''}"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} minute{'s' if minutes != 1 else ''} {rest} second{'s' if rest != 1 else ''}"
