"""What makes lifecycle Jobs run again, and what does not."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.lab import is_complete, steps_of, variables
from tests.e2e.service import QUICK, lifecycle_job, says

pytestmark = [pytest.mark.cluster, pytest.mark.together]

TOO_BIG = says(1, '{"class": "user", "message": "b is too big"}')
GROWS = f"if [ $TENANT_PARAM_SIZE = b ]; then {TOO_BIG}; fi"


def test_a_job_that_is_introduced_later_runs_and_only_it(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "first", QUICK))
    key = fleet.declare("later", service)
    fleet.ready(key)

    lab.add_job(service, lifecycle_job("", "second", QUICK))
    fleet.eventually(key, lambda: len(lab.runs(key)) == 2, "a second run")
    fleet.ready(key)
    first, second = lab.runs(key)
    assert steps_of(first) == [f"upsert/{service}/first"]
    assert steps_of(second) == [f"upsert/{service}/second"]
    assert [copy["metadata"]["annotations"]["tenantctl.io/template"] for copy in lab.copies(key)] == ["first", "second"]


def test_a_changed_parameter_runs_everything_again_and_a_changed_policy_nothing(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = fleet.declare("policy", service, parameters={"seats": 1})
    fleet.ready(key)

    commit = fleet.repository.declare(key, fleet.spec(service, parameters={"seats": 2}))
    applied = fleet.ready(key, commit).applied_revision
    assert [variables(copy)["TENANT_PARAM_SEATS"] for copy in lab.copies(key)] == ["1", "2"]
    placed = lab.placement(key)

    policy = {"displayName": "Policy Ltd", "owners": ["team@example.com"], "ring": 3, "deletionProtection": False}
    fleet.repository.declare(key, fleet.spec(service, parameters={"seats": 2}, **policy))
    record = fleet.eventually(key, lambda: _with_ring(fleet, key, 3), "the record to follow the policy")
    assert (record.policy.display_name, record.policy.owners) == ("Policy Ltd", ("team@example.com",))
    assert record.policy.deletion_protection is False
    fleet.look(key)
    assert len(lab.runs(key)) == 2
    assert lab.placement(key) == placed
    assert fleet.ready(key).applied_revision == applied


@pytest.mark.together(long=True)
def test_there_and_back_again_makes_three_runs_and_ends_where_it_began(fleet: Fleet) -> None:
    lab = fleet.lab
    jobs = lifecycle_job("", "keeps", QUICK), lifecycle_job("", "grows", GROWS, owner="team-grow@example.com")
    service = lab.service("service", *jobs)
    key = fleet.declare("return", service, parameters={"size": "a"})
    digest = fleet.ready(key).applied_digest

    fleet.repository.declare(key, fleet.spec(service, parameters={"size": "b"}))
    halfway = fleet.stalled(key, "LifecycleJobFailed")
    assert halfway.applied_digest == digest
    assert sorted(map(is_complete, lab.copies(key)[2:])) == [False, True]

    fleet.repository.declare(key, fleet.spec(service, parameters={"size": "a"}))
    record = fleet.ready(key)
    placement = lab.placement(key)
    assert placement is not None
    assert record.applied_digest == placement.digest == digest
    assert {outcome.digest for outcome in placement.outcomes.values()} == {digest}
    assert len(lab.runs(key)) == 3
    sizes = [variables(copy)["TENANT_PARAM_SIZE"] for copy in lab.copies(key)]
    assert sizes == ["a", "a", "b", "b", "a", "a"]


def test_a_job_that_is_made_again_does_not_run_again_unless_its_code_changed(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", job := lifecycle_job("", "lifecycle", QUICK))
    key = fleet.declare("replaced", service)
    fleet.ready(key)

    uids = {lab.replace_job(service, job)["metadata"]["uid"] for _ in range(2)}
    assert len(uids) == 2
    fleet.look(key)
    assert len(lab.runs(key)) == 1

    lab.replace_job(service, lifecycle_job("", "lifecycle", "echo another; " + QUICK))
    fleet.eventually(key, lambda: len(lab.runs(key)) > 1, "a run of the changed Job")
    fleet.ready(key)
    assert len(lab.runs(key)) == 2
    assert ["another" in copy["spec"]["template"]["spec"]["containers"][0]["args"][0] for copy in lab.copies(key)] == [
        False,
        True,
    ]


def _with_ring(fleet: Fleet, key: str, ring: int):
    record = fleet.lab.record(key)
    return record if record and record.policy.ring == ring else None
