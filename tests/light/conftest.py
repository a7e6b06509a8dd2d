"""The fixtures of the end-to-end tests, on clusters whose kubelet and Argo are the stand-in (`tests.standin`)."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import objectstore
from tests.e2e.conftest import install, make_fleet
from tests.e2e.fleet import Fleet
from tests.e2e.lab import CONTROL, PREFIX, SERVICE_ACCOUNTS
from tests.e2e.repository import Repository
from tests.e2e.together import Together
from tests.lanes import second_cluster_name
from tests.light.lab import NAME, LightLab
from tests.light.regions import LightRegions
from tests.standin import start

together = Together(Path(__file__).parent)
_shared: list[Fleet] = []


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    return together.call(pyfuncitem)


@pytest.fixture(scope="session")
def lab() -> Iterator[LightLab]:
    """The cluster, with nothing of earlier tests in it, and tenantctl installed as a user would."""
    if os.environ.get("CONTEXT"):
        pytest.skip("the stand-in runs beside clusters that are started here")
    found = LightLab(start.up(NAME))
    found.sweep()
    found.kube.delete(SERVICE_ACCOUNTS, CONTROL, "tenantctl-reconciler")  # tokens of a killed run's controller end
    install(found.cluster)
    yield found
    found.kube.close()


@pytest.fixture(scope="session")
def fleet(lab: LightLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The fleet of the tests that run together, with a controller."""
    made = make_fleet(lab, tmp_path_factory.mktemp("fleet"), dark=True)
    _shared.append(made)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def own_fleet(lab: LightLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet of the module's own, the only one in the cluster; its controllers are started by the tests."""
    while _shared:
        _shared.pop().stop()
    lab.sweep()
    made = make_fleet(lab, tmp_path_factory.mktemp("own"), dark=False)
    yield made
    made.stop()
    lab.sweep()


@pytest.fixture(scope="session")
def both(lab: LightLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightRegions]:
    """Two clusters, tenantctl and the object store in both. For modules with the only fleet (`moving`)."""
    other = LightLab(start.up(f"light-{second_cluster_name()}"))
    keys = tmp_path_factory.mktemp("archives") / "credentials"
    made = LightRegions(lab, other, objectstore.up(), f"{PREFIX}{secrets.token_hex(4)}", keys)
    other.kube.delete(SERVICE_ACCOUNTS, CONTROL, "tenantctl-reconciler")
    made.install()
    yield made
    made.sweep()
    other.kube.close()


@pytest.fixture(scope="module")
def moving(both: LightRegions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The only fleet, in two regions; its reconciler has a kubeconfig of both and is started by the tests."""
    while _shared:
        _shared.pop().stop()
    both.sweep()
    folder = tmp_path_factory.mktemp("moving")
    repository = Repository(folder / "fleet", both.declared())
    others = (both.east.cluster.kubeconfig,)
    made = Fleet(both.west, repository, both.kubeconfig_of(folder), folder / "controller.log", others=others)
    yield made
    made.stop()
    both.sweep()
