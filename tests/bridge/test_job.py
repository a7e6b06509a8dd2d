"""A step's whole life: from its copy to its outcome and exit code, taken over at every point, fenced and refused."""

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, WORKFLOWS
from reconciler.bridge import job as bridge_job
from reconciler.bridge.exits import DONE, FAILED, REPEAT, Terminated
from reconciler.bridge.job import run_job
from reconciler.bridge.say import say
from reconciler.core import labels
from reconciler.core.errors import NotAllowed, NotFound, TenantctlError, Unavailable, Unprocessable
from reconciler.core.job_copy import copy_name
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.step import Kind, Step

Json = dict[str, Any]
STEP = Step(Kind.JOB, "upsert", ("billing", "billing-lifecycle"))
NAME = copy_name("billing-lifecycle", "run-1", STEP)


@pytest.fixture(autouse=True)
def no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.fixture
def world() -> Any:
    from reconciler.bridge.world import read_world

    names = {"TENANT": "acme", "ENVIRONMENT": "production", "RUN": "run-1", "NAMESPACE": "workflows"}
    return read_world({f"TENANTCTL_{name}": value for name, value in names.items()})


def pod(code: int = 0, message: str = "", name: str = "pod-1") -> Json:
    end = {"exitCode": code, "message": message, "finishedAt": "2026-01-01T00:00:01Z"}
    status = {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": "main", "state": {"terminated": end}}],
    }
    marks = {"batch.kubernetes.io/job-name": NAME}
    return {
        "metadata": {"namespace": "billing", "name": name, "labels": marks},
        "spec": {"containers": [{"name": "main"}]},
        "status": status,
    }


def controller(kube: Any, *pods: Json, condition: str = "Complete", reason: str = "") -> Callable[[Json], None]:
    """What the Job's controller does once the copy may run."""

    def run(job: Json) -> None:
        for item in pods:
            kube.put(PODS, item)
            kube.logs[item["metadata"]["name"]] = [[b"2026-01-01T00:00:00.1Z hello\n"]]
        if condition:
            status = {"conditions": [{"type": condition, "status": "True", "reason": reason}]}
            kube.update(JOBS, "billing", NAME, {"status": status})

    return run


def result(kube: Any) -> tuple[Result, FailureClass | None, str]:
    outcome: Outcome = kube.outcome()
    return outcome.result, outcome.failure, outcome.reason


