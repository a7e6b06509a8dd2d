"""What can go wrong with a move on two real clusters: the environment stays alive, and the reason is shown.

Each region is reached through a wire that can be cut. The service waits at a gate where a test has to look at it.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.core.move import Phase
from reconciler.core.placement import State
from reconciler.core.record import Record, condition
from tests.cluster.failure import ClusterError
from tests.e2e.command import tenantctl
from tests.e2e.fleet import Fleet, message
from tests.e2e.regions import EAST, WEST, Regions
from tests.e2e.service import GATE, QUICK, lifecycle_job, says
from tests.e2e.tenant import Tenant
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire, through_wires

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

EXPORTS_NOTHING = says(0, '{"outputs": {"exported": false}}')


@pytest.fixture(scope="module")
def service(both: Regions, moving: Fleet) -> str:
    return both.add_ledger()


@pytest.fixture(scope="module", autouse=True)
def wires(both: Regions, moving: Fleet, service: str) -> Iterator[dict[str, Wire]]:
    """A reconciler that reaches both regions through wires; by region."""
    contexts = {name: lab.cluster.context for name, lab in both.labs.items()}
    made = through_wires(moving.kubeconfig, {contexts[EAST]})
    moving.start()
    yield {name: made[context] for name, context in contexts.items() if context in made}
    moving.stop()
    for wire in made.values():
        wire.close()


def declare(fleet: Fleet, key: str, services: list[str], region: str, **more: Any) -> str:
    """Commit the region; approve where the budget holds it, since these tests move more than it allows."""
    commit = fleet.repository.declare(key, {"region": region, "services": services} | more)
    held = {f"{hold['tenant']}/{hold['environment']}": hold["reason"] for hold in fleet.plan()["holds"]}
    if held.get(key) == "DestructiveBudget":
        fleet.approve(key)
    return commit


def tenant_of(both: Regions, fleet: Fleet, service: str, *more: str) -> Tenant:
    """One that is Ready in the west and has 100 rows there."""
    made = Tenant(both, fleet.declare("tenant", service, *more), service)
    fleet.ready(made.key)
    made.write(WEST, 100)
    return made


def in_phase(fleet: Fleet, key: str, phase: Phase) -> Record:
    return fleet.eventually(key, lambda: _in_phase(fleet, key, phase), phase.value)


def _in_phase(fleet: Fleet, key: str, phase: Phase) -> Record | None:
    record = fleet.lab.record(key)
    return record if record and record.move and record.move.phase is phase else None


def settled(fleet: Fleet, key: str, region: str) -> Record:
    """Wait until it is Ready in a region, with nothing left elsewhere. (A revert moves no applied revision.)"""
    return fleet.eventually(key, lambda: _settled(fleet, key, region), f"Ready in {region}, and not moving")


def _settled(fleet: Fleet, key: str, region: str) -> Record | None:
    record = fleet.lab.record(key)
    ready = record and condition(record, "Ready")
    if not record or record.move or not ready or not ready.status:
        return None
    return record if record.region == region and record.applied_digest else None


def gated(both: Regions, verbs_west: dict[str, str], verbs_east: dict[str, str]) -> str:
    """A service whose Jobs do what is said for each verb, by region: a script for each."""
    name = both.west.service("gated")
    both.east.add_service(name)
    for lab, scripts in ((both.west, verbs_west), (both.east, verbs_east)):
        for verb, script in scripts.items():
            lab.add_job(name, lifecycle_job("", verb, script, verbs=f"lifecycle.{verb}"))
    return name


def test_a_revert_while_exporting_brings_it_back_and_nothing_was_imported(
    both: Regions, moving: Fleet, service: str
) -> None:
    slow = gated(
        both, {"upsert": QUICK, "migrate-out": f"{GATE}; {EXPORTS_NOTHING}"}, {"upsert": QUICK, "migrate-in": QUICK}
    )
    tenant = tenant_of(both, moving, service, slow)
    declare(moving, tenant.key, [service, slow], EAST)
    copy = moving.copy_that_runs(tenant.key, slow, 2)
    in_phase(moving, tenant.key, Phase.EXPORTING)
    assert tenant.placement(WEST).state is State.FROZEN

    declare(moving, tenant.key, [service, slow], WEST)
    both.west.open_gate(copy)
    record = settled(moving, tenant.key, WEST)
    assert (record.region, record.epoch) == (WEST, 3)
    assert tenant.placement(WEST).state is State.ACTIVE
    tenant.write(WEST, 1)  # alive again
    assert both.east.placement(tenant.key) is None
    assert not tenant.exists(EAST)


def test_the_source_refuses_writes_during_the_move_and_a_revert_with_the_target_gone_thaws_it(
    both: Regions, moving: Fleet, service: str, wires: dict[str, Wire]
) -> None:
    scripts = {"upsert": QUICK, "migrate-out": EXPORTS_NOTHING, "migrate-in": GATE, "decommission": QUICK}
    slow = gated(both, scripts, scripts)
    tenant = tenant_of(both, moving, service, slow)
    declare(moving, tenant.key, [service, slow], EAST)
    in_phase(moving, tenant.key, Phase.IMPORTING)
    moving.eventually(tenant.key, lambda: both.east.copies(tenant.key, slow)[1:], "the import at its gate")
    with pytest.raises(ClusterError, match="frozen"):
        tenant.write(WEST, 1)

    wires[EAST].cut()
    try:
        declare(moving, tenant.key, [service, slow], WEST)
        moving.eventually(tenant.key, lambda: _writes(tenant), "the source to be writable again")
        record = in_phase(moving, tenant.key, Phase.CLEANING)
        assert (record.region, record.move.cleans) == (WEST, EAST)
    finally:
        wires[EAST].mend()
    copy = both.east.copies(tenant.key, slow)[1]
    both.east.open_gate(copy)
    record = settled(moving, tenant.key, WEST)
    assert (record.region, record.epoch) == (WEST, 3)
    assert not tenant.exists(EAST)
    assert tenant.placement(EAST).state is State.RELEASED
    assert "Reverted" in [entry.event for entry in record.history]


def noticed(fleet: Fleet, region: str) -> None:
    """Wait until the controller has noticed that a region does not answer."""
    down = f'tenantctl_region_up{{region="{region}"}} 0.0'
    eventually(lambda: down in fleet.controller.get("/metrics")[1], f"{region} to be missed")


def _writes(tenant: Tenant) -> bool:
    try:
        tenant.write(WEST, 1)
    except ClusterError:
        return False
    return True


def test_a_target_that_does_not_answer_holds_the_move_before_anything_is_frozen(
    both: Regions, moving: Fleet, service: str, wires: dict[str, Wire]
) -> None:
    tenant = tenant_of(both, moving, service)
    wires[EAST].cut()
    try:
        noticed(moving, EAST)
        moving.repository.declare(tenant.key, {"region": EAST, "services": [service]})
        record = moving.eventually(tenant.key, lambda: _held(moving, tenant.key, "RegionNotAnswering"), "held")
        assert EAST in message(record)
        assert record.move is None
        tenant.write(WEST, 1)
    finally:
        wires[EAST].mend()
        moving.repository.declare(tenant.key, {"region": WEST, "services": [service]})
    settled(moving, tenant.key, WEST)


def test_a_source_that_does_not_answer_is_given_up_only_with_an_approval(
    both: Regions, moving: Fleet, service: str, wires: dict[str, Wire]
) -> None:
    key = moving.key("stranded")
    made = Tenant(both, key, service)
    declare(moving, key, [service], EAST)
    settled(moving, key, EAST)
    made.write(EAST, 10)
    wires[EAST].cut()
    try:
        noticed(moving, EAST)
        commit = declare(moving, key, [service], WEST)
        record = moving.eventually(key, lambda: _held(moving, key, "SourceUnreachable"), "held")
        assert f"tenantctl approve {key} --without-source" in message(record)
        _give_up(moving, key)
        record = in_phase(moving, key, Phase.CLEANING)
        assert (record.region, record.move.without_source) == (WEST, True)
        assert made.rows(WEST) == ""
        made.write(WEST, 1)
        assert condition(moving.ready(key, commit), "Ready").reason == "Applied"
    finally:
        wires[EAST].mend()
    assert settled(moving, key, WEST)
    assert not made.exists(EAST)


def _give_up(fleet: Fleet, key: str) -> None:
    """Approve it as somebody who does not reach the lost region either: its wire is only the reconciler's."""
    west, where = fleet.lab.cluster, ("--repository", str(fleet.repository.folder), "--ref", "main")
    words = ("approve", key, "--without-source", *where, "--reason", "the region burnt down", "--yes")
    tenantctl(*words, KUBECONFIG=str(west.kubeconfig), TENANTCTL_CONTEXT=west.context)


def _held(fleet: Fleet, key: str, reason: str) -> Record | None:
    record = fleet.lab.record(key)
    ready = record and condition(record, "Ready")
    return record if ready and ready.reason == reason else None


def test_verbs_that_do_not_match_hold_the_move(both: Regions, moving: Fleet, service: str) -> None:
    odd = gated(both, {"upsert": QUICK, "migrate-out": QUICK}, {"upsert": QUICK})
    tenant = tenant_of(both, moving, service, odd)
    moving.repository.declare(tenant.key, {"region": EAST, "services": [service, odd]})
    record = moving.eventually(tenant.key, lambda: _held(moving, tenant.key, "VerbsNotSymmetric"), "held")
    assert odd in message(record)
    assert record.move is None
    tenant.write(WEST, 1)
