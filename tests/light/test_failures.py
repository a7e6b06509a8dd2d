"""Lifecycle Jobs that fail, that nobody let in, and that tenantctl has no rights for."""

import json

import pytest

from reconciler.core.guard import ATTEMPTS_MAX
from tests.e2e.fleet import Fleet, message
from tests.e2e.lab import is_complete, is_stopped, steps_of
from tests.e2e.service import QUICK, lifecycle_job, says

pytestmark = [pytest.mark.cluster, pytest.mark.together]


@pytest.mark.together(long=True)
def test_a_failing_job_is_tried_again_and_then_stalls_with_its_own_words(fleet: Fleet) -> None:
    lab = fleet.lab
    fails = lifecycle_job("", "fails", says(3, "the ledger is closed"), owner="team-ledger@example.com")
    service = lab.service("service", fails, lifecycle_job("", "works", QUICK))
    key = fleet.declare("attempts", service)

    record = fleet.stalled(key, "AttemptsUsedUp", 480)  # five runs, beside those of all the others
    assert "the ledger is closed" in message(record, "Stalled")
    assert "team-ledger@example.com" in message(record, "Stalled")
    assert f"{service}/fails" in message(record)
    first, *later = lab.runs(key)
    assert steps_of(first) == [f"upsert/{service}/fails", f"upsert/{service}/works"]
    assert [steps_of(run) for run in later] == [[f"upsert/{service}/fails"]] * (ATTEMPTS_MAX - 1)
    assert [entry.attempt for entry in record.history] == [1, 2, 3, 4, 5]
    works = [copy for copy in lab.copies(key) if copy["metadata"]["annotations"]["tenantctl.io/template"] == "works"]
    assert [is_complete(copy) for copy in works] == [True]


def test_a_failure_that_the_user_must_mend_stalls_at_once_until_the_job_changes(fleet: Fleet) -> None:
    lab = fleet.lab
    said = '{"class": "user", "message": "seats: at most 10"}'
    fails = lifecycle_job("", "fails", says(1, said), owner="team-seats@example.com", backoff=6)
    service = lab.service("service", fails, lifecycle_job("", "works", QUICK))
    key = fleet.declare("user", service)

    record = fleet.stalled(key, "LifecycleJobFailed")
    assert message(record, "Stalled") == f"{service}/fails: seats: at most 10 (owner: team-seats@example.com)"
    assert len(lab.runs(key)) == 1
    fails_copy, works_copy = sorted(lab.copies(key), key=lambda copy: copy["metadata"]["name"])
    assert is_complete(works_copy)
    assert is_stopped(fails_copy), "the copy should not repeat what is pointless"

    lab.replace_job(service, fails)
    fleet.look(key)
    fleet.stalled(key, "LifecycleJobFailed")
    assert len(lab.runs(key)) == 1, "the same Job, made again, is no reason to try again"

    lab.replace_job(service, lifecycle_job("", "fails", QUICK))
    fleet.eventually(key, lambda: len(lab.runs(key)) == 2, "a run of the Job that was mended")
    fleet.ready(key)
    assert [steps_of(run) for run in lab.runs(key)][1:] == [[f"upsert/{service}/fails"]]


def test_a_job_of_a_namespace_that_nobody_let_in_is_reported_and_not_run(fleet: Fleet) -> None:
    lab = fleet.lab
    inside = lab.service("inside", lifecycle_job("", "lifecycle", QUICK))
    outside = lab.service("outside", lifecycle_job("", "lifecycle", QUICK), enabled=False)
    key = fleet.declare("outside", inside, outside)
    fleet.ready(key)
    assert lab.copies(key, outside) == []
    assert len(lab.runs(key)) == 1
    listed = {item["namespace"]: item for item in json.loads(fleet.tenantctl("jobs", "list", "-o", "json").stdout)}
    assert "tenantctl.io/lifecycle=enabled" in json.dumps(listed[outside])
    assert "tenantctl.io/lifecycle=enabled" not in json.dumps(listed[inside])

    lab.enable(outside)
    fleet.eventually(key, lambda: len(lab.runs(key)) == 2, "a run after the namespace takes part")
    fleet.ready(key)
    assert steps_of(lab.runs(key)[1]) == [f"upsert/{outside}/lifecycle"]


def test_missing_rights_are_named_with_their_remedy(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("unbound", lifecycle_job("", "lifecycle", QUICK), bound=False)
    key = fleet.declare("unbound", service)
    record = fleet.stalled(key, "NotAllowed")
    remedy = f"tenantctl install --namespace {service}"
    assert "RoleBinding" in message(record)
    assert remedy in message(record)
    assert remedy in fleet.tenantctl("describe", "environment", key).stdout
    assert lab.copies(key) == []

    lab.bind(service)
    fleet.tenantctl("retry", key)
    fleet.ready(key)
    assert len(lab.runs(key)) == 2
