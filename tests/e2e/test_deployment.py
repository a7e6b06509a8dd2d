"""The controller as `install` puts it into a cluster, reading its repository over HTTP; and its removal."""

from collections.abc import Iterator

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, PODS
from reconciler.core.names import Key
from reconciler.manifests import Settings, render
from reconciler.manifests.kinds import KEPT, id_of
from tests.e2e.conftest import install
from tests.e2e.fleet import REGION, Fleet
from tests.e2e.lab import CONTROL, Lab
from tests.e2e.service import QUICK, lifecycle_job
from tests.e2e.waiting import eventually
from tests.gitserver import serving

pytestmark = pytest.mark.cluster

COMPONENT = "app.kubernetes.io/component=reconciler"


@pytest.fixture(scope="module")
def deployed(own_fleet: Fleet) -> Iterator[Fleet]:
    """Installed as a user would, from a server that pods can reach; afterwards as other tests want it."""
    fleet, cluster = own_fleet, own_fleet.lab.cluster
    if not cluster.host:
        pytest.skip("pods of this cluster cannot reach this machine")
    root = fleet.repository.folder.parent
    (root / "fleet.git").symlink_to(fleet.repository.folder / ".git")
    with serving(root, cluster.host) as server:
        place = ("--repository", server.url("fleet.git"), "--interval", "2", "--region", REGION)
        fleet.tenantctl("install", "--image", cluster.image, *place)
        yield fleet
    install(cluster)


def test_it_makes_an_environment_ready(deployed: Fleet) -> None:
    service = deployed.lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = deployed.declare("deployed", service)
    deployed.ready(key)
    assert len(deployed.lab.runs(key)) == 1


def test_it_answers_its_probes_and_tells_its_metrics(deployed: Fleet) -> None:
    pod = _pod(deployed.lab)
    assert _ask(deployed.lab, pod, "readyz") == "ok\n"
    assert _ask(deployed.lab, pod, "healthz") == "ok\n"
    assert f'tenantctl_region_up{{region="{REGION}"}} 1.0' in _ask(deployed.lab, pod, "metrics").splitlines()


def test_uninstall_removes_it_all_but_what_holds_state(deployed: Fleet) -> None:
    lab = deployed.lab
    key = Key.parse(deployed.declare("kept"))
    eventually(lambda: lab.record(str(key)), "a record to keep")
    objects = [id_of(item) for item in render(Settings(repository="https://example.com/fleet.git"))]
    present = [item for item in objects if _exists(lab, item)]
    assert present == objects

    deployed.tenantctl("uninstall", "--yes")
    assert [item for item in objects if _exists(lab, item)] == [item for item in objects if item.kind in KEPT]
    assert lab.kube.find(CONFIG_MAPS, CONTROL, key.dotted) is not None
    eventually(lambda: not list(lab.kube.list(PODS, CONTROL, labelSelector=COMPONENT)), "the controller's pod to end")


def _exists(lab: Lab, item) -> bool:
    return lab.kube.find(item.resource, item.namespace or None, item.name) is not None


def _pod(lab: Lab) -> str:
    (pod,) = lab.kube.list(PODS, CONTROL, labelSelector=COMPONENT)
    return str(pod["metadata"]["name"])


def _ask(lab: Lab, pod: str, path: str) -> str:
    with lab.kube.stream(f"{PODS.path(CONTROL, f'{pod}:8080', 'proxy')}/{path}", {}, 20) as response:
        return str(response.read().decode())
