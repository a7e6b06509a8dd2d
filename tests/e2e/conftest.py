"""One installed cluster for all tests here, and one fleet that those marked `together` share.

A run takes about ten seconds, most of it waiting for pods. So scenarios that do not disturb each other are marked
`together`: the first of them starts them all, each in a thread, and every test waits for its own. The others come after
them, with a controller of their own (`own_fleet`).
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import cluster
from tests.cluster import Cluster, argocd, existing, objectstore
from tests.e2e.command import tenantctl
from tests.e2e.delivery import Delivery
from tests.e2e.fleet import Fleet, regions
from tests.e2e.lab import CONTROL, PREFIX, SERVICE_ACCOUNTS, Lab
from tests.e2e.regions import Regions
from tests.e2e.repository import Repository
from tests.e2e.together import Together
from tests.lanes import cluster_name, second_cluster_name

NAME = cluster_name()
together = Together(Path(__file__).parent)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    return together.call(pyfuncitem)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The cluster, with nothing of earlier tests in it, and tenantctl installed as a user would."""
    found = Lab(_cluster())
    found.sweep()
    found.kube.delete(SERVICE_ACCOUNTS, CONTROL, "tenantctl-reconciler")  # tokens of a killed run's controller end
    install(found.cluster)
    yield found
    found.kube.close()


def _cluster() -> Cluster:
    context = os.environ.get("CONTEXT")
    if context:
        return existing.use(NAME, context, os.environ.get("IMAGE", ""))
    return cluster.up(NAME)


def install(where: Cluster) -> None:
    """Install without a controller: the tests start their own."""
    image = ("--image", where.image) if where.image else ()
    words = ("install", "--no-reconciler", *image, "--kubeconfig", where.kubeconfig, "--context", where.context)
    tenantctl(*words)


def make_fleet(lab: Lab, folder: Path, *, dark: bool) -> Fleet:
    """A new repository, and the reconciler's own kubeconfig. `dark`: with a region that never answers."""
    kubeconfig = lab.kubeconfig_of(folder, "tenantctl-reconciler", CONTROL)
    listed = regions(lab.cluster.context)[: 2 if dark else 1]
    return Fleet(lab, Repository(folder / "fleet", listed), kubeconfig, folder / "controller.log")


_shared: list[Fleet] = []


@pytest.fixture(scope="session")
def fleet(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The fleet of the tests that run together, with a controller."""
    made = make_fleet(lab, tmp_path_factory.mktemp("fleet"), dark=True)
    _shared.append(made)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def administered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """Argo CD beside the cluster, tenantctl installed with its token. It stays up, as the cluster does.

    Without our own image, unless it is there: what happens in pods is for others.
    """
    if os.environ.get("CONTEXT"):
        pytest.skip("Argo CD is for local clusters")
    found = Lab(cluster.up(NAME, with_image=False))
    made = Delivery(found, argocd.provide(NAME), tmp_path_factory.mktemp("delivery"))
    made.sweep()
    made.install()
    yield made
    found.kube.close()


@pytest.fixture(scope="module")
def delivery(administered: Delivery) -> Iterator[Delivery]:
    """The same; after the module Argo CD has nothing of it left to heal, for that would be work beside other tests."""
    yield administered
    administered.sweep()


@pytest.fixture(scope="session")
def both(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    """Two clusters, tenantctl and the object store in both. For modules with the only fleet (`moving`)."""
    if os.environ.get("CONTEXT"):
        pytest.skip("two clusters and the object store are for local clusters")
    other = Lab(cluster.up(second_cluster_name()))
    keys = tmp_path_factory.mktemp("archives") / "credentials"
    made = Regions(lab, other, objectstore.up(), f"{PREFIX}{secrets.token_hex(4)}", keys)
    other.kube.delete(SERVICE_ACCOUNTS, CONTROL, "tenantctl-reconciler")
    made.install()
    yield made
    made.sweep()
    other.kube.close()


@pytest.fixture(scope="module")
def moving(both: Regions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
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


@pytest.fixture(scope="module")
def own_fleet(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet of the module's own, the only one in the cluster; its controllers are started by the tests."""
    while _shared:
        _shared.pop().stop()
    lab.sweep()
    made = make_fleet(lab, tmp_path_factory.mktemp("own"), dark=False)
    yield made
    made.stop()
    lab.sweep()
