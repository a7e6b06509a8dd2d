"""An environment with an application moves between two regions that one Argo CD serves: its target's application comes
first, then its source's goes with all that it deployed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.core.outcome import Outcome
from reconciler.core.record import Record
from reconciler.core.step import Step
from tests.cluster import argocd
from tests.e2e.delivery import Delivery, declared, name_of, settings_map
from tests.e2e.fleet import Fleet
from tests.e2e.regions import EAST, WEST, Regions

pytestmark = pytest.mark.cluster
UP, DOWN = Step.parse("application/upsert/portal"), Step.parse("application/decommission/portal")


@pytest.fixture(scope="module")
def served(both: Regions, delivery: Delivery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """The other region knows the same Argo CD, with a project and a token of its own."""
    argocd.know(delivery.argo, both.east.cluster)
    folder: Path = tmp_path_factory.mktemp("east")
    delivery.install_in(both.east, project="tenants-east", cluster=both.east.cluster.api, folder=folder)
    yield delivery
    delivery.sweep()
    argocd.forget(delivery.argo, both.east.cluster)


def test_the_targets_application_comes_before_the_sources_goes(moving: Fleet, both: Regions, served: Delivery) -> None:
    moving.start()
    sources, key = served.sources("portal"), moving.key("acme")
    sources.push("portal/settings.yaml", settings_map("portal"))
    spec = moving.spec(applications=[declared(key, sources)])
    west, east = name_of(key, "portal", WEST), name_of(key, "portal", EAST)
    moving.repository.declare(key, spec)
    moving.ready(key)
    assert served.status(west) == ("Synced", "Healthy")
    assert _deployed(both, WEST, key)

    commit = moving.repository.declare(key, spec | {"region": EAST})
    moving.eventually(key, lambda: _settled(moving, key, commit), "moved")
    assert served.status(east) == ("Synced", "Healthy")
    assert _deployed(both, EAST, key)
    assert served.application(west) is None
    assert not _deployed(both, WEST, key)
    assert _outcome(both, EAST, key, UP).at <= _outcome(both, WEST, key, DOWN).at


def _settled(fleet: Fleet, key: str, commit: str) -> Record | None:
    record = fleet.ready(key, commit)
    return record if record.move is None and record.region == EAST else None


def _deployed(both: Regions, region: str, key: str) -> bool:
    return both.labs[region].kube.find(CONFIG_MAPS, key.replace("/", "-"), "portal") is not None


def _outcome(both: Regions, region: str, key: str, step: Step) -> Outcome:
    placement = both.labs[region].placement(key)
    assert placement
    return placement.outcomes[step]
