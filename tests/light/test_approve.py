"""Approvals on a real cluster: of a plan, once and as it was read; of a renamed environment; of a rewritten branch."""

from collections.abc import Iterator

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.core import labels
from reconciler.core.fleet import read_fleet
from tests.e2e.fleet import Fleet, message
from tests.e2e.lab import CONTROL
from tests.e2e.service import QUICK, lifecycle_job

pytestmark = pytest.mark.cluster
VERBS = "lifecycle.upsert,lifecycle.decommission"


@pytest.fixture
def running(own_fleet: Fleet) -> Iterator[Fleet]:
    """The only fleet, with a controller."""
    own_fleet.start()
    yield own_fleet
    own_fleet.stop()


def test_a_removed_environment_goes_when_the_plan_that_was_read_is_approved(running: Fleet) -> None:
    fleet, lab = running, running.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK, verbs=VERBS))
    key, other = fleet.declare("leaves", service), fleet.declare("stays", service)
    fleet.ready(key)
    fleet.ready(other)
    fleet.repository.remove(key)
    fleet.stalled(key, "Protected")
    read = fleet.plan()["id"]

    commit = fleet.repository.declare(other, fleet.spec(service, state="Decommissioned"))
    fleet.stalled(other, "Protected")
    now = fleet.plan()
    assert f"the plan is now {now['id']}, not {read}" in approve(fleet, read, code=6)
    assert f"lifts of {other}" in approve(fleet, now["id"], other, code=6)
    said = approve(fleet, now["id"], "--reason", "they left")
    assert f"! {other}  stays held: Protected\n    it is protected and its file is there" in said
    gone(fleet, key)
    record = lab.record(key)
    assert record is not None
    assert ("Approved", True) in [(entry.event, "they left" in entry.message) for entry in record.history]
    assert fleet.repository.git("rev-parse", "HEAD") == commit
    fleet.stalled(other, "Protected")


def test_what_looks_renamed_is_held_on_both_sides_until_both_are_approved(running: Fleet) -> None:
    fleet, lab = running, running.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK, verbs=VERBS))
    key = fleet.declare("renamed", service, deletionProtection=False)
    tenant, _, name = key.partition("/")
    fleet.ready(key)
    with fleet.repository.locked():
        fleet.repository.git("mv", f"tenants/{tenant}", f"tenants/{tenant}x")
        fleet.repository.commit("A folder that is only moved")
    new = f"{tenant}x/{name}"
    fleet.stalled(key, "LooksRenamed")
    with fleet.repository.locked():
        fleet.repository.write_tenant(f"{tenant}x", {})
        fleet.repository.declare(new, fleet.spec(service, deletionProtection=False))
    assert f"and {key} look like one" in message(fleet.stalled(new, "LooksRenamed"))
    assert [lab.runs(new), len(lab.runs(key))] == [[], 1]

    approve(fleet, fleet.plan()["id"])
    fleet.ready(new)
    gone(fleet, key)


def test_a_rewritten_branch_takes_nothing_away_until_its_commit_is_approved(running: Fleet) -> None:
    fleet, lab = running, running.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK, verbs=VERBS))
    key = fleet.declare("rewritten", service, deletionProtection=False)
    other = fleet.declare("beside", service)
    fleet.ready(key)
    fleet.ready(other)
    with fleet.repository.locked():
        fleet.repository.git("rm", "--quiet", f"tenants/{key}.yaml")
        fleet.repository.git("commit", "--quiet", "--amend", "-m", "Rewritten")
        commit = fleet.repository.declare(other, fleet.spec(service, parameters={"seats": 2}))
    fleet.ready(other, commit)
    record = fleet.stalled(key, "SourceNotTrusted")
    assert f"tenantctl approve --source {commit[:12]}" in message(record)
    assert len(lab.runs(key)) == 1

    words = ("--repository", str(fleet.repository.folder), "--ref", "main", "--reason", "cleaned", "--yes")
    assert "is approved as the source" in fleet.tenantctl("approve", "--source", commit[:12], *words).stderr
    gone(fleet, key)
    fleet.eventually(key, lambda: accepted(fleet) == (commit, ""), "the commit to be accepted")
    assert f"source {commit}" in fleet.tenantctl("history").stdout


def approve(fleet: Fleet, name: str, *more: str, code: int = 0) -> str:
    """Approve a plan; what was said."""
    words = ("approve", name, "--repository", str(fleet.repository.folder), "--ref", "main", "--yes")
    return fleet.tenantctl(*words, *more, code=code).stderr


def gone(fleet: Fleet, key: str) -> None:
    """Wait until an environment is decommissioned: the record is a tombstone."""
    fleet.eventually(key, lambda: (record := fleet.lab.record(key)) is None or record.gone, "to be decommissioned")


def accepted(fleet: Fleet) -> tuple[str, str]:
    found = read_fleet(fleet.lab.kube.get(CONFIG_MAPS, CONTROL, labels.FLEET))
    return found.accepted, found.source
