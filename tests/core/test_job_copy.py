"""Copies: a test per copy rule of design §4, names that always fit, and what a copy remembers of itself."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import labels
from reconciler.core.job_copy import copy_name, copy_of, kueue_managed, read_copy, resume_patch, stop_patch
from reconciler.core.lifecycle_job import read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step

LIVE = Path(__file__).parent / "live_jobs" / "first.json"
STEP = Step(Kind.JOB, "upsert", ("billing", "billing-lifecycle"))
PLACEMENT = Placement(
    Key("acme", "production"),
    {"spec": {"region": "eu-west", "parameters": {"seats": 250}}},
    "digest",
    "abc",
    7,
    State.ACTIVE,
)
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def live() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(LIVE.read_text())
    return raw


def copied(raw: dict[str, Any] | None = None) -> dict[str, Any]:
    raw = raw or live()
    job = read_lifecycle_job(raw)
    assert job is not None
    return copy_of(raw, job, PLACEMENT, "run-1", STEP)


def changed(**spec: Any) -> dict[str, Any]:
    raw = live()
    raw["spec"] |= spec
    return raw


def test_it_begins_suspended_in_the_jobs_own_namespace() -> None:
    copy = copied()
    assert copy["spec"]["suspend"] is True
    assert copy["metadata"]["namespace"] == "billing"
    assert copy["metadata"]["name"] == copy_name("billing-lifecycle", "run-1", STEP)


@pytest.mark.parametrize("field", ["selector", "manualSelector", "managedBy"])
def test_what_would_bind_it_to_another_controller_is_dropped(field: str) -> None:
    raw = changed(selector={"matchLabels": {"a": "b"}}, manualSelector=True, managedBy="example.com/x")
    assert field not in copied(raw)["spec"]


def test_nothing_but_metadata_of_our_own_and_no_status() -> None:
    raw = live()
    raw["metadata"]["ownerReferences"] = [{"kind": "Application", "name": "x", "uid": "y"}]
    copy = copied(raw)
    assert set(copy) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(copy["metadata"]) == {"name", "namespace", "labels", "annotations"}


FOREIGN = [
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/instance",
    "example.com/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "kapp.k14s.io/app",
]


@pytest.mark.parametrize("label", FOREIGN)
def test_generated_and_tracking_labels_are_dropped_from_job_and_pods(label: str) -> None:
    raw = live()
    raw["metadata"]["labels"][label] = "x"
    raw["spec"]["template"]["metadata"]["labels"][label] = "x"
    copy = copied(raw)
    assert label not in copy["metadata"]["labels"]
    assert label not in copy["spec"]["template"]["metadata"]["labels"]


def test_the_teams_own_labels_stay() -> None:
    copy = copied()
    assert copy["metadata"]["labels"]["cost-centre"] == "42"
    assert copy["spec"]["template"]["metadata"]["labels"]["app"] == "billing"


def test_no_annotation_but_the_pods_own_stays() -> None:
    copy = copied()
    assert all(key.startswith(labels.PREFIX) for key in copy["metadata"]["annotations"])
    assert copy["spec"]["template"]["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}


def test_it_is_not_discovered_itself() -> None:
    assert read_lifecycle_job(copied()) is None
    marked = copied()
    marked["metadata"]["annotations"][labels.VERBS_ANNOTATION] = "lifecycle.upsert"
    assert read_lifecycle_job(marked) is None


@pytest.mark.parametrize("ttl", [None, 0, 10, 999999])
def test_it_is_kept_for_a_day(ttl: int | None) -> None:
    raw = changed(**({} if ttl is None else {"ttlSecondsAfterFinished": ttl}))
    assert copied(raw)["spec"]["ttlSecondsAfterFinished"] == 86400


def test_it_has_a_deadline_of_an_hour_or_its_own() -> None:
    assert copied()["spec"]["activeDeadlineSeconds"] == 3600
    assert copied(changed(activeDeadlineSeconds=60))["spec"]["activeDeadlineSeconds"] == 60


def test_everything_else_of_the_spec_is_as_the_team_wrote_it() -> None:
    policy = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}
    spec = copied(changed(podFailurePolicy=policy))["spec"]
    assert (spec["backoffLimit"], spec["podFailurePolicy"]) == (2, policy)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["template"]["spec"]["serviceAccountName"] == "default"


def test_the_template_job_is_left_alone() -> None:
    raw = live()
    copied(raw)
    assert raw == live()


@pytest.mark.parametrize(
    ("metadata", "spec", "managed"),
    [
        ({"labels": {"kueue.x-k8s.io/queue-name": "q"}}, {}, True),
        ({"annotations": {"kueue.x-k8s.io/queue-name": "q"}}, {}, True),
        ({}, {"managedBy": "kueue.x-k8s.io/multikueue"}, True),
        ({"labels": {"app": "kueue"}}, {"managedBy": "example.com/x"}, False),
        ({}, {}, False),
    ],
)
def test_kueue(metadata: dict[str, Any], spec: dict[str, Any], managed: bool) -> None:
    assert kueue_managed({"metadata": metadata, "spec": spec}) is managed


def test_a_copy_remembers_what_it_was_made_from() -> None:
    raw = copied()
    raw["metadata"] |= {"uid": "u", "resourceVersion": "5"}
    copy = read_copy(raw)
    assert copy is not None
    assert (copy.namespace, copy.name, copy.uid) == ("billing", raw["metadata"]["name"], "u")
    assert (copy.key, copy.run, copy.step) == (PLACEMENT.key, "run-1", STEP)
    assert (copy.digest, copy.epoch, copy.state) == ("digest", 7, State.ACTIVE)
    assert (len(copy.hash), copy.owner) == (64, "team-billing@example.com")
    assert (copy.suspended, copy.active, copy.finished, copy.stopped) == (True, 0, False, False)
    assert resume_patch(copy) == {"metadata": {"resourceVersion": "5"}, "spec": {"suspend": False}}


@pytest.mark.parametrize(
    ("status", "stopped", "finished"),
    [
        ({}, False, False),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, False, True),
        ({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}, False, True),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, False, False),
        ({"conditions": [{"type": "FailureTarget", "status": "True"}], "terminating": 1}, False, False),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, False, False),
        ({"active": 1}, True, False),
        ({"terminating": 1}, True, False),
        ({}, True, True),
    ],
)
def test_when_a_copy_is_finished(status: dict[str, Any], stopped: bool, finished: bool) -> None:
    raw = copied()
    raw["status"] = status
    if stopped:
        raw["metadata"]["labels"][labels.STOPPED] = "true"
    copy = read_copy(raw)
    assert copy is not None
    assert copy.finished is finished


def test_stopping_suspends_and_marks_in_one_patch() -> None:
    patch, raw = stop_patch("2026-11-22T00:00:00Z", "why"), copied()
    raw["spec"] |= patch["spec"]
    raw["metadata"]["labels"] |= patch["metadata"]["labels"]
    raw["metadata"]["annotations"] |= patch["metadata"]["annotations"]
    copy = read_copy(raw)
    assert copy is not None
    assert (copy.suspended, copy.stopped, copy.stopped_at) == (True, True, "2026-11-22T00:00:00Z")
    assert (copy.verdict, copy.finished) == ("why", True)


@pytest.mark.parametrize("damage", [labels.TENANT, labels.RUN, labels.KIND])
def test_what_lost_its_marks_is_no_copy(damage: str) -> None:
    raw = copied()
    del raw["metadata"]["labels"][damage]
    assert read_copy(raw) is None


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?)?", fullmatch=True)


@given(job=NAMES, run=st.text(min_size=1, max_size=63))
def test_names_always_fit(job: str, run: str) -> None:
    name = copy_name(job, run, Step(Kind.JOB, "upsert", ("billing", job)))
    assert len(name) <= 54
    assert SUBDOMAIN.fullmatch(name)
    assert name.startswith(job[:40].rstrip("-."))


def test_names_differ_by_run_and_step() -> None:
    steps = [STEP, Step(Kind.JOB, "admin.a", STEP.target), Step(Kind.JOB, "upsert", ("search", "billing-lifecycle"))]
    names = {copy_name("billing-lifecycle", run, step) for run in ("a", "b") for step in steps}
    assert len(names) == 6
