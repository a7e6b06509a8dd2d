"""Argo CD beside the reconciler, by commits alone: applications, services, and tenantctl's own manifests."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.core import labels
from reconciler.core.record import condition
from tests.cluster import argocd
from tests.e2e.command import ROOT, tenantctl
from tests.e2e.delivery import APPLICATIONS, Delivery, Sources, declared, name_of, settings_map
from tests.e2e.fleet import Fleet, message
from tests.e2e.lab import CONTROL, is_complete
from tests.e2e.service import BUSYBOX, QUICK, lifecycle_job

pytestmark = pytest.mark.cluster
DOCUMENT = ROOT / "docs/argo-cd.md"
# A Deployment that cannot begin: Argo CD finds it Degraded once its deadline is over.
CONTAINER = {"name": "web", "image": BUSYBOX, "command": ["nothing-of-that-name"]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}
BROKEN = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"progressDeadlineSeconds": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}


@pytest.fixture(scope="module", autouse=True)
def controller(own_fleet: Fleet, delivery: Delivery) -> None:
    own_fleet.start()


def test_an_application_comes_changes_and_goes_with_commits(own_fleet: Fleet, delivery: Delivery) -> None:
    fleet, sources, key = own_fleet, delivery.sources("portal"), own_fleet.key("acme")
    sources.push("portal/settings.yaml", settings_map("portal", colour="red"))
    entry, name = declared(key, sources), name_of(key, "portal")
    argocd.pause(delivery.argo)
    try:
        fleet.repository.declare(key, fleet.spec(applications=[entry], deletionProtection=False))
        fleet.eventually(key, lambda: "portal: Argo CD at" in _ready_says(fleet, key), "Ready to say what it waits for")
        assert "does not answer" in _ready_says(fleet, key)
    finally:
        argocd.resume(delivery.argo)
    fleet.ready(key)
    assert delivery.status(name) == ("Synced", "Healthy")
    described = fleet.tenantctl("describe", key).stdout
    assert "\n  portal  Synced, Healthy\n" in described
    assert f"\n      {delivery.argo.url}/applications/{name}\n" in described

    _is_healed_by_argo_cd(fleet, key, entry["namespace"])
    _is_followed_afterwards(fleet, delivery, key, sources)
    commit = fleet.repository.declare(key, fleet.spec(deletionProtection=False))
    fleet.ready(key, commit)
    fleet.eventually(key, lambda: delivery.application(name) is None, "the application to go")
    assert fleet.lab.kube.find(CONFIG_MAPS, entry["namespace"], "portal") is None


def test_a_decommission_takes_the_application_away_before_the_data(own_fleet: Fleet, delivery: Delivery) -> None:
    fleet, lab = own_fleet, own_fleet.lab
    fleet.declare("globex")  # a source that declares nothing at all would not be trusted
    service = lab.service(
        "service", lifecycle_job("", "lifecycle", QUICK, verbs="lifecycle.upsert,lifecycle.decommission")
    )
    sources, key = delivery.sources("portal"), fleet.key("acme")
    sources.push("portal/settings.yaml", settings_map("portal"))
    entry, name = declared(key, sources), name_of(key, "portal")
    fleet.repository.declare(key, fleet.spec(service, applications=[entry], deletionProtection=False))
    fleet.ready(key)
    assert delivery.status(name) == ("Synced", "Healthy")

    fleet.repository.remove(key)
    fleet.eventually(key, lambda: (record := lab.record(key)) and record.gone, "the environment to be decommissioned")
    assert delivery.application(name) is None
    assert lab.kube.find(CONFIG_MAPS, entry["namespace"], "portal") is None
    outcome = delivery.outcome(key, "application/decommission/portal")
    assert outcome
    assert outcome.at <= lab.copies(key, service)[-1]["metadata"]["creationTimestamp"]


def _is_healed_by_argo_cd(fleet: Fleet, key: str, namespace: str) -> None:
    """What somebody edits by hand is put back while the reconciler, which has looked too, runs nothing."""
    kube, runs = fleet.lab.kube, len(fleet.lab.runs(key))
    deployed = kube.get(CONFIG_MAPS, namespace, "portal")["data"]
    kube.merge(CONFIG_MAPS, namespace, "portal", {"data": {"colour": "blue"}})
    fleet.look(key)
    healed = lambda: kube.get(CONFIG_MAPS, namespace, "portal")["data"] == deployed  # noqa: E731
    fleet.eventually(key, healed, "Argo CD to heal it")
    fleet.look(key)
    assert len(fleet.lab.runs(key)) == runs, "the reconciler left it to Argo CD"


def _is_followed_afterwards(fleet: Fleet, delivery: Delivery, key: str, sources: Sources) -> None:
    """What becomes of it in Argo CD without us is told; when somebody deletes it there, it is brought again."""
    name, runs = name_of(key, "portal"), len(fleet.lab.runs(key))
    sources.push("portal/web.yaml", BROKEN)
    ill = lambda: _reason(fleet, key) == "ApplicationNotHealthy" and "portal: " in _ready_says(fleet, key)  # noqa: E731
    fleet.eventually(key, ill, "not to be Ready")
    sources.git("rm", "--quiet", "portal/web.yaml")
    sources.push("portal/settings.yaml", settings_map("portal"))
    fleet.ready(key)
    assert len(fleet.lab.runs(key)) == runs, "that was Argo CD's own affair"

    before = (delivery.application(name) or {})["metadata"]["uid"]
    fleet.lab.kube.delete(APPLICATIONS, argocd.NAMESPACE, name)
    other = lambda: (delivery.application(name) or {"metadata": {"uid": before}})["metadata"]["uid"] != before  # noqa: E731
    fleet.eventually(key, other, "the application to be brought again")
    fleet.ready(key)


def _reason(fleet: Fleet, key: str) -> str:
    record = fleet.lab.record(key)
    ready = condition(record, "Ready") if record else None
    return ready.reason if ready else ""


def _ready_says(fleet: Fleet, key: str) -> str:
    record = fleet.lab.record(key)
    return message(record) if record else ""


def test_a_push_of_a_changed_job_is_run_for_every_environment_that_it_concerns(
    own_fleet: Fleet, delivery: Delivery
) -> None:
    """A service team pushes to its own repository and does nothing else."""
    fleet, lab, sources = own_fleet, own_fleet.lab, delivery.sources("service")
    service = delivery.service(lab.service("service"), sources)
    using, other = [fleet.declare(word, service) for word in ("acme", "globex")], fleet.declare("hooli")
    sources.push("job.yaml", lifecycle_job(service, "lifecycle", QUICK))
    for number, script in enumerate((QUICK, "echo another"), start=1):
        sources.push("job.yaml", lifecycle_job(service, "lifecycle", script))
        for key in using:
            fleet.eventually(key, lambda: len(_completed(fleet, key, service)) == number, f"run number {number}")  # noqa: B023
            assert _script(_completed(fleet, key, service)[-1]) == script
            fleet.ready(key)
    fleet.ready(other)
    assert lab.copies(other) == []
    fleet.eventually(service, lambda: delivery.status(service) == ("Synced", "Healthy"), "Synced and Healthy")


def _completed(fleet: Fleet, key: str, service: str) -> list[Any]:
    return [copy for copy in fleet.lab.copies(key, service) if is_complete(copy)]


def _script(copy: Any) -> str:
    return str(copy["spec"]["template"]["spec"]["containers"][0]["args"][0])


@pytest.fixture
def own(own_fleet: Fleet, delivery: Delivery) -> Iterator[str]:
    """tenantctl's own manifests in a repository, and the documented Application that syncs them; returns its name."""
    sources = delivery.sources("tenantctl")
    sources.push("tenantctl/all.yaml", tenantctl("install", "--export", *delivery.settings(own_fleet.lab)).stdout)
    (text,) = [block for block in DOCUMENT.read_text().split("```yaml\n") if "path: tenantctl\n" in block]
    body = yaml.safe_load(text.partition("```")[0].replace("https://git.example.com/platform.git", sources.url))
    body["metadata"]["name"] = name = own_fleet.lab.name("own")
    own_fleet.lab.kube.create(APPLICATIONS, argocd.NAMESPACE, body)
    yield name
    own_fleet.lab.kube.delete(APPLICATIONS, argocd.NAMESPACE, name)


