"""Environments and services are taken away when somebody means it, and never by accident."""

import json

import pytest

from reconciler.core.placement import State
from tests.e2e.fleet import Fleet, message
from tests.e2e.lab import arguments
from tests.e2e.service import QUICK, lifecycle_job, says

pytestmark = pytest.mark.cluster

BOTH = "lifecycle.upsert,lifecycle.decommission"
STILL_IN_USE = says(1, '{"class": "needs-human", "message": "still in use"}')


@pytest.fixture(scope="module")
def fleet(own_fleet: Fleet) -> Fleet:
    """The only fleet, with a controller: what is approved here must be nobody else's."""
    own_fleet.start()
    return own_fleet


def test_a_decommissioned_environment_leaves_a_tombstone_and_comes_back_with_its_history(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK, verbs=BOTH))
    key = fleet.declare("gone", service, deletionProtection=False)
    fleet.ready(key)
    spec = fleet.spec(service, deletionProtection=False)

    fleet.repository.declare(key, spec | {"state": "Decommissioned"})
    record = fleet.eventually(key, lambda: _gone(fleet, key), "a tombstone")
    assert [run["metadata"]["labels"]["tenantctl.io/verb"] for run in lab.runs(key)] == ["upsert", "decommission"]
    assert [entry.event for entry in record.history] == ["Succeeded", "Succeeded", "Decommissioned"]
    placement = lab.placement(key)
    assert placement is not None
    assert placement.state is State.RELEASED
    assert key not in fleet.tenantctl("get", "environments", "-o", "name").stdout
    assert key in fleet.tenantctl("get", "environments", "--gone", "-o", "name").stdout

    commit = fleet.repository.declare(key, spec)
    record = fleet.ready(key, commit)
    assert (record.gone, record.epoch) == ("", 2)
    assert [entry.event for entry in record.history] == ["Succeeded", "Succeeded", "Decommissioned", "Succeeded"]
    assert len(lab.copies(key, service)) == 3


def test_a_removed_file_is_a_decommission_once_it_is_approved(fleet: Fleet) -> None:
    service = fleet.lab.service("service", lifecycle_job("", "lifecycle", QUICK, verbs=BOTH))
    key = fleet.declare("removed", service)
    fleet.ready(key)
    fleet.repository.remove(key)
    fleet.stalled(key, "Protected")

    wrong = fleet.tenantctl("approve", "0123456789ab", *_where(fleet), "--yes", code=6)
    assert "not 0123456789ab" in wrong.stderr
    fleet.approve(key)
    record = fleet.eventually(key, lambda: _gone(fleet, key), "a tombstone")
    assert "Approved" in [entry.event for entry in record.history]


def test_a_service_that_is_no_longer_wanted_is_taken_away_and_nothing_else(fleet: Fleet) -> None:
    lab = fleet.lab
    kept, dropped = (
        lab.service(word, lifecycle_job("", "lifecycle", QUICK, verbs=BOTH)) for word in ("kept", "dropped")
    )
    key = fleet.declare("services", kept, dropped, deletionProtection=False)
    fleet.ready(key)

    commit = fleet.repository.declare(key, fleet.spec(kept, deletionProtection=False))
    fleet.ready(key, commit)
    asked = [json.loads(arguments(run)["jobs"]) for run in lab.runs(key)]
    assert asked[1:] == [[f"upsert/{kept}/lifecycle", f"decommission/{dropped}/lifecycle"]]
    placement = fleet.eventually(key, lambda: _without(fleet, key, dropped), "its outcomes to go")
    assert {step.namespace for step in placement.outcomes} == {kept}

    commit = fleet.repository.declare(key, fleet.spec(kept, dropped, deletionProtection=False))
    fleet.ready(key, commit)
    assert len(lab.copies(key, dropped)) == 3


def test_a_decommission_that_fails_is_said_with_its_owner_and_goes_on_afterwards(fleet: Fleet) -> None:
    lab = fleet.lab
    script = f'[ "$TENANT_VERB" = upsert ] || {{ {STILL_IN_USE}; }}'
    service = lab.service("service", lifecycle_job("", "lifecycle", script, verbs=BOTH, owner="team-a@example.com"))
    key = fleet.declare("stuck", service, deletionProtection=False)
    fleet.ready(key)
    fleet.repository.remove(key)
    fleet.approve(key)  # the fourth within an hour is more than the budget of so small a fleet
    record = fleet.stalled(key, "LifecycleJobFailed")
    assert "still in use (owner: team-a@example.com)" in message(record)

    lab.replace_job(service, lifecycle_job("", "lifecycle", QUICK, verbs=BOTH))
    fleet.eventually(key, lambda: _gone(fleet, key), "a tombstone")


def _where(fleet: Fleet) -> tuple[str, ...]:
    return ("--repository", str(fleet.repository.folder), "--ref", "main")


def _gone(fleet: Fleet, key: str):
    record = fleet.lab.record(key)
    return record if record and record.gone else None


def _without(fleet: Fleet, key: str, service: str):
    placement = fleet.lab.placement(key)
    return placement if placement and service not in {step.namespace for step in placement.outcomes} else None
