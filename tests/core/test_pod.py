"""Pods: lives of containers, ends, obstacles."""

from typing import Any

import pytest

from reconciler.core.pod import Source, ended, is_over, obstacles, running, sources

RUNNING: dict[str, Any] = {"running": {}}
WAITING: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}


def terminated(code: int = 0, reason: str = "", message: str = "", at: str = "2026-01-01T00:00:01Z") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": at}}


def status(name: str, state: dict[str, Any], restarts: int = 0, last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "state": state, "restartCount": restarts, "lastState": last or {}}


def pod(
    *statuses: dict[str, Any], init: tuple[dict[str, Any], ...] = (), name: str = "p", **more: Any
) -> dict[str, Any]:
    spec = {
        "containers": [{"name": s["name"]} for s in statuses],
        "initContainers": [{"name": s["name"]} for s in init],
    }
    found = {"containerStatuses": list(statuses), "initContainerStatuses": list(init), "phase": "Running"} | more
    return {"metadata": {"name": name}, "spec": spec, "status": found}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (pod(status("a", WAITING)), []),
        (pod(status("a", RUNNING)), [Source("p", "a", 0)]),
        (pod(status("a", terminated())), [Source("p", "a", 0)]),
        (pod(status("a", WAITING), init=(status("i", RUNNING),)), [Source("p", "i", 0)]),
        # between two lives: the log without `previous` is the last life's
        (pod(status("a", {"waiting": {"reason": "CrashLoopBackOff"}}, 1, terminated(1))), [Source("p", "a", 1)]),
        # in the second life: the first one's log is asked for as `previous`
        (pod(status("a", RUNNING, 2, terminated(1))), [Source("p", "a", 1, previous=True), Source("p", "a", 2)]),
        (pod(status("a", terminated(128, "StartError"))), []),
        (pod(status("a", terminated(137, "ContainerStatusUnknown"))), []),
        ({"metadata": {"name": "p"}}, []),
    ],
)
def test_sources(item: dict[str, Any], expected: list[Source]) -> None:
    assert sources([item]) == expected


def test_a_life_is_the_same_however_it_is_asked_for() -> None:
    assert Source("p", "a", 1).life == Source("p", "a", 1, previous=True).life


def test_running_lives() -> None:
    assert running([pod(status("a", RUNNING, 2), status("b", terminated()))]) == {("p", "a", 2)}


def test_ends_are_in_order_with_earlier_lives() -> None:
    late, early = terminated(2, at="2026-01-01T00:00:05Z"), terminated(1, at="2026-01-01T00:00:02Z")
    ends = ended([pod(status("a", late, 1, early), name="x"), pod(status("a", terminated(3)), name="y")])
    assert [(end.pod, end.exit_code) for end in ends] == [("y", 3), ("x", 1), ("x", 2)]


def test_an_end_knows_its_policy_and_whether_it_was_an_init_container() -> None:
    item = pod(status("a", terminated()), init=(status("i", terminated(1)),))
    item["spec"]["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError"
    initial, main = ended([item])
    assert (initial.container, initial.initial, initial.policy) == ("i", True, "File")
    assert (main.container, main.initial, main.policy) == ("a", False, "FallbackToLogsOnError")


def test_what_the_kubelet_says_of_a_lost_container_is_not_the_containers_message() -> None:
    (end,) = ended([pod(status("a", terminated(137, "ContainerStatusUnknown", "could not be located")))])
    assert (end.message, end.reason) == ("", "ContainerStatusUnknown")


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError", "CrashLoopBackOff"])
def test_containers_that_do_not_start(reason: str) -> None:
    item = pod(status("a", {"waiting": {"reason": reason, "message": "why\n  not"}}))
    assert obstacles([item]) == [f"pod p: container a: {reason}: why not"]


def test_pods_that_no_node_takes_and_pods_that_were_evicted() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    assert obstacles([pod(conditions=[condition], phase="Pending")]) == ["pod p: Unschedulable: 0/3 nodes"]
    assert obstacles([pod(phase="Failed", reason="Evicted", message="low on memory")]) == [
        "pod p: Evicted: low on memory"
    ]


@pytest.mark.parametrize("item", [pod(status("a", WAITING)), pod(status("a", RUNNING)), pod(phase="Succeeded"), pod()])
def test_no_obstacle(item: dict[str, Any]) -> None:
    assert obstacles([item]) == []


@pytest.mark.parametrize(
    ("phase", "over"),
    [("Pending", False), ("Running", False), ("Unknown", False), ("Succeeded", True), ("Failed", True)],
)
def test_over(phase: str, over: bool) -> None:
    assert is_over(pod(phase=phase)) is over