def test_tenantctls_own_manifests_stay_in_sync_while_it_works(own_fleet: Fleet, delivery: Delivery, own: str) -> None:
    """What the reconciler writes on what Argo CD has synced is not taken back, and a change by hand is."""
    fleet, kube = own_fleet, own_fleet.lab.kube
    synced = lambda: delivery.status(own) == ("Synced", "Healthy")  # noqa: E731
    fleet.eventually(own, synced, f"Synced and Healthy: {delivery.application(own)}")
    key = fleet.declare("acme")
    fleet.ready(key)
    before = fleet.eventually(key, lambda: books_kept(fleet), "the books to be kept")

    wanted = kube.get(CONFIG_MAPS, CONTROL, labels.FLEET)["metadata"]["labels"]
    kube.merge(CONFIG_MAPS, CONTROL, labels.FLEET, {"metadata": {"labels": {labels.PART_OF: "somebody"}}})
    healed = lambda: kube.get(CONFIG_MAPS, CONTROL, labels.FLEET)["metadata"]["labels"] == wanted  # noqa: E731
    fleet.eventually(own, healed, "the label to be healed")
    fleet.eventually(own, synced, "Synced and Healthy again")
    after = kube.get(CONFIG_MAPS, CONTROL, labels.FLEET)["data"]
    assert (after["records"], after["accepted"]) == (before["records"], before["accepted"])


def books_kept(fleet: Fleet) -> dict[str, str] | None:
    """The fleet's ConfigMap, once it says the commit and the count: both are written after a record says Ready."""
    kube = fleet.lab.kube
    data: dict[str, str] = kube.get(CONFIG_MAPS, CONTROL, labels.FLEET)["data"]
    there = sum(1 for _ in kube.list(CONFIG_MAPS, CONTROL, labelSelector=labels.selects("record")))
    kept = data.get("accepted") == fleet.repository.git("rev-parse", "HEAD") and data["records"] == str(there)
    return data if kept and there else None
