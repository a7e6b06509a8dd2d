"""The verdict on a copy: what its Job's conditions and its pods' containers say about success, failure and why.

Raw pods in, a `Verdict` out. A Job that failed tells why in this order: its own termination message, what stopped its
container, why its pod never started, and last what Kubernetes says of the Job.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import plain_json
from reconciler.core.archive import Archive
from reconciler.core.job_copy import Copy
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.pod import Ended, ended
from reconciler.core.termination import MESSAGE_MAX, Termination, read_termination
from reconciler.core.text import cut

Json = dict[str, Any]

DEADLINE = "DeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a step ended."""

    result: Result
    failure: FailureClass | None = None
    reason: str = ""
    message: str = ""
    retry_after: int = 0
    outputs: Mapping[str, Any] = field(default_factory=dict)
    archive: Archive | None = None

    def outcome(self, copy: Copy, at: str) -> Outcome:
        """The outcome that goes into the placement, about what the copy was made from."""
        return Outcome(
            step=copy.step, digest=copy.digest, epoch=copy.epoch, run=copy.run, result=self.result, hash=copy.hash,
            failure=self.failure, reason=self.reason, message=self.message, retry_after=self.retry_after,
            owner=copy.owner, outputs=self.outputs, archive=self.archive, verbs=copy.verbs, at=at,
        )  # fmt: skip

    def dump(self) -> str:
        """The text that is kept on a copy that was stopped because of it."""
        return json.dumps({"class": self.failure, "reason": self.reason, "message": self.message})


def load_verdict(text: str) -> Verdict:
    """Read what `dump` wrote; a stopped copy without it, or with damage, was stopped from outside."""
    try:
        data = plain_json.loads(text)
        return failed(FailureClass(data["class"]), data["reason"], data["message"])
    except (ValueError, KeyError, TypeError):
        return failed(FailureClass.NEEDS_HUMAN, "Stopped", "the run was stopped")


def failed(failure: FailureClass | None, reason: str, message: str, retry_after: int = 0) -> Verdict:
    """A failure."""
    return Verdict(Result.FAILED, failure, reason, cut(message, MESSAGE_MAX), retry_after)


def verdict(copy: Copy, pods: Sequence[Json], obstacles: Sequence[str] = ()) -> Verdict:
    """The verdict on a finished copy. `obstacles`: why its pods did not start, as it was seen last."""
    ends = ended(pods)
    if copy.complete:
        return _succeeded(ends)
    if copy.failed:
        return _failed(copy, ends, obstacles)
    return load_verdict(copy.verdict)


def stalled(pods: Sequence[Json]) -> Verdict | None:
    """A failure of class user or needs-human, though the Job may go on repeating: it is pointless to let it."""
    for end in reversed([end for end in ended(pods) if end.exit_code]):
        said = read_termination(end.message, end.policy)
        if said.failure and said.failure.stalls:
            return failed(said.failure, "JobFailed", said.message or _blame(end))
    return None


def _succeeded(ends: Sequence[Ended]) -> Verdict:
    """The last pod that succeeded counts; containers' outputs are merged in the order in which they ended."""
    good = [end for end in ends if end.exit_code == 0 and not end.initial]
    said = [read_termination(end.message, end.policy) for end in good if end.pod == good[-1].pod]
    refused = next((item.refused for item in said if item.refused), "")
    outputs = {key: value for item in said for key, value in item.outputs.items()}
    together = read_termination(json.dumps({"outputs": outputs})).refused
    if refused or together:
        return failed(FailureClass.NEEDS_HUMAN, "OutputsRefused", f"the Job succeeded, but its {refused or together}")
    message = next((item.message for item in reversed(said) if item.message), "")
    return Verdict(Result.SUCCEEDED, message=message, outputs=outputs)


def _failed(copy: Copy, ends: Sequence[Ended], obstacles: Sequence[str]) -> Verdict:
    bad = [end for end in ends if end.exit_code]
    said = _last_word(bad)
    if copy.reason == DEADLINE:
        why = said.message or "; ".join(obstacles)
        text = f"not finished after {copy.deadline} s (activeDeadlineSeconds)" + (f": {why}" if why else "")
        return failed(said.failure, DEADLINE, text, said.retry_after)
    if not bad:
        return failed(None, copy.reason or "JobFailed", "; ".join(obstacles) or copy.message or "the Job failed")
    return failed(said.failure, _reason(copy, bad[-1]), said.message or _blame(bad[-1]), said.retry_after)


def _last_word(bad: Sequence[Ended]) -> Termination:
    """What the container that failed last said; a sibling that was merely ended with it has often said nothing."""
    said = [read_termination(end.message, end.policy) for end in bad if end.pod == bad[-1].pod]
    spoken: Iterable[Termination] = (item for item in reversed(said) if item.failure or item.message)
    return next(iter(spoken), Termination())


def _reason(copy: Copy, end: Ended) -> str:
    return end.reason if end.reason == "OOMKilled" else copy.reason or "JobFailed"


def _blame(end: Ended) -> str:
    why = f" ({end.reason})" if end.reason not in ("", "Error") else ""
    return f"container {end.container} of pod {end.pod}: exit code {end.exit_code}{why}"
