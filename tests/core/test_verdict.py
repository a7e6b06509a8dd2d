"""Verdicts: from conditions and pods to success, or to a failure that says why."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.job_copy import Copy
from reconciler.core.names import Key
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.step import Kind, Step
from reconciler.core.verdict import Verdict, failed, load_verdict, stalled, verdict

COPY = Copy(
    "billing", "copy", "uid", Key("acme", "production"), "run-1", Step(Kind.JOB, "upsert", ("billing", "lifecycle")),
    suspended=False, active=0, complete=False, failed=False, stopped=False, hash="h", owner="o", digest="d", epoch=7,
)  # fmt: skip
COMPLETE = replace(COPY, complete=True)
FAILED = replace(
    COPY, failed=True, reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit"
)
LATE = replace(COPY, failed=True, reason="DeadlineExceeded", deadline=60)


SLOW = "not finished after 60 s (activeDeadlineSeconds)"


def end(
    code: int, said: Any = "", reason: str = "", at: int = 1, name: str = "p", container: str = "main"
) -> dict[str, Any]:
    """A pod whose one container ended."""
    message = said if isinstance(said, str) else json.dumps(said)
    state = {"exitCode": code, "message": message, "reason": reason, "finishedAt": f"2026-01-01T00:00:{at:02}Z"}
    return {
        "metadata": {"name": name},
        "status": {"containerStatuses": [{"name": container, "state": {"terminated": state}}]},
    }


def with_init(pod: dict[str, Any], code: int, said: Any) -> dict[str, Any]:
    init = end(code, said, container="init")["status"]["containerStatuses"]
    return pod | {"status": pod["status"] | {"initContainerStatuses": init}}


@pytest.mark.parametrize(
    ("pods", "message", "outputs"),
    [
        ([end(0)], "", {}),
        ([end(0, "all well")], "all well", {}),
        ([end(0, {"outputs": {"a": 1}, "message": "m"})], "m", {"a": 1}),
        ([end(1, {"outputs": {"a": 1}}), end(0, {"outputs": {"b": 2}}, at=2, name="q")], "", {"b": 2}),
        ([with_init(end(0), 0, {"outputs": {"a": 1}})], "", {}),
        ([], "", {}),
    ],
    ids=["silent", "text", "contract", "second-try", "init-container-says-nothing", "pods-are-gone"],
)
def test_success(pods: list[dict[str, Any]], message: str, outputs: dict[str, Any]) -> None:
    assert verdict(COMPLETE, pods) == Verdict(Result.SUCCEEDED, message=message, outputs=outputs)


def test_outputs_of_several_containers_are_merged_and_limited_together() -> None:
    one, two = end(0, {"outputs": {"a": "x" * 1500}}), end(0, {"outputs": {"b": "x" * 1500}})
    both = {
        "metadata": {"name": "p"},
        "status": {"containerStatuses": [*one["status"]["containerStatuses"], *two["status"]["containerStatuses"]]},
    }
    assert verdict(COMPLETE, [both]).reason == "OutputsRefused"


def test_outputs_that_cannot_be_kept_fail_the_step() -> None:
    found = verdict(COMPLETE, [end(0, {"outputs": {"a": "x" * 3000}})])
    assert (found.result, found.failure, found.reason) == (Result.FAILED, FailureClass.NEEDS_HUMAN, "OutputsRefused")
    assert "at most 2048" in found.message


@pytest.mark.parametrize(
    ("copy", "pods", "obstacles", "reason", "message"),
    [
        (FAILED, [end(3)], [], "BackoffLimitExceeded", "container main of pod p: exit code 3"),
        (FAILED, [end(3, reason="Error")], [], "BackoffLimitExceeded", "container main of pod p: exit code 3"),
        (FAILED, [end(137, reason="OOMKilled")], [], "OOMKilled", "container main of pod p: exit code 137 (OOMKilled)"),
        (FAILED, [end(3, "boom")], [], "BackoffLimitExceeded", "boom"),
        (FAILED, [end(3, "old"), end(4, "new", at=2, name="q")], [], "BackoffLimitExceeded", "new"),
        (FAILED, [with_init(end(0), 5, "init broke")], [], "BackoffLimitExceeded", "init broke"),
        (FAILED, [], [], "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
        (FAILED, [], ["pod p: Evicted: x"], "BackoffLimitExceeded", "pod p: Evicted: x"),
        (LATE, [], [], "DeadlineExceeded", SLOW),
        (LATE, [], ["pod p: ImagePullBackOff"], "DeadlineExceeded", SLOW + ": pod p: ImagePullBackOff"),
        (LATE, [end(143, "waited for the database")], [], "DeadlineExceeded", SLOW + ": waited for the database"),
    ],
)  # fmt: skip
def test_failures_say_why(copy: Copy, pods: list[Any], obstacles: list[str], reason: str, message: str) -> None:
    found = verdict(copy, pods, obstacles)
    assert (found.result, found.failure, found.reason, found.message) == (Result.FAILED, None, reason, message)


def test_the_contract_of_a_failure() -> None:
    found = verdict(FAILED, [end(3, {"class": "transient", "message": "db is away", "retryAfter": 30})])
    assert found == Verdict(Result.FAILED, FailureClass.TRANSIENT, "BackoffLimitExceeded", "db is away", 30)


def test_a_failure_is_not_believed_to_have_outputs() -> None:
    assert verdict(FAILED, [end(3, {"message": "m", "outputs": {"a": 1}})]).outputs == {}


@pytest.mark.parametrize(
    ("pods", "failure"),
    [
        ([end(3, {"class": "user", "message": "m"})], FailureClass.USER),
        ([end(3, {"class": "needs-human"})], FailureClass.NEEDS_HUMAN),
        ([with_init(end(0), 3, {"class": "user"})], FailureClass.USER),
        ([end(3, {"class": "transient"})], None),
        ([end(3, "user")], None),
        ([end(0, {"class": "user"})], None),
        ([], None),
    ],
)
def test_when_repeating_is_pointless(pods: list[Any], failure: FailureClass | None) -> None:
    found = stalled(pods)
    assert (found.failure if found else None) is failure


def test_a_stopped_copy_says_what_it_was_stopped_for() -> None:
    why = failed(FailureClass.USER, "JobFailed", "no such locale")
    assert verdict(replace(COPY, stopped=True, verdict=why.dump()), []) == why


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"class": "odd", "reason": "r", "message": "m"}'])
def test_a_copy_stopped_from_outside_was_stopped_by_a_person(text: str) -> None:
    assert load_verdict(text) == failed(FailureClass.NEEDS_HUMAN, "Stopped", "the run was stopped")


def test_the_outcome_is_about_what_the_copy_was_made_from() -> None:
    outcome = Verdict(Result.SUCCEEDED, outputs={"a": 1}).outcome(COPY, "2026-01-01T00:00:00Z")
    assert (outcome.step, outcome.digest, outcome.epoch, outcome.hash, outcome.run) == (COPY.step, "d", 7, "h", "run-1")
    assert (outcome.owner, outcome.at, outcome.outputs) == ("o", "2026-01-01T00:00:00Z", {"a": 1})
    assert outcome.done("d", "h", 7)
