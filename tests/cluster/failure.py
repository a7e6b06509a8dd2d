"""The one error that the local clusters raise on purpose: what failed, where its log is, what to do."""

from __future__ import annotations

from pathlib import Path

TAIL = 12


class ClusterError(Exception):
    """A step of a local cluster failed; `str()` names the step, the log's last lines and the remedy."""

    def __init__(self, what: str, *, remedy: str, log: Path | None = None) -> None:
        self.what, self.remedy, self.log = what, remedy, log
        super().__init__("\n".join([what, *_excerpt(log), f"What to do: {remedy}"]))


def _excerpt(log: Path | None) -> list[str]:
    if log is None:
        return []
    lines = log.read_text(errors="replace").splitlines()[-TAIL:] if log.exists() else []
    return [*(f"  | {line[:300]}" for line in lines), f"Log: {log}"]
