"""What is seen and not done: nothing is ever taken away because of a file that is bad, moved or gone."""

import pytest

from tests.e2e.fleet import DARK, Fleet, message
from tests.e2e.lab import Json, steps_of, variables
from tests.e2e.service import QUICK, lifecycle_job

pytestmark = [pytest.mark.cluster, pytest.mark.together]


def test_an_invalid_file_holds_its_own_key_and_no_other(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = fleet.declare("invalid", service, parameters={"seats": 1})
    other = fleet.key("valid")
    fleet.ready(key)
    before = _untouched(fleet, key)

    with fleet.repository.locked():
        fleet.repository.write_environment(key, fleet.spec(service, parameters={"seats": 2}, regoin="eu-west"))
        fleet.repository.write_environment(other, fleet.spec(service))
        fleet.repository.commit("One bad, one good")
    record = fleet.stalled(key, "InvalidDeclaration")
    fleet.ready(other)
    assert f"tenants/{key}.yaml" in message(record)
    assert "regoin" in message(record)
    assert _untouched(fleet, key) == before

    commit = fleet.repository.declare(key, fleet.spec(service, parameters={"seats": 2}))
    fleet.ready(key, commit)
    assert [variables(copy)["TENANT_PARAM_SEATS"] for copy in lab.copies(key)] == ["1", "2"]


def test_a_service_that_is_no_longer_wanted_stays_and_the_rest_goes_on(fleet: Fleet) -> None:
    lab = fleet.lab
    kept = lab.service("kept", lifecycle_job("", "lifecycle", QUICK))
    verbs = "lifecycle.upsert,lifecycle.decommission"
    dropped = lab.service("dropped", lifecycle_job("", "lifecycle", QUICK, verbs=verbs))
    key = fleet.declare("services", kept, dropped)
    first = fleet.ready(key)

    fleet.repository.declare(key, fleet.spec(kept))
    record = fleet.eventually(key, lambda: _applied_anew(fleet, key, first.applied_digest), "the rest to be applied")
    record = fleet.stalled(key, "Protected")
    assert dropped in message(record)
    assert [f"job/decommission/{dropped}/lifecycle"] == _hold_of(fleet, key)["removals"]
    assert [steps_of(run) for run in lab.runs(key)][1:] == [[f"upsert/{kept}/lifecycle"]]
    assert len(lab.copies(key, dropped)) == 1
    placement = lab.placement(key)
    assert placement is not None
    assert f"job/upsert/{dropped}/lifecycle" in {str(step) for step in placement.outcomes}


def test_a_region_that_does_not_answer_holds_only_its_own(fleet: Fleet) -> None:
    key = fleet.key("dark")
    fleet.repository.declare(key, fleet.spec() | {"region": DARK})
    record = fleet.eventually(key, lambda: _with_reason(fleet, key, "RegionNotAnswering"), "RegionNotAnswering")
    assert DARK in message(record)
    assert fleet.lab.runs(key) == []


def _untouched(fleet: Fleet, key: str) -> Json:
    """What must not change: placement, runs and copies, by their versions (Argo's own writes to a run left out)."""
    lab = fleet.lab
    placement = lab.placement(key)
    record = lab.record(key)
    assert record is not None
    return {
        "placement": placement.resource_version if placement else "",
        "runs": [run["metadata"]["uid"] for run in lab.runs(key)],
        "copies": [copy["metadata"]["uid"] for copy in lab.copies(key)],
        "record": (record.region, record.epoch, record.applied_digest, record.seq),
    }


def _hold_of(fleet: Fleet, key: str) -> Json:
    (hold,) = fleet.holds_of(key)
    assert hold["reason"] == "Protected"
    return hold


def _applied_anew(fleet: Fleet, key: str, digest: str):
    record = fleet.lab.record(key)
    return record if record and record.applied_digest not in ("", digest) else None


def _with_reason(fleet: Fleet, key: str, reason: str):
    record = fleet.lab.record(key)
    return record if record and any(item.reason == reason for item in record.conditions) else None
