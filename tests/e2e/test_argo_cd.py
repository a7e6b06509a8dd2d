"""Services by GitOps on the real Argo CD: lifecycle Jobs are healthy while they wait, and nobody fights."""

import json
import urllib.error
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, Resource
from reconciler.bridge.exits import DONE
from reconciler.core import labels
from reconciler.core.job_copy import copy_of
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step
from reconciler.manifests.render import health_script
from tests.cluster import argocd
from tests.cluster.kubectl import kubectl
from tests.e2e.command import ROOT, tenantctl
from tests.e2e.delivery import Delivery, Sources, declared, name_of, settings_map
from tests.e2e.service import BUSYBOX, QUICK, lifecycle_job
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.cluster
DOCUMENT = ROOT / "docs/argo-cd.md"
HEALTH = "resource.customizations.health.batch_Job"
WAVE, HOOK, POLICY = (f"argocd.argoproj.io/{name}" for name in ("sync-wave", "hook", "hook-delete-policy"))


def ordinary(name: str, script: str, *, suspend: bool = False, **annotations: str) -> dict[str, Any]:
    container = {"name": "main", "image": BUSYBOX, "command": ["sh", "-euc", script]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    spec = {"backoffLimit": 0, "suspend": suspend, "template": {"spec": pod}}
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def job_in(namespace: str) -> dict[str, Any]:
    made = lifecycle_job(namespace, "lifecycle", QUICK)
    made["metadata"]["annotations"][WAVE] = "0"
    return made


class Service:
    """A service team's repository, namespace and Application."""

    def __init__(self, delivery: Delivery, word: str) -> None:
        self.delivery, self.kube = delivery, delivery.lab.kube
        self.namespace = delivery.lab.service(word)
        self.sources: Sources = delivery.sources(word)

    def begin(self, **policy: Any) -> None:
        self.delivery.service(self.namespace, self.sources, **policy)

    def status(self) -> tuple[str, str]:
        return self.delivery.status(self.namespace)

    def until(self, probe: Callable[[], Any], what: str) -> Any:
        application = lambda: json.dumps((self.delivery.application(self.namespace) or {}).get("status"))  # noqa: E731
        return eventually(probe, what, state=application)

    def healthy(self) -> None:
        self.until(lambda: self.status() == ("Synced", "Healthy"), "Synced and Healthy")

    def job(self, name: str = "lifecycle") -> dict[str, Any]:
        return self.kube.get(JOBS, self.namespace, name)

    def health(self, name: str) -> str:
        tree = self.delivery.argo.ask("GET", f"/api/v1/applications/{self.namespace}/resource-tree")
        found = [node for node in tree["nodes"] if (node["kind"], node["name"]) == ("Job", name)]
        return str(found[0].get("health", {}).get("status", "")) if found else ""

    def known(self, *names: str) -> None:
        """Wait until these Jobs are in the tree of resources: before, Argo CD says that there are none."""
        for name in names:
            self.until(lambda name=name: self.health(name), f"{name} in the tree of resources")

    def sync(self, revision: str) -> None:
        """As `argocd app sync` does; returns when that operation is over."""
        self.delivery.argo.ask("POST", f"/api/v1/applications/{self.namespace}/sync", {"revision": revision})
        over = lambda: "operation" not in (self.delivery.application(self.namespace) or {"operation": 1})  # noqa: E731
        self.until(over, "the sync to end")
        operation = (self.delivery.application(self.namespace) or {})["status"]["operationState"]
        assert operation["phase"] == "Succeeded", operation


@pytest.fixture
def service(delivery: Delivery, request: pytest.FixtureRequest) -> Iterator[Service]:
    yield Service(delivery, "service")
    argocd.settings(delivery.argo, {HEALTH: health_script(), "application.resourceTrackingMethod": None})


# -- health ------------------------------------------------------------------------------------------------------------


def test_an_application_with_lifecycle_jobs_is_healthy_by_the_script(service: Service) -> None:
    """With a wave after the Job and a hook after that; without the script the Application is Suspended."""
    hook = ordinary("after", "true", **{HOOK: "PostSync", POLICY: "BeforeHookCreation"})
    later = settings_map("later")
    later["metadata"]["annotations"] = {WAVE: "1"}
    service.sources.push("all.yaml", job_in(service.namespace), later, hook)
    service.begin()
    service.healthy()
    assert service.health("lifecycle") == "Healthy"
    assert service.kube.find(CONFIG_MAPS, service.namespace, "later")
    service.until(lambda: service.job("after")["status"].get("succeeded"), "the hook to have run")
    assert service.job()["spec"]["suspend"] is True

    argocd.settings(service.delivery.argo, {HEALTH: None})
    service.until(lambda: service.status()[1] == "Suspended", "Suspended, which Argo CD calls it by itself")


def test_ordinary_jobs_keep_their_rules(service: Service) -> None:
    service.sources.push(
        "all.yaml",
        ordinary("complete", "true"),
        ordinary("failed", "exit 3"),
        ordinary("running", "sleep 3600"),
        ordinary("waiting", "true", suspend=True),
    )
    service.begin()
    wanted = {"complete": "Healthy", "failed": "Degraded", "running": "Progressing", "waiting": "Suspended"}
    for name, health in wanted.items():
        service.until(lambda name=name, health=health: service.health(name) == health, f"{name} to be {health}")
    argocd.settings(service.delivery.argo, {HEALTH: None})
    for name, health in wanted.items():
        service.until(lambda name=name, health=health: service.health(name) == health, f"{name}: {health} by itself")


# -- force and replace -------------------------------------------------------------------------------------------------


def test_force_and_replace_at_every_sync_plans_nothing(service: Service) -> None:
    """A new uid at every sync, and the same hash; a push of another image is another hash with no other step."""
    commit = service.sources.push("job.yaml", job_in(service.namespace))
    service.begin(syncOptions=[])
    service.sync(commit)
    seen = [(service.job()["metadata"]["uid"], found(service).hash)]
    for _ in range(2):
        service.sync(commit)
        seen.append((service.job()["metadata"]["uid"], found(service).hash))
    assert len({uid for uid, _ in seen}) == 3, "Argo CD replaced it"
    assert len({job_hash for _, job_hash in seen}) == 1

    changed = job_in(service.namespace)
    changed["spec"]["template"]["spec"]["containers"][0]["args"] = ["echo changed"]
    service.sync(service.sources.push("job.yaml", changed))
    assert found(service).hash != seen[0][1]


def found(service: Service) -> LifecycleJob:
    job = read_lifecycle_job(service.job(), (labels.VERBS_ANNOTATION,))
    assert job
    return job


@pytest.mark.parametrize("tracking", ["annotation", "label", "annotation+label"])
def test_copies_are_neither_adopted_nor_pruned(service: Service, tracking: str) -> None:
    """However Argo CD tracks what is its own; a copy in flight outlives the Job that it was made from."""
    argocd.settings(service.delivery.argo, {"application.resourceTrackingMethod": tracking})
    service.sources.push("all.yaml", job_in(service.namespace), settings_map("settings"))
    service.begin()
    service.healthy()
    raw, step = service.job(), Step(Kind.JOB, "upsert", (service.namespace, "lifecycle"))
    tracked = {**raw["metadata"]["annotations"], **(raw["metadata"].get("labels") or {})}
    mark = "app.kubernetes.io/instance" if tracking == "label" else "argocd.argoproj.io/tracking-id"
    assert mark in tracked
    key = Key(service.delivery.lab.name("acme"), "production")
    placement = Placement(key, {"spec": {"region": "eu-west"}}, "digest", "abc", 1, State.ACTIVE)
    body = copy_of(raw, found(service), placement, "run-1", step, labels.COPY)
    copy = service.kube.create(JOBS, service.namespace, body)

    service.sources.push("all.yaml", settings_map("settings", changed="yes"))
    service.until(lambda: service.kube.find(JOBS, service.namespace, "lifecycle") is None, "the Job to be pruned")
    service.healthy()
    live = service.kube.get(JOBS, service.namespace, copy["metadata"]["name"])
    assert live["metadata"]["uid"] == copy["metadata"]["uid"]
    assert "deletionTimestamp" not in live["metadata"]
    resources = service.delivery.application(service.namespace)["status"]["resources"]
    assert {item["kind"] for item in resources} == {"ConfigMap"}


# -- actions -----------------------------------------------------------------------------------------------------------


def test_argo_cds_resume_action_is_refused_for_a_lifecycle_job_only(service: Service) -> None:
    service.sources.push("all.yaml", job_in(service.namespace), ordinary("waiting", "true", suspend=True))
    service.begin(syncOptions=[])
    service.sync("main")
    service.known("lifecycle", "waiting")
    with pytest.raises(urllib.error.HTTPError) as refused:
        act(service, "lifecycle")
    with refused.value as answer:
        assert "is a template for tenantctl and never started itself" in answer.read().decode()
    assert service.job()["spec"]["suspend"] is True
    act(service, "waiting")
    service.until(lambda: service.job("waiting")["status"].get("succeeded"), "an ordinary Job to be resumed")


def act(service: Service, name: str) -> None:
    body = {
        "name": service.namespace, "namespace": service.namespace, "resourceName": name, "version": "v1",
        "group": "batch", "kind": "Job", "action": "resume",
    }  # fmt: skip
    service.delivery.argo.ask("POST", f"/api/v1/applications/{service.namespace}/resource/actions/v2", body)


# -- links -------------------------------------------------------------------------------------------------------------


def test_a_lifecycle_job_links_to_the_runs(service: Service) -> None:
    service.sources.push("all.yaml", job_in(service.namespace), ordinary("waiting", "true", suspend=True))
    service.begin(syncOptions=[])
    service.sync("main")
    service.known("lifecycle", "waiting")
    (link,) = links(service, "lifecycle")
    assert link["title"] == "Runs of lifecycle Jobs"
    wanted = "https://argo.example.com/workflows/tenantctl-workflows?label=app.kubernetes.io/managed-by%3Dtenantctl"
    assert link["url"] == wanted
    assert links(service, "waiting") == []


def links(service: Service, name: str) -> list[dict[str, Any]]:
    query = f"namespace={service.namespace}&resourceName={name}&version=v1&group=batch&kind=Job"
    answer = service.delivery.argo.ask("GET", f"/api/v1/applications/{service.namespace}/resource/links?{query}")
    found: list[dict[str, Any]] = answer.get("items") or []
    return found


# -- application sets --------------------------------------------------------------------------------------------------


@pytest.fixture
def applied(delivery: Delivery) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Applies ApplicationSets; they and what they made go at the end."""
    made: list[str] = []

    def apply(item: dict[str, Any]) -> None:
        made.append(item["metadata"]["name"])
        kubectl(delivery.lab.cluster, "apply", "--server-side", "--filename=-", given=json.dumps(item))

    yield apply
    for name in made:
        kubectl(delivery.lab.cluster, "delete", "applicationset", name, f"--namespace={argocd.NAMESPACE}")


def test_providers_templates_come_by_the_printed_application_set(
    delivery: Delivery, applied: Callable[[dict[str, Any]], None]
) -> None:
    namespace, sources = delivery.lab.service("provider", enabled=False, bound=False), delivery.sources("fleet")
    provider = {"apiVersion": "tenantctl.io/v1", "kind": "Provider", "metadata": {"name": namespace}}
    sources.push(f"providers/{namespace}/provider.yaml", provider | {"spec": {"namespace": namespace}})
    template = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": BUSYBOX}}]}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "upsert"}}
    sources.push(f"providers/{namespace}/templates/upsert.yaml", manifest | {"spec": template})
    printed = tenantctl("install", "--export-argo-cd", "--repository", sources.url).stdout
    ours = [item for item in yaml.safe_load_all(printed) if item["metadata"]["name"] == "tenantctl-providers"]
    (found,) = [item for item in ours if item["kind"] == "ApplicationSet"]
    for item in ours:
        kubectl(delivery.lab.cluster, "apply", "--server-side", "--filename=-", given=json.dumps(item))
    applied(found)
    name = f"tenantctl-provider-{namespace}"
    eventually(
        lambda: delivery.status(name) == ("Synced", "Healthy"), name, state=lambda: str(delivery.application(name))
    )
    templates = Resource("/apis/argoproj.io/v1alpha1", "workflowtemplates")
    assert delivery.lab.kube.get(templates, namespace, "upsert")["spec"] == template

    sources.push(f"providers/{namespace}/templates/upsert.yaml", settings_map("intruder"))
    eventually(lambda: "not permitted in project" in json.dumps(delivery.application(name)["status"]), "a refusal")
    assert "intruder" not in {item["metadata"]["name"] for item in delivery.lab.kube.list(CONFIG_MAPS, namespace)}


def test_the_documented_alternative_reads_the_declarations(
    delivery: Delivery, applied: Callable[[dict[str, Any]], None]
) -> None:
    """An ApplicationSet over `tenants/**`, beside an Application that tenantctl made for the same environment."""
    (text,) = [block for block in DOCUMENT.read_text().split("```yaml\n") if "kind: ApplicationSet" in block]
    tenant, sources, portal = delivery.lab.name("acme"), delivery.sources("fleet"), delivery.sources("portal")
    sources.push(f"tenants/{tenant}/tenant.yaml", {"kind": "Tenant", "metadata": {"name": tenant}})
    declared_as = {"kind": "TenantEnvironment", "metadata": {"tenant": tenant, "name": "production"}}
    sources.push(f"tenants/{tenant}/production.yaml", declared_as)
    portal.push("portal/settings.yaml", settings_map("portal"))
    portal.push("own/settings.yaml", settings_map("own"))
    key = f"{tenant}/production"
    delivery.place(key, declared(key, portal, "own", "own"))
    assert delivery.step(key, "upsert/own") == DONE

    text = text.partition("```")[0].replace("https://git.example.com/fleet.git", sources.url)
    applied(yaml.safe_load(text.replace("https://git.example.com/portal.git", portal.url)))
    name = f"portal-{tenant}-production"
    eventually(
        lambda: delivery.status(name) == ("Synced", "Healthy"), name, state=lambda: str(delivery.application(name))
    )
    maps = {item["metadata"]["name"] for item in delivery.lab.kube.list(CONFIG_MAPS, f"{tenant}-production")}
    assert {"portal", "own"} <= maps
    assert delivery.status(name_of(key, "own")) == ("Synced", "Healthy")
