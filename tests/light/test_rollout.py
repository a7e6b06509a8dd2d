"""A new version of a Job on a real cluster: a broken one stays in the first wave, a mended one reaches everybody."""

import json
from typing import Any

import pytest

from tests.e2e.fleet import REGION, Fleet
from tests.e2e.service import QUICK, lifecycle_job, says

pytestmark = [pytest.mark.cluster, pytest.mark.together(long=True)]

BROKEN = says(1, '{"class": "user", "message": "no such table"}')
RINGS = (0, 0, 0, 1)


def test_a_broken_version_halts_in_the_first_wave_and_a_mended_one_reaches_everybody(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("rolled", lifecycle_job("", "lifecycle", QUICK, owner="team-rolled@example.com"))
    first, *others = keys = [fleet.declare(f"rolled-{ring}{n}", service, ring=ring) for n, ring in enumerate(RINGS)]
    for key in keys:
        fleet.ready(key)
    assert rollout(fleet, service)["state"] == "Complete"

    lab.replace_job(service, lifecycle_job("", "lifecycle", BROKEN, owner="team-rolled@example.com"))
    fleet.stalled(first, "LifecycleJobFailed")
    for key in others:
        fleet.stalled(key, "RolloutHalted")
    halted = rollout(fleet, service)
    assert (halted["state"], halted["failed"], halted["waiting"], halted["failedIn"]) == ("Halted", 1, 3, [first])
    assert [len(lab.runs(key)) for key in keys] == [2, 1, 1, 1]
    words = ("get", "rollouts", "--region", REGION, f"{service}/lifecycle")
    shown = fleet.tenantctl(*words, "--halted", "-o", "wide").stdout
    assert f"Halted   0      2                  team-rolled@example.com   {first}" in shown

    lab.replace_job(service, lifecycle_job("", "lifecycle", "echo mended; " + QUICK))
    for key in keys:
        fleet.eventually(key, lambda key=key: len(lab.runs(key)) == 2 + (key == first), "a run of the mended Job")
        fleet.ready(key)
    done = rollout(fleet, service)
    assert (done["state"], done["done"], done["environments"]) == ("Complete", 4, 4)
    for before, after in ((keys[:1], keys[1:3]), (keys[1:3], keys[3:])):
        assert max(ended(fleet, key) for key in before) <= min(launched(fleet, key) for key in after)


def ended(fleet: Fleet, key: str) -> str:
    """When the step ended, in RFC 3339, to the second."""
    placement = fleet.lab.placement(key)
    assert placement is not None
    (outcome,) = placement.outcomes.values()
    return outcome.at


def launched(fleet: Fleet, key: str) -> str:
    """When the last run was made, in RFC 3339, to the second."""
    return str(fleet.lab.runs(key)[-1]["metadata"]["creationTimestamp"])


def rollout(fleet: Fleet, service: str) -> Any:
    """What the command says of the service's Job."""
    words = ("get", "rollouts", "--region", REGION, f"{service}/lifecycle", "-o", "json")
    (found,) = json.loads(fleet.tenantctl(*words).stdout)
    return found
