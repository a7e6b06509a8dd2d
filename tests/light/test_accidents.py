"""Accidents in the repository and in the control plane: nothing is decommissioned, and what is lost is made again.

But for the first, no service is there, so everything that may go would go at once: what holds it are the guards alone.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS
from reconciler.core import labels
from reconciler.core.job_copy import read_copy
from reconciler.core.names import Key
from tests.e2e.fleet import Fleet
from tests.e2e.lab import CONTROL, WORKFLOW
from tests.e2e.service import QUICK, lifecycle_job
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.cluster

MANY = 60


@pytest.fixture
def keys(own_fleet: Fleet) -> Iterator[list[str]]:
    """Four unprotected environments of one tenant, Ready, with a controller; a fifth stays whatever happens to them."""
    tenant = own_fleet.lab.name("tenant")
    made = [f"{tenant}/env-{number}" for number in range(4)]
    _declare(own_fleet, [*made, f"{tenant}/stays"])
    own_fleet.start()
    for key in made:
        own_fleet.ready(key)
    yield made
    own_fleet.stop()


def _declare(fleet: Fleet, keys: list[str], **more: object) -> str:
    with fleet.repository.locked():
        for number, key in enumerate(keys):
            spec = fleet.spec(deletionProtection=False, parameters={"number": number}) | more
            fleet.repository.write_environment(key, spec)
        return fleet.repository.commit("Declared")


def _seen(fleet: Fleet, keys: list[str]) -> None:
    """Wait until the controller has looked at all of them after the last commit."""
    for key in keys:
        fleet.look(key)


def _alive(fleet: Fleet, keys: list[str], reason: str) -> None:
    """All are held for this reason, and none is gone."""
    for key in keys:
        fleet.eventually(key, lambda: _reason(fleet, key) == reason, reason)  # noqa: B023 - called at once
    records = [fleet.lab.record(key) for key in keys]
    assert [record.gone for record in records if record] == [""] * len(keys)


def _reason(fleet: Fleet, key: str) -> str:
    record = fleet.lab.record(key)
    return record.conditions[0].reason if record and record.conditions else ""


def test_a_job_that_is_just_being_replaced_is_waited_for(own_fleet: Fleet) -> None:
    """Argo CD deletes it and makes it again. It has never run, so no outcome tells that it was there.

    The first, while the budget for what is taken away is whole.
    """
    lab, last = own_fleet.lab, lifecycle_job("", "last", QUICK, verbs="lifecycle.decommission")
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK), last)
    key = own_fleet.declare("replaced", service, deletionProtection=False)
    own_fleet.start()
    own_fleet.ready(key)

    known = own_fleet.controller.metric("tenantctl_lifecycle_jobs")
    lab.kube.delete(JOBS, service, "last")
    gone = lambda: own_fleet.controller.metric("tenantctl_lifecycle_jobs") < known  # noqa: E731
    own_fleet.eventually(key, gone, "the controller to know that it is away")  # else the commit might be seen first
    spec = own_fleet.spec(service, deletionProtection=False)
    own_fleet.repository.declare(key, spec | {"state": "Decommissioned"})
    own_fleet.eventually(key, lambda: _reason(own_fleet, key) == "LifecycleJobAway", "held")
    assert len(lab.runs(key)) == 1
    lab.add_job(service, last)
    own_fleet.eventually(key, lambda: lab.record(key).gone, "a tombstone")
    assert [read_copy(copy).step.verb for copy in lab.copies(key)] == ["upsert", "decommission"]
    own_fleet.stop()


def test_the_whole_directory_removed_takes_nothing_away(own_fleet: Fleet, keys: list[str]) -> None:
    shutil.rmtree(own_fleet.repository.folder / "tenants")
    own_fleet.repository.commit("Oops")
    _alive(own_fleet, keys, "SourceNotTrusted")
    own_fleet.repository.git("revert", "--no-edit", "HEAD")
    for key in keys:
        own_fleet.ready(key)


def test_a_force_push_takes_nothing_away(own_fleet: Fleet, keys: list[str]) -> None:
    git = own_fleet.repository.git
    good = git("rev-parse", "HEAD")
    git("checkout", "--quiet", "--orphan", "other")
    for key in keys[1:]:
        (own_fleet.repository.folder / f"tenants/{key}.yaml").unlink()
    own_fleet.repository.commit("Another history")
    git("branch", "--force", "main", "other")
    git("checkout", "--quiet", "main")
    _alive(own_fleet, keys[1:], "SourceNotTrusted")
    git("reset", "--quiet", "--hard", good)
    for key in keys:
        own_fleet.ready(key)


def test_an_empty_branch_takes_nothing_away(own_fleet: Fleet, keys: list[str]) -> None:
    """Not even its regions are listed, so every environment is held; with them, the source is not trusted (above)."""
    git = own_fleet.repository.git
    good = git("rev-parse", "HEAD")
    git("checkout", "--quiet", "--orphan", "empty")
    git("rm", "-r", "--quiet", "--force", ".")
    own_fleet.repository.commit("Nothing at all")
    git("branch", "--force", "main", "empty")
    git("checkout", "--quiet", "main")
    _alive(own_fleet, keys, "InvalidDeclaration")
    git("reset", "--quiet", "--hard", good)
    for key in keys:
        own_fleet.ready(key)


def test_a_renamed_tenant_is_held_on_both_sides(own_fleet: Fleet, keys: list[str]) -> None:
    old = keys[0].partition("/")[0]
    new = own_fleet.lab.name("renamed")
    with own_fleet.repository.locked():
        own_fleet.repository.git("mv", f"tenants/{old}", f"tenants/{new}")
        for file in Path(own_fleet.repository.folder / "tenants" / new).glob("*.yaml"):
            file.write_text(file.read_text().replace(old, new))
        own_fleet.repository.commit("A better name")
    renamed = [key.replace(old, new) for key in keys]
    _alive(own_fleet, [*keys, *renamed], "LooksRenamed")
    assert [own_fleet.lab.placement(key) for key in renamed] == [None] * len(keys)
    own_fleet.repository.git("revert", "--no-edit", "HEAD")
    for key in keys:
        own_fleet.ready(key)


def test_more_than_the_budget_is_held_until_it_is_approved(own_fleet: Fleet, keys: list[str]) -> None:
    for key in keys:
        (own_fleet.repository.folder / f"tenants/{key}.yaml").unlink()
    own_fleet.repository.commit("All at once")
    _alive(own_fleet, keys, "DestructiveBudget")
    own_fleet.approve(*keys)
    for key in keys:
        own_fleet.eventually(key, lambda: own_fleet.lab.record(key).gone, "a tombstone")  # noqa: B023


@pytest.mark.timeout(900)
def test_many_files_removed_one_commit_at_a_time_do_not_slip_through(own_fleet: Fleet) -> None:
    tenant = own_fleet.lab.name("many")
    made = [f"{tenant}/env-{number:03}" for number in range(MANY)]
    _declare(own_fleet, made)
    own_fleet.start()
    for key in made:
        own_fleet.ready(key)
    removed = made[:4]  # 6 % are more than the budget of three, or 5 %
    for key in removed:
        own_fleet.repository.remove(key)
        own_fleet.look(key)
    _alive(own_fleet, removed[-1:], "DestructiveBudget")
    _declare(own_fleet, removed)  # what is still held would look like what other tests declare
    for key in removed:
        own_fleet.ready(key)
    own_fleet.stop()


@pytest.mark.parametrize("lost", ["one", "all", "all and the fleet"])
def test_lost_records_are_made_again_and_nothing_is_taken_away(own_fleet: Fleet, keys: list[str], lost: str) -> None:
    kube = own_fleet.lab.kube
    own_fleet.stop()
    for key in keys[:1] if lost == "one" else keys:
        kube.delete(CONFIG_MAPS, CONTROL, Key.parse(key).dotted)
    if lost == "all and the fleet":
        kube.delete(CONFIG_MAPS, CONTROL, labels.FLEET)
    own_fleet.start()
    for key in keys:
        record = own_fleet.ready(key)
        assert (record.region, record.epoch, record.gone) == ("eu-west", 1, "")
        assert kube.find(CONFIG_MAPS, WORKFLOW, Key.parse(key).dotted) is not None
    fleet = lambda: (kube.find(CONFIG_MAPS, CONTROL, labels.FLEET) or {}).get("data", {}).get("records")  # noqa: E731
    eventually(lambda: int(fleet() or 0) >= len(keys), "the records to be counted")
