"""Applications of single environments through the real Argo CD: brought, followed, taken away, and what is refused."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from reconciler.adapters.argocd.client import ArgoCD, checked
from reconciler.adapters.kube.resources import CONFIG_MAPS, NAMESPACES, PODS, WORKFLOWS
from reconciler.bridge.exits import DONE, FAILED, REPEAT
from reconciler.core.errors import NotAllowed
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.placement import State
from tests.cluster import argocd
from tests.cluster.kubectl import kubectl
from tests.e2e.delivery import APPLICATIONS, HERE, PROJECT, Delivery, Sources, declared, name_of, settings_map
from tests.e2e.lab import WORKFLOW, runs
from tests.e2e.service import BUSYBOX
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.cluster
UP, DOWN = "upsert/portal", "decommission/portal"
CONTAINER = {"name": "lifecycle", "image": BUSYBOX, "command": ["sleep", "3600"]}
POD = {"terminationGracePeriodSeconds": 0, "containers": [CONTAINER]}


@pytest.fixture(scope="module")
def portal(delivery: Delivery) -> Sources:
    sources = delivery.sources("portal")
    sources.push("portal/settings.yaml", settings_map("portal", colour="red"))
    return sources


@pytest.fixture
def key(delivery: Delivery) -> str:
    return f"{delivery.lab.name('acme')}/production"


def outcome_of(delivery: Delivery, key: str, item: str = UP) -> Outcome:
    found = delivery.outcome(key, f"application/{item}")
    assert found, f"no outcome of {item}"
    return found


def until(delivery: Delivery, key: str, probe: Callable[[], Any], what: str) -> Any:
    return eventually(probe, what, state=lambda: delivery.state(key))


# -- brought and taken away --------------------------------------------------------------------------------------------


def test_an_application_is_brought_and_argo_cd_goes_on_with_it(delivery: Delivery, portal: Sources, key: str) -> None:
    entry, name, kube = declared(key, portal), name_of(key, "portal"), delivery.lab.kube
    delivery.place(key, entry)
    assert delivery.step(key, UP) == DONE, delivery.state(key)
    outcome = outcome_of(delivery, key)
    assert outcome.result is Result.SUCCEEDED
    assert outcome.entry == entry
    assert outcome.outputs["revision"] == portal.git("rev-parse", "HEAD")
    assert outcome.outputs["url"] == f"{delivery.argo.url}/applications/{name}"
    live = delivery.application(name)
    assert live["spec"]["project"] == PROJECT
    assert delivery.status(name) == ("Synced", "Healthy")
    assert kube.get(CONFIG_MAPS, entry["namespace"], "portal")["data"] == {"colour": "red"}
    (link,) = delivery.argo.ask("GET", f"/api/v1/applications/{name}/links")["items"]
    tenant = key.partition("/")[0]
    assert link["url"].endswith(f"?label=tenantctl.io/tenant%3D{tenant}&label=tenantctl.io/environment%3Dproduction")
    found = kube.get(NAMESPACES, None, entry["namespace"])["metadata"]["labels"]
    assert found["tenantctl.io/tenant"] == key.partition("/")[0]
    assert "tenantctl.io/lifecycle" not in found

    # a change by hand is healed by Argo CD: no bridge runs
    kube.merge(CONFIG_MAPS, entry["namespace"], "portal", {"data": {"colour": "blue"}})
    healed = {"colour": "red"}
    until(delivery, key, lambda: kube.get(CONFIG_MAPS, entry["namespace"], "portal")["data"] == healed, "healing")

    # the same step again finds it as it should be, and changes nothing but the operation
    generation = [live["spec"], live["metadata"]["labels"]]
    assert delivery.step(key, UP) == DONE
    live = delivery.application(name)
    assert [live["spec"], live["metadata"]["labels"]] == generation


def test_a_changed_declaration_is_compared_to_its_own_source(delivery: Delivery, key: str) -> None:
    sources = delivery.sources("changed")
    sources.push("old/settings.yaml", settings_map("portal", path="old"))
    sources.push("new/settings.yaml", settings_map("portal", path="new"))
    delivery.place(key, declared(key, sources, "old"))
    assert delivery.step(key, UP) == DONE, delivery.state(key)
    delivery.place(key, declared(key, sources, "new"))
    assert delivery.step(key, UP) == DONE, delivery.state(key)
    assert delivery.lab.kube.get(CONFIG_MAPS, key.replace("/", "-"), "portal")["data"] == {"path": "new"}


def test_an_application_is_deleted_with_what_it_deployed(delivery: Delivery, portal: Sources, key: str) -> None:
    entry = declared(key, portal)
    delivery.place(key, entry)
    assert delivery.step(key, UP) == DONE, delivery.state(key)
    assert delivery.step(key, DOWN) == FAILED, "it is wanted, so nobody takes it away by hand"
    assert delivery.application(name_of(key, "portal"))
    assert delivery.outcome(key, f"application/{DOWN}") is None

    delivery.place(key, entry, state=State.RELEASED)
    assert delivery.step(key, UP) == FAILED, "nothing is brought to what is released"
    assert delivery.step(key, DOWN) == DONE, delivery.state(key)
    assert delivery.application(name_of(key, "portal")) is None
    assert delivery.lab.kube.find(CONFIG_MAPS, entry["namespace"], "portal") is None
    assert outcome_of(delivery, key, DOWN).result is Result.SUCCEEDED
    assert delivery.step(key, DOWN) == DONE, "what is gone may go again"


def test_argo_cds_own_words_on_failure(delivery: Delivery, portal: Sources, key: str) -> None:
    delivery.place(key, declared(key, portal, path="nowhere"))
    assert delivery.step(key, UP) == FAILED
    outcome = outcome_of(delivery, key)
    assert outcome.reason == "ArgoCDRefused"
    assert "nowhere: app path does not exist" in outcome.message


# -- attempts to break out ---------------------------------------------------------------------------------------------


def test_a_manifest_may_not_leave_the_reach_of_the_project(delivery: Delivery, key: str) -> None:
    sources = delivery.sources("greedy")
    greedy = settings_map("x")
    greedy["metadata"]["namespace"] = "kube-system"
    sources.push("portal/all.yaml", greedy)
    delivery.place(key, declared(key, sources))
    assert delivery.step(key, UP) == FAILED
    assert "namespace kube-system is not permitted in project" in outcome_of(delivery, key).message
    assert delivery.lab.kube.find(CONFIG_MAPS, "kube-system", "x") is None


def test_a_manifest_may_not_change_a_namespace(delivery: Delivery, key: str) -> None:
    sources, kube = delivery.sources("climber"), delivery.lab.kube
    victim = delivery.lab.service("victim", enabled=False, bound=False)
    marked = {"name": victim, "labels": {"tenantctl.io/lifecycle": "enabled"}}
    sources.push("portal/all.yaml", {"apiVersion": "v1", "kind": "Namespace", "metadata": marked})
    delivery.place(key, declared(key, sources))
    assert delivery.step(key, UP) == FAILED
    assert "is not permitted in project" in outcome_of(delivery, key).message
    assert "tenantctl.io/lifecycle" not in kube.get(NAMESPACES, None, victim)["metadata"]["labels"]


@pytest.mark.parametrize("namespace", ["kube-system", "tenantctl-workflows", "argocd", "globex-production"])
def test_the_namespace_of_others(delivery: Delivery, portal: Sources, key: str, namespace: str) -> None:
    """`validate` refuses it in a tenant's file; the bridge does not rely on that."""
    delivery.place(key, declared(key, portal, namespace=namespace))
    assert delivery.step(key, UP) == FAILED
    outcome = outcome_of(delivery, key)
    assert (outcome.reason, outcome.failure) == ("NamespaceNotOurs", FailureClass.USER)
    assert delivery.application(name_of(key, "portal")) is None


