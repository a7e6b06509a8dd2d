"""An environment with an application of its own, by commits alone: reconciler, runs in pods, and the real Argo CD."""

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS
from tests.e2e.delivery import Delivery, declared, name_of, settings_map
from tests.e2e.fleet import Fleet

pytestmark = pytest.mark.cluster


def test_an_application_comes_changes_and_goes_with_commits(own_fleet: Fleet, delivery: Delivery) -> None:
    fleet, lab = own_fleet, own_fleet.lab
    fleet.start()
    sources, key = delivery.sources("portal"), fleet.key("acme")
    sources.push("portal/settings.yaml", settings_map("portal"))
    entry, name = declared(key, sources), name_of(key, "portal")
    fleet.repository.declare(key, fleet.spec(applications=[entry], deletionProtection=False))
    fleet.ready(key)
    assert delivery.status(name) == ("Synced", "Healthy")

    commit = fleet.repository.declare(key, fleet.spec(deletionProtection=False))
    fleet.ready(key, commit)
    fleet.eventually(key, lambda: delivery.application(name) is None, "the application to go")
    assert lab.kube.find(CONFIG_MAPS, entry["namespace"], "portal") is None

    fleet.ready(key, fleet.repository.declare(key, fleet.spec(applications=[entry], deletionProtection=False)))
    assert delivery.status(name) == ("Synced", "Healthy")
    fleet.repository.remove(key)
    fleet.eventually(key, lambda: lab.record(key).gone, "the environment to be decommissioned")
    assert delivery.application(name) is None
