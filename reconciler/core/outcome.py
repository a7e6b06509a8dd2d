"""Outcomes: what became of a step, written by bridges into the placement and read by `decide`.

An outcome says what it is about (digest, epoch, hash), so whoever launched the run, by hand or by claim, the question
"is this step done?" has one answer (design: *Done*).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.core import plain_json
from reconciler.core.archive import Archive
from reconciler.core.step import Step

REQUIRED = frozenset({"step", "digest", "epoch", "run", "result"})


class Result(StrEnum):
    """How far the step is."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class FailureClass(StrEnum):
    """Who can mend a failure; a Job says it in its termination message, tenantctl for failures of its own."""

    USER = "user"
    TRANSIENT = "transient"
    NEEDS_HUMAN = "needs-human"

    @property
    def stalls(self) -> bool:
        """Whether repeating without a change is pointless."""
        return self is not FailureClass.TRANSIENT


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. `hash` is the lifecycle Job's; `digest` that of what was wanted when it ran.

    `verbs`: all that the lifecycle Job had then, so that a Job that is missing later is missed. `archive`: what a
    migrate-out exported.
    """

    step: Step
    digest: str
    epoch: int
    run: str
    result: Result
    hash: str = ""
    failure: FailureClass | None = None
    reason: str = ""
    message: str = ""
    retry_after: int = 0
    owner: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] | None = None
    at: str = ""
    verbs: tuple[str, ...] = ()
    archive: Archive | None = None

    @property
    def failed(self) -> bool:
        """Whether the step ended, and not well."""
        return self.result is Result.FAILED

    @property
    def complaint(self) -> str:
        """What went wrong, where, and whose it is: `billing/reindex: disk full (owner: team-billing@example.com)`."""
        owner = f" (owner: {self.owner})" if self.owner else ""
        where = "/".join(self.step.target)
        return f"{where}: {self.message or self.reason or 'failed'}{owner}"

    def done(self, digest: str, job_hash: str, epoch: int) -> bool:
        """Whether it proves the step done for this digest, this Job and this epoch."""
        wanted = (Result.SUCCEEDED, digest, job_hash, epoch)
        return (self.result, self.digest, self.hash, self.epoch) == wanted

    def dump(self) -> str:
        """The text that is kept in the placement: compact JSON without empty fields."""
        data = {
            "step": str(self.step), "digest": self.digest, "epoch": self.epoch, "hash": self.hash, "run": self.run,
            "result": self.result.value, "class": self.failure.value if self.failure else "", "reason": self.reason,
            "message": self.message, "retryAfter": self.retry_after, "owner": self.owner,
            "outputs": dict(self.outputs), "entry": self.entry, "at": self.at,
            "verbs": list(self.verbs), "archive": self.archive.dump() if self.archive else None,
        }  # fmt: skip
        said = {name: value for name, value in data.items() if name in REQUIRED or value not in ("", None, {}, [], 0)}
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Outcome":
        """Read what `dump` wrote. Raises ValueError when it is something else."""
        try:
            data = plain_json.loads(text)
            outcome = cls(
                step=Step.parse(data["step"]),
                digest=data["digest"],
                epoch=int(data["epoch"]),
                run=data["run"],
                result=Result(data["result"]),
                hash=data.get("hash", ""),
                failure=FailureClass(data["class"]) if data.get("class") else None,
                reason=data.get("reason", ""),
                message=data.get("message", ""),
                retry_after=int(data.get("retryAfter", 0)),
                owner=data.get("owner", ""),
                outputs=data.get("outputs", {}),
                entry=data.get("entry"),
                at=data.get("at", ""),
                verbs=tuple(map(str, data.get("verbs", ()))),
                archive=Archive.load(data["archive"]) if data.get("archive") is not None else None,
            )
            return plain_json.typed(outcome)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"no outcome: {error!r}") from error