def test_a_namespace_that_exists_must_be_marked(delivery: Delivery, portal: Sources, key: str) -> None:
    entry, kube = declared(key, portal), delivery.lab.kube
    kube.create(NAMESPACES, None, {"metadata": {"name": entry["namespace"]}})
    delivery.place(key, entry)
    assert delivery.step(key, UP) == FAILED
    outcome = outcome_of(delivery, key)
    assert (outcome.reason, outcome.failure) == ("NamespaceNotOurs", FailureClass.NEEDS_HUMAN)
    _, _, remedy = outcome.message.partition("kubectl ")
    kubectl(delivery.lab.cluster, *remedy.split())
    assert delivery.step(key, UP) == DONE, delivery.state(key)


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("e2e-someone", {"tenantctl.io/tenant": "acme", "tenantctl.io/environment": "production"}),
        ("acme-production", {}),
        ("kube-system-x", {"tenantctl.io/tenant": "kube", "tenantctl.io/environment": "system"}),
        (
            "acme-production",
            {
                "tenantctl.io/tenant": "acme",
                "tenantctl.io/environment": "production",
                "tenantctl.io/lifecycle": "enabled",
            },
        ),
    ],
)
def test_which_namespaces_the_bridge_may_create(delivery: Delivery, name: str, marks: dict[str, str]) -> None:
    """By its account and the admission policy, not by its code."""
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": marks}}
    words = ("create", "--dry-run=server", "--filename=-", f"--as=system:serviceaccount:{WORKFLOW}:tenantctl-bridge")
    with pytest.raises(Exception, match="tenantctl-applications"):
        kubectl(delivery.lab.cluster, *words, given=str(item).replace("'", '"'))