def test_success(kube: Any, world: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kube.on_resume = controller(kube, pod(0, '{"outputs": {"url": "x"}, "message": "fine"}'))
    assert run_job(kube, world, STEP) == DONE
    outcome = kube.outcome()
    assert (outcome.result, outcome.message, outcome.outputs) == (Result.SUCCEEDED, "fine", {"url": "x"})
    assert (outcome.digest, outcome.epoch, outcome.run, outcome.owner) == ("digest", 7, "run-1", "team@example.com")
    assert len(outcome.hash) == 64
    assert "hello\n" in capfd.readouterr().out


def test_files_and_the_outcome_running_come_before_the_copy_runs(kube: Any, world: Any) -> None:
    seen = []

    def look(job: Json) -> None:
        seen.append(
            (kube.outcome().result, kube.one(CONFIG_MAPS, "billing", NAME)["metadata"]["ownerReferences"][0]["uid"])
        )
        controller(kube, pod())(job)

    kube.on_resume = look
    run_job(kube, world, STEP)
    assert seen == [(Result.RUNNING, kube.one(JOBS, "billing", NAME)["metadata"]["uid"])]


def test_the_lifecycle_job_is_never_changed(kube: Any, world: Any) -> None:
    before = copy.deepcopy(kube.one(JOBS, "billing", "billing-lifecycle"))
    kube.on_resume = controller(kube, pod())
    run_job(kube, world, STEP)
    assert kube.one(JOBS, "billing", "billing-lifecycle") == before


def test_failure_is_one_and_never_the_code_of_the_job(kube: Any, world: Any) -> None:
    kube.on_resume = controller(kube, pod(75, "boom"), condition="Failed", reason="BackoffLimitExceeded")
    assert run_job(kube, world, STEP) == FAILED
    assert (result(kube), kube.outcome().message) == ((Result.FAILED, None, "BackoffLimitExceeded"), "boom")


@pytest.mark.parametrize("name", ["user", "needs-human"])
def test_a_failure_that_repeating_cannot_mend_stops_the_copy_at_once(kube: Any, world: Any, name: str) -> None:
    kube.on_resume = controller(kube, pod(3, f'{{"class": "{name}", "message": "no such locale"}}'), condition="")
    assert run_job(kube, world, STEP) == FAILED
    stopped = kube.one(JOBS, "billing", NAME)
    assert stopped["spec"]["suspend"] is True
    assert labels.STOPPED in stopped["metadata"]["labels"]
    assert result(kube) == (Result.FAILED, FailureClass(name), "JobFailed")
    kube.objects.pop(("pods", "billing", "pod-1"))  # the next bridge finds no pod any more, and says the same
    kube.patch(
        CONFIG_MAPS,
        "workflows",
        "acme.production",
        [{"op": "add", "path": f"/data/{STEP.data_key}", "value": kube.outcome().dump()}],
    )
    assert run_job(kube, world, STEP) == FAILED
    assert (result(kube), kube.outcome().message) == (
        (Result.FAILED, FailureClass(name), "JobFailed"),
        "no such locale",
    )


CRASHES = [
    ("create", JOBS),
    ("create", CONFIG_MAPS),
    ("patch", CONFIG_MAPS),
    ("merge", JOBS),
]


@pytest.mark.parametrize(("verb", "resource"), CRASHES)
def test_killed_before_any_write_the_next_bridge_takes_over(kube: Any, world: Any, verb: str, resource: Any) -> None:
    kube.on_resume = controller(kube, pod())
    kube.refuse(verb, resource, KeyboardInterrupt())  # what no handler catches: as good as SIGKILL
    with pytest.raises(KeyboardInterrupt):
        run_job(kube, world, STEP)
    assert run_job(kube, world, STEP) == DONE
    assert len(kube.copies()) == 1
    assert kube.outcome().result is Result.SUCCEEDED


def test_killed_while_it_waits_or_before_it_reports(kube: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kube.on_resume = controller(kube, pod(0, '{"outputs": {"a": 1}}'))
    with monkeypatch.context() as patched:
        patched.setattr(bridge_job, "_conclude", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run_job(kube, world, STEP)
    assert kube.outcome().result is Result.RUNNING
    kube.calls.clear()
    assert run_job(kube, world, STEP) == DONE
    assert kube.outcome().outputs == {"a": 1}
    assert not [call for call in kube.calls if call[0] in ("create", "merge")]


def test_files_of_a_bridge_that_died_are_made_again(kube: Any, world: Any) -> None:
    kube.put(CONFIG_MAPS, {"metadata": {"namespace": "billing", "name": NAME}, "data": {"stale": "x"}})
    kube.on_resume = controller(kube, pod())
    assert run_job(kube, world, STEP) == DONE
    assert "environment.yaml" in kube.one(CONFIG_MAPS, "billing", NAME)["data"]


def test_parameters_of_an_admin_process_are_there_whichever_bridge_makes_the_files(kube: Any, world: Any) -> None:
    """The copy's variables come from the bridge that made it; one that died left no files, or others."""
    step = replace(STEP, verb="admin.reindex")
    name = copy_name("billing-lifecycle", "run-1", step)
    kube.update(
        JOBS, "billing", "billing-lifecycle", {"metadata": {"annotations": {labels.VERBS_ANNOTATION: "admin.reindex"}}}
    )
    asked = replace(world, parameters={"since": "2027"})
    kube.refuse("create", CONFIG_MAPS, Terminated())
    with pytest.raises(Terminated):
        bridge_job._run(kube, asked, step)
    complete = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    kube.on_resume = lambda made: kube.update(JOBS, "billing", name, complete)
    assert run_job(kube, asked, step) == DONE
    (made,) = kube.copies()
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "TENANT_PARAM_SINCE", "value": "2027"} in container["env"]
    items = made["spec"]["template"]["spec"]["volumes"][0]["configMap"]["items"]
    data = kube.one(CONFIG_MAPS, "billing", name)["data"]
    assert {item["path"]: data[item["key"]] for item in items}["parameters/since"] == "2027"
    assert kube.outcome(step).result is Result.SUCCEEDED


def test_files_are_left_alone_once_the_copy_runs(kube: Any, world: Any) -> None:
    kube.on_resume = controller(kube, condition="")
    kube.refuse("list", JOBS, KeyboardInterrupt())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bridge_job, "wait", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run_job(kube, world, STEP)
    kube.calls.clear()
    kube.fail.clear()
    controller(kube, pod())({})
    assert run_job(kube, world, STEP) == DONE
    assert not [call for call in kube.calls if call[0] in ("create", "delete")]


def fence(kube: Any, **data: str) -> None:
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": data})


@pytest.mark.parametrize("data", [{"epoch": "8"}, {"state": "Frozen"}])
@pytest.mark.parametrize("moment", ["before", "resumed"])
def test_fenced(kube: Any, world: Any, data: dict[str, str], moment: str, capfd: pytest.CaptureFixture[str]) -> None:
    run = controller(kube, pod())
    if moment == "before":
        kube.refuse("create", CONFIG_MAPS, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run_job(kube, world, STEP)
        kube.fail.clear()
        fence(kube, **data)
    else:
        kube.on_resume = lambda job: (run(job), fence(kube, **data))
    assert run_job(kube, world, STEP) == FAILED
    assert "Superseded" in capfd.readouterr().out
    outcome = kube.outcome()
    assert outcome is None or outcome.result is Result.RUNNING
    made = kube.one(JOBS, "billing", NAME)
    assert moment == "resumed" or (made["spec"]["suspend"] and labels.STOPPED in made["metadata"]["labels"])


def test_a_placement_that_does_not_admit_the_verb_is_not_written(kube: Any, world: Any) -> None:
    fence(kube, state="Frozen")
    assert run_job(kube, world, STEP) == FAILED
    assert kube.copies() == []
    assert kube.outcome() is None


def test_a_422_that_is_no_fence_is_not_taken_for_one(kube: Any, world: Any) -> None:
    kube.refuse("patch", CONFIG_MAPS, Unprocessable("too long"))
    with pytest.raises(Unprocessable, match="too long"):
        run_job(kube, world, STEP)


def no_label(kube: Any) -> None:
    kube.update(NAMESPACES, "", "billing", {"metadata": {"labels": {labels.LIFECYCLE: "no"}}})


def other_verb(kube: Any) -> None:
    notes = {labels.VERBS_ANNOTATION: "lifecycle.decommission"}
    kube.update(JOBS, "billing", "billing-lifecycle", {"metadata": {"annotations": notes}})


def queued(kube: Any) -> None:
    kube.update(JOBS, "billing", "billing-lifecycle", {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "q"}}})


def deleted(kube: Any) -> None:
    kube.delete(JOBS, "billing", "billing-lifecycle")


def resumed(kube: Any) -> None:
    kube.update(JOBS, "billing", "billing-lifecycle", {"spec": {"suspend": False}})


def no_right(kube: Any) -> None:
    kube.refuse("create", JOBS, NotAllowed('User "x" cannot create resource "jobs"'))


def quota(kube: Any) -> None:
    kube.refuse("create", JOBS, NotAllowed("exceeded quota: jobs"))


def webhook(kube: Any) -> None:
    kube.refuse("create", JOBS, TenantctlError("400: admission webhook denied the request"))


def policy(kube: Any) -> None:
    kube.refuse("create", JOBS, Unprocessable("ValidatingAdmissionPolicy 'x' denied"))


@pytest.mark.parametrize(
    ("break_it", "failure", "reason", "words"),
    [
        (no_label, "needs-human", "NotTrusted", "tenantctl.io/lifecycle=enabled"),
        (other_verb, "needs-human", "VerbMissing", "does not have the verb upsert"),
        (queued, "needs-human", "KueueManaged", "Kueue"),
        (deleted, "needs-human", "LifecycleJobMissing", "does not exist"),
        (resumed, "needs-human", "LifecycleJobMissing", "no suspended, annotated Job"),
        (no_right, "needs-human", "NotAllowed", "tenantctl install --namespace billing"),
        (quota, "transient", "QuotaExceeded", "exceeded quota"),
        (webhook, "needs-human", "CopyRefused", "webhook denied"),
        (policy, "needs-human", "CopyRefused", "denied"),
    ],
)
def test_refused_before_anything_ran(
    kube: Any, world: Any, break_it: Any, failure: str, reason: str, words: str
) -> None:
    break_it(kube)
    assert run_job(kube, world, STEP) == FAILED
    assert kube.copies() == []
    assert result(kube) == (Result.FAILED, FailureClass(failure), reason)
    assert words in kube.outcome().message


def test_a_right_that_shows_late_is_asked_for_before_the_copy_runs(kube: Any, world: Any) -> None:
    kube.refuse("list", PODS, NotAllowed('User "x" cannot list resource "pods"'))
    assert run_job(kube, world, STEP) == FAILED
    assert kube.one(JOBS, "billing", NAME)["spec"]["suspend"] is True
    assert result(kube) == (Result.FAILED, FailureClass.NEEDS_HUMAN, "NotAllowed")
    assert kube.outcome().owner == "team@example.com"


def test_a_missing_right_to_copy_names_the_jobs_owner(kube: Any, world: Any) -> None:
    no_right(kube)
    assert run_job(kube, world, STEP) == FAILED
    assert kube.outcome().owner == "team@example.com"


def test_a_job_of_another_run_in_our_place_is_not_touched(kube: Any, world: Any) -> None:
    kube.put(JOBS, {"metadata": {"namespace": "billing", "name": NAME}, "spec": {}})
    assert run_job(kube, world, STEP) == FAILED
    assert result(kube) == (Result.FAILED, FailureClass.NEEDS_HUMAN, "NameTaken")


def test_a_silent_api_server_means_repeat_me(kube: Any, world: Any) -> None:
    kube.refuse("create", JOBS, *[Unavailable("no answer")] * 500)
    with pytest.raises(Unavailable):
        run_job(kube, world, STEP)


def test_a_create_that_was_done_without_an_answer(kube: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.bridge.patience.SECONDS", 30.0)
    kube.on_resume = controller(kube, pod())
    create = kube.create

    def lost(resource: Any, namespace: str, body: Json) -> Json:
        create(resource, namespace, body)
        kube.create = create
        raise Unavailable("no answer")

    kube.create = lost
    assert run_job(kube, world, STEP) == DONE
    assert len(kube.copies()) == 1


def test_whoever_stops_the_copy_while_it_is_started_wins(kube: Any, world: Any) -> None:
    def stopped(*_: Any) -> None:
        kube.update(JOBS, "billing", NAME, {"metadata": {"labels": {labels.STOPPED: "true"}}})

    patch = kube.patch
    kube.patch = lambda *args: (patch(*args), stopped())[0]
    assert run_job(kube, world, STEP) == FAILED
    assert kube.one(JOBS, "billing", NAME)["spec"]["suspend"] is True


def test_the_controllers_status_in_between_does_not_keep_it_from_starting(kube: Any, world: Any) -> None:
    kube.on_resume = controller(kube, pod())
    patch = kube.patch

    def with_status(*args: Any) -> Json:
        answer: Json = patch(*args)
        if kube.one(JOBS, "billing", NAME)["spec"]["suspend"]:
            kube.update(JOBS, "billing", NAME, {"status": {"conditions": [{"type": "Suspended", "status": "True"}]}})
        return answer

    kube.patch = with_status
    assert run_job(kube, world, STEP) == DONE


def test_a_copy_that_somebody_deletes(kube: Any, world: Any) -> None:
    kube.on_resume = lambda job: kube.delete(JOBS, "billing", NAME)
    assert run_job(kube, world, STEP) == FAILED
    assert result(kube) == (Result.FAILED, FailureClass.TRANSIENT, "CopyDeleted")


def test_no_placement(kube: Any, world: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kube.delete(CONFIG_MAPS, "workflows", "acme.production")
    with pytest.raises(TenantctlError, match="NoPlacement"):
        run_job(kube, world, STEP)
    assert kube.copies() == []


WORKFLOW: Json = {"metadata": {"namespace": "workflows", "name": "run-1"}, "spec": {}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("change", "stops"),
    [
        ({}, False),
        ({"status": {"phase": ""}}, False),
        ({"spec": {"shutdown": "Stop"}}, True),
        ({"spec": {"shutdown": "Terminate"}}, True),
        ({"status": {"phase": "Failed"}}, True),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
        (None, True),
    ],
    ids=["running", "pending", "stopped", "terminated", "completed", "being-deleted", "gone"],
)
def test_sigterm(kube: Any, world: Any, change: Json | None, stops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    kube.put(WORKFLOWS, WORKFLOW)
    if change is None:
        kube.delete(WORKFLOWS, "workflows", "run-1")
    else:
        kube.update(WORKFLOWS, "workflows", "run-1", change)
    monkeypatch.setattr(bridge_job, "wait", lambda *_: (_ for _ in ()).throw(Terminated()))
    assert run_job(kube, world, STEP) == (FAILED if stops else REPEAT)
    made = kube.one(JOBS, "billing", NAME)
    assert (made["spec"]["suspend"], labels.STOPPED in made["metadata"]["labels"]) == (stops, stops)
    expected = (Result.FAILED, FailureClass.NEEDS_HUMAN, "Stopped") if stops else (Result.RUNNING, None, "")
    assert result(kube) == expected


def test_sigterm_while_the_workflow_cannot_be_read(kube: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.bridge.shutdown.PATIENCE_SECONDS", 0.01)
    kube.refuse("get", WORKFLOWS, *[Unavailable("no answer")] * 500)
    monkeypatch.setattr(bridge_job, "wait", lambda *_: (_ for _ in ()).throw(Terminated()))
    assert run_job(kube, world, STEP) == REPEAT
    assert kube.one(JOBS, "billing", NAME)["spec"]["suspend"] is False


def test_not_found_is_an_answer(kube: Any) -> None:
    with pytest.raises(NotFound):
        kube.get(JOBS, "billing", "nothing")


def test_a_person_sees_why_nothing_happens(kube: Any, world: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    waiting = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    stuck = pod()
    stuck["status"] = {"phase": "Pending", "containerStatuses": [waiting]}
    controller(kube, stuck, condition="")({})

    def told(text: str) -> None:
        say(text)
        if text.startswith("waiting:"):
            controller(kube, condition="Failed", reason="DeadlineExceeded")({})

    monkeypatch.setattr("reconciler.bridge.watch.say", told)
    assert run_job(kube, world, STEP) == FAILED
    assert "waiting: pod pod-1: container main: ImagePullBackOff: no such image" in capfd.readouterr().out
    assert kube.outcome().message.endswith("no such image")


def test_that_there_is_no_pod_at_all_is_said(kube: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.bridge.watch.NO_POD_SECONDS", 0.0)
    kube.on_resume = lambda job: threading.Timer(
        1.3, lambda: controller(kube, condition="Failed", reason="DeadlineExceeded")({})
    ).start()
    assert run_job(kube, world, STEP) == FAILED
    assert "no pod could be made" in kube.outcome().message


def test_a_jobs_code_that_reads_as_ours_is_still_a_failure(kube: Any, world: Any) -> None:
    kube.on_resume = controller(kube, pod(143), condition="Failed", reason="BackoffLimitExceeded")
    assert run_job(kube, world, STEP) == FAILED
