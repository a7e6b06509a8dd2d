"""Controllers that are killed at any write, that overlap, and that are started again where nothing has changed."""

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, WORKFLOWS
from tests.e2e.controller import Controller
from tests.e2e.deaths import Left, assert_whole, die
from tests.e2e.dying import WHENS, WRITES
from tests.e2e.fleet import Fleet
from tests.e2e.lab import CONTROL, WORKFLOW
from tests.e2e.service import QUICK, lifecycle_job
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.cluster

KILLS = [(where, when) for where in WRITES for when in WHENS]
OVERLAPPING = 3


@pytest.fixture(scope="module")
def service(own_fleet: Fleet) -> str:
    return own_fleet.lab.service("service", lifecycle_job("", "lifecycle", QUICK))


@pytest.fixture(scope="module")
def killed(own_fleet: Fleet, service: str) -> dict[tuple[str, str], tuple[str, Left]]:
    """One environment for each place to die; then a controller that lives, and goes on with all of them."""
    found = {kill: die(own_fleet, service, *kill) for kill in KILLS}
    own_fleet.start()
    return found


@pytest.mark.parametrize(("where", "when"), KILLS)
def test_a_kill_at_any_write_loses_nothing_and_doubles_nothing(own_fleet: Fleet, killed, where: str, when: str) -> None:
    key, left = killed[where, when]
    assert_whole(own_fleet, key, left, where, when)


def test_two_controllers_at_once_launch_one_run_for_each(own_fleet: Fleet, service: str, killed) -> None:
    first, second = own_fleet.controller, own_fleet.start()
    keys = [own_fleet.key("overlap") for _ in range(OVERLAPPING)]
    with own_fleet.repository.locked():
        for key in keys:
            own_fleet.repository.write_environment(key, own_fleet.spec(service))
        own_fleet.repository.commit("For both of them")
    for key in keys:
        record = own_fleet.ready(key)
        assert len(own_fleet.lab.runs(key)) == 1
        assert len(own_fleet.lab.copies(key)) == 1
        assert record.seq == 1
    for controller in (first, second):
        assert controller.metric("tenantctl_reconcile_total") >= OVERLAPPING


def test_a_controller_that_starts_where_nothing_changed_writes_nothing(own_fleet: Fleet, killed) -> None:
    for key, _ in killed.values():
        own_fleet.ready(key)
    for controller in own_fleet.controllers:
        _at_rest(controller)  # Ready is not the last that is written: what is left of the pass would be written later
    own_fleet.stop()
    before = _versions(own_fleet)
    assert len(before) > 2 * len(KILLS)

    controller = own_fleet.start()
    records = sum(namespace == CONTROL for _, namespace, _ in before)
    eventually(lambda: controller.metric("tenantctl_reconcile_total") >= records, "a pass over every environment", 180)
    _at_rest(controller)
    after = _versions(own_fleet)
    assert {
        name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)
    } == {}


def _at_rest(controller: Controller) -> None:
    """Nothing waits to be looked at, and nothing was being looked at between two looks."""
    seen = [(-1.0, -1.0)]

    def quiet() -> bool:
        seen.append((controller.metric("tenantctl_queue_depth"), controller.metric("tenantctl_reconcile_total")))
        return seen[-1][0] == 0 and seen[-1] == seen[-2]

    eventually(quiet, "nothing left to look at", 120)


def _versions(fleet: Fleet) -> dict[tuple[str, str, str], str]:
    """Records and placements of what is declared by their versions, runs by their uids: Argo writes its own."""
    tenants = tuple(folder.name for folder in (fleet.repository.folder / "tenants").iterdir())
    found = {}
    for plural, resource, namespace in (
        ("cm", CONFIG_MAPS, CONTROL),
        ("cm", CONFIG_MAPS, WORKFLOW),
        ("wf", WORKFLOWS, WORKFLOW),
    ):
        for item in fleet.lab.kube.list(resource, namespace):
            metadata = item["metadata"]
            if metadata["name"].startswith(tenants):
                version = metadata["uid"] if resource is WORKFLOWS else metadata["resourceVersion"]
                found[plural, namespace, metadata["name"]] = version
    return found