def test_an_application_that_is_not_ours_is_never_touched(delivery: Delivery, portal: Sources, key: str) -> None:
    name, entry = name_of(key, "portal"), declared(key, portal)
    destination = {"server": HERE, "namespace": "their-own"}
    spec = {"project": PROJECT, "source": entry["source"], "destination": destination}
    theirs = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec}
    made = delivery.lab.kube.create(APPLICATIONS, argocd.NAMESPACE, theirs)
    delivery.place(key, entry)
    assert delivery.step(key, UP) == FAILED
    assert outcome_of(delivery, key).reason == "ApplicationNotOurs"
    delivery.place(key)
    assert delivery.step(key, DOWN) == FAILED
    assert outcome_of(delivery, key, DOWN).reason == "ApplicationNotOurs"
    live = delivery.application(name)
    assert (live["metadata"]["uid"], live["spec"]) == (made["metadata"]["uid"], made["spec"])


# -- trouble -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def powerless(delivery: Delivery) -> Any:
    """A token that may look and do nothing."""
    path = f"/api/v1/projects/{PROJECT}"
    project = delivery.argo.ask("GET", path)
    policy = f"p, proj:{PROJECT}:powerless, applications, get, {PROJECT}/*, allow"
    others = [role for role in project["spec"]["roles"] if role["name"] != "powerless"]
    project["spec"]["roles"] = [*others, {"name": "powerless", "policies": [policy]}]
    delivery.argo.ask("PUT", path, {"project": project})
    yield delivery.role_token("powerless")
    delivery.use(delivery.role_token())


@pytest.mark.parametrize(("role", "words"), [("powerless", "permission denied"), ("nonsense", "401")])
def test_a_token_without_rights(
    delivery: Delivery, portal: Sources, key: str, powerless: str, role: str, words: str
) -> None:
    delivery.use(powerless if role == "powerless" else "nonsense")
    delivery.place(key, declared(key, portal))
    assert delivery.step(key, UP) == FAILED
    outcome = outcome_of(delivery, key)
    assert (outcome.reason, outcome.failure) == ("ArgoCDNotAllowed", FailureClass.NEEDS_HUMAN)
    assert words in outcome.message
    assert "docs/argo-cd.md" in outcome.message
    assert delivery.application(name_of(key, "portal")) is None


@pytest.mark.parametrize(
    "act",
    [
        lambda client, theirs: client.find("default", theirs["metadata"]["name"]),
        lambda client, theirs: client.create(theirs | {"metadata": {"name": "another"}}),
        lambda client, theirs: client.replace("default", theirs),
        lambda client, theirs: client.sync("default", theirs["metadata"]["name"], ("tenantctl", "mark")),
        lambda client, theirs: client.delete("default", theirs["metadata"]["name"]),
    ],
    ids=["find", "create", "replace", "sync", "delete"],
)
def test_the_token_of_the_project_reaches_no_other(
    delivery: Delivery, portal: Sources, key: str, act: Callable[[ArgoCD, dict[str, Any]], object]
) -> None:
    name, entry = name_of(key, "portal"), declared(key, portal)
    spec = {"project": "default", "source": entry["source"], "destination": {"server": HERE, "namespace": "their-own"}}
    theirs = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec}
    made = delivery.lab.kube.create(APPLICATIONS, argocd.NAMESPACE, theirs)
    eventually(lambda: delivery.argo.ask("GET", f"/api/v1/applications/{name}"), "Argo CD to know of it")
    client = checked(delivery.argo.url, delivery.role_token(), delivery.argo.authority.read_text())
    with closing(client), pytest.raises(NotAllowed, match="permission denied"):
        act(client, theirs)
    live = delivery.application(name)
    assert live is not None
    assert (live["metadata"]["uid"], live["spec"]) == (made["metadata"]["uid"], made["spec"])


def test_argo_cd_is_down_and_comes_back(delivery: Delivery, portal: Sources, key: str) -> None:
    delivery.place(key, declared(key, portal))
    argocd.pause(delivery.argo)
    try:
        bridge = delivery.bridge(key, UP)
        reason = lambda: outcome_of(delivery, key).reason  # noqa: E731
        assert until(delivery, key, reason, "the step to wait") == "ArgoCDUnavailable"
        outcome = outcome_of(delivery, key)
        assert outcome.result is Result.RUNNING
        assert f"Argo CD at {delivery.argo.url} does not answer" in outcome.message
    finally:
        argocd.resume(delivery.argo)
    assert bridge.wait() == DONE, delivery.state(key)


def test_a_bridge_that_is_lost_is_followed_by_another(delivery: Delivery, key: str) -> None:
    """What is not healthy yet is waited for by the next one, and the operation is not asked for again."""
    sources, kube, match = delivery.sources("slow"), delivery.lab.kube, {"app": "web"}
    probe = {"exec": {"command": ["test", "-e", "/tmp/open"]}, "periodSeconds": 1}
    pod = POD | {"containers": [CONTAINER | {"readinessProbe": probe}]}
    spec = {"selector": {"matchLabels": match}, "template": {"metadata": {"labels": match}, "spec": pod}}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    sources.push("portal/web.yaml", web)
    delivery.place(key, declared(key, sources))
    run = delivery.suspended_run(key)
    first = delivery.bridge(key, UP, run)
    until(delivery, key, lambda: "Progressing" in outcome_of(delivery, key).message, "the step to wait for health")
    assert first.terminate() == REPEAT
    assert outcome_of(delivery, key).result is Result.RUNNING

    second = delivery.bridge(key, UP, run)
    pods = lambda: [item for item in kube.list(PODS, key.replace("/", "-")) if runs(item, "lifecycle")]  # noqa: E731
    (running,) = until(delivery, key, pods, "the pod to run")
    until(delivery, key, lambda: delivery.lab.execute(running, "touch", "/tmp/open"), "the gate to open")
    assert second.wait() == DONE, delivery.state(key)
    history = delivery.application(name_of(key, "portal"))["status"]["history"]
    assert len([item for item in history if not item["initiatedBy"].get("automated")]) == 1, "asked for once"


def test_a_stopped_run_ends_its_operation(delivery: Delivery, key: str) -> None:
    sources, name = delivery.sources("hook"), name_of(key, "portal")
    metadata = {"name": "pre", "annotations": {"argocd.argoproj.io/hook": "PreSync"}}
    spec = {"template": {"spec": POD | {"restartPolicy": "Never"}}}
    sources.push("portal/pre.yaml", {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
    delivery.place(key, declared(key, sources))
    run = delivery.suspended_run(key)
    bridge = delivery.bridge(key, UP, run)
    operation = lambda: (delivery.application(name) or {})["status"]["operationState"]["phase"]  # noqa: E731
    until(delivery, key, lambda: _quietly(operation) == "Running", "the sync to run")

    delivery.lab.kube.merge(WORKFLOWS, WORKFLOW, run, {"spec": {"shutdown": "Terminate"}})
    assert bridge.terminate() == FAILED
    outcome = outcome_of(delivery, key)
    assert (outcome.result, outcome.reason) == (Result.FAILED, "Stopped")
    until(delivery, key, lambda: "operation" not in delivery.application(name), "the operation to end")
    assert operation() == "Failed"


def _quietly(probe: Callable[[], Any]) -> Any:
    try:
        return probe()
    except KeyError:
        return None


def test_a_placement_of_another_epoch_fences_the_step(delivery: Delivery, portal: Sources, key: str) -> None:
    delivery.place(key, declared(key, portal))
    argocd.pause(delivery.argo)
    try:
        bridge = delivery.bridge(key, UP)
        until(delivery, key, lambda: outcome_of(delivery, key).reason, "the step to wait")
        delivery.place(key, declared(key, portal), epoch=2)
    finally:
        argocd.resume(delivery.argo)
    assert bridge.wait() == FAILED
    assert outcome_of(delivery, key).result is Result.RUNNING, "nothing is written to the placement of another epoch"
