"""Events on the real Argo Events: what they start, what they do not start, and what the Sensor may do at all."""

import json
import os
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.adapters.kube import connect
from reconciler.adapters.kube.resources import PODS, WORKFLOWS
from reconciler.core.errors import NotAllowed, Unprocessable
from reconciler.core.names import is_name
from tests.cluster import argoevents
from tests.e2e.command import ROOT
from tests.e2e.conftest import NAME
from tests.e2e.controller import free_port
from tests.e2e.events import ENVIRONMENTS, NAMESPACE, OK, WAKE, Events, named
from tests.e2e.fleet import Fleet
from tests.e2e.lab import WORKFLOW, arguments, is_complete, phase
from tests.e2e.service import GATE, QUICK, lifecycle_job
from tests.e2e.waiting import eventually
from tests.gitserver import serving

Json = dict[str, Any]

pytestmark = pytest.mark.cluster

DOCUMENT, SUBJECT = ROOT / "docs/argo-events.md", "orders.paid"
UNAUTHORIZED, BAD_REQUEST = 401, 400
GOOD = {"tenant": "acme", "environment": "production"}
LOOKS = 'tenantctl_webhook_requests_total{result="look"}'
REFERENCE = {"name": "tenant-upsert", "clusterScope": True}


def bring_orders(events: Events) -> None:
    """The EventSource that the documentation shows, at this cluster's NATS; its Secrets are its own.

    One that the bus names too would be mounted twice, which Argo Events cannot.
    """
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    login = argoevents.credentials(NAME)
    events.secret("nats-ca", {"ca.crt": login.pop("ca.crt")})
    events.secret("nats-login", login)
    events.apply(text.replace("nats://nats.example.com:4222", argoevents.url(NAME)))
    eventually(lambda: argoevents.subscribed(NAME, SUBJECT), "the EventSource of orders", state=events.state)


@pytest.fixture(scope="module")
def events(own_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Events]:
    """Argo Events with what is printed for it, and a reconciler that looks once an hour unless it is woken."""
    if os.environ.get("CONTEXT"):
        pytest.skip("Argo Events is for local clusters")
    argoevents.provide(NAME)
    fleet, host = own_fleet, own_fleet.lab.cluster.host
    secret, credentials = secrets.token_hex(20), tmp_path_factory.mktemp("credentials")
    (credentials / "webhook-secret").write_text(secret)
    root, webhook = fleet.repository.folder.parent, f"{host}:{free_port()}"
    (root / "fleet.git").symlink_to(fleet.repository.folder / ".git")
    with serving(root, host) as server:
        place = ("--repository", server.url("fleet.git"), "--interval", "3600", "--webhook", webhook)
        fleet.start_only(further=place, TENANTCTL_CREDENTIALS=str(credentials)).wait_ready()
        made = Events(fleet.lab, secret)
        try:
            made.install("--webhook-url", f"http://{webhook}/webhook", "--event-source", "orders/environments")
            bring_orders(made)
            yield made
        finally:
            made.remove()
            fleet.stop()


@pytest.fixture(scope="module")
def service(own_fleet: Fleet) -> str:
    """A service whose lifecycle Job is done at once."""
    return own_fleet.lab.service("service", lifecycle_job("", "lifecycle", QUICK))


# -- what events do ----------------------------------------------------------------------------------------------------


def test_an_event_wakes_the_reconciler(events: Events, own_fleet: Fleet, service: str) -> None:
    key = own_fleet.declare("woken", service)
    before = own_fleet.controller.metric(LOOKS)
    assert events.post(WAKE) == OK
    own_fleet.ready(key)
    assert own_fleet.controller.metric(LOOKS) == before + 1
    assert events.runs(key) == [], "what is launched, the reconciler decides"


def test_two_events_are_two_runs_one_after_the_other(events: Events, own_fleet: Fleet) -> None:
    """The lifecycle Job of a Ready environment really runs, once for each; the second waits for the lock."""
    fleet, lab = own_fleet, own_fleet.lab
    service = lab.service("gated", lifecycle_job("", "lifecycle", GATE))
    key = fleet.declare("twice", service)
    assert events.post(WAKE) == OK
    lab.open_gate(fleet.copy_that_runs(key, service))
    record = fleet.ready(key)

    events.tell(key)
    events.tell(key)
    first_copy = fleet.copy_that_runs(key, service, 2)
    # Both are made in the same moment: which of them gets the lock is Argo's choice.
    waiting = lambda: [run for run in events.runs(key) if waits_for_its_lock(run)]  # noqa: E731
    (second,) = fleet.eventually(key, waiting, "one run to wait for the lock")
    assert len(lab.copies(key)) == 2
    lab.open_gate(first_copy)
    lab.open_gate(fleet.copy_that_runs(key, service, 3))
    fleet.eventually(key, lambda: [phase(run) for run in events.runs(key)] == ["Succeeded"] * 2, "both to succeed")

    waited = second["metadata"]["name"]
    first, second = sorted(events.runs(key), key=lambda run: run["metadata"]["name"] == waited)
    assert all(is_complete(copy) for copy in lab.copies(key))
    assert begin_of_work(second) >= first["status"]["finishedAt"]
    assert [outcome.run for outcome in lab.placement(key).outcomes.values()] == [second["metadata"]["name"]]
    assert lab.record(key).seq == record.seq, "the reconciler has nothing to do after them"
    assert len(lab.runs(key)) == 3


def test_a_message_starts_a_run(events: Events, own_fleet: Fleet, service: str) -> None:
    """By the EventSource that the documentation shows; what is no name is dropped there too."""
    key = own_fleet.declare("message", service)
    assert events.post(WAKE) == OK
    own_fleet.ready(key)
    before = names(events)
    for message in (b"no JSON", json.dumps(GOOD | {"tenant": "../x"}).encode(), json.dumps(named(key)).encode()):
        argoevents.publish(NAME, SUBJECT, message)
    succeeded = lambda: [phase(run) for run in events.runs(key)] == ["Succeeded"]  # noqa: E731
    own_fleet.eventually(key, succeeded, "the run of a message to succeed")
    assert names(events) - before == {run["metadata"]["name"] for run in events.runs(key)}
    assert len(own_fleet.lab.copies(key)) == 2


def test_an_event_waits_for_a_sensor_that_is_away(events: Events, own_fleet: Fleet) -> None:
    """It is kept by the bus: what was answered with 200 is not lost."""
    key = own_fleet.key("away")
    events.scale_sensor(0)
    eventually(lambda: events.pods("sensor") == [], "no Sensor to run", state=events.state)
    events.tell(key)
    events.scale_sensor(1)
    eventually(lambda: len(events.runs(key)) == 1, "the run of an event from before", state=events.state)


# -- what they do not do -----------------------------------------------------------------------------------------------


def test_without_the_token_nothing_is_started(events: Events, own_fleet: Fleet) -> None:
    key, before = own_fleet.key("stranger"), own_fleet.controller.metric(LOOKS)
    for path in (ENVIRONMENTS, WAKE):
        answers = [events.post(path, named(key), token=token) for token in ("", "wrong", f"{events.token}x")]
        assert answers == [UNAUTHORIZED] * 3
        assert events.post(path, named(key), token="", Authorization="Bearer ") == UNAUTHORIZED
        assert events.post(path, named(key), token="", Authorization=f"Basic {events.token}") == UNAUTHORIZED
    pass_by(events, own_fleet)
    assert events.runs(key) == []
    assert own_fleet.controller.metric(LOOKS) == before + 1, "of the one that passed by, and no other"


def test_a_run_of_what_is_not_placed_fails_and_says_so(events: Events, own_fleet: Fleet) -> None:
    key = own_fleet.key("nobody")
    events.tell(key)
    own_fleet.eventually(key, lambda: [phase(run) for run in events.runs(key)] == ["Failed"], "the run to fail")
    (run,) = events.runs(key)
    (pod,) = own_fleet.lab.pods_of_run(run["metadata"]["name"])
    assert "NoPlacement" in own_fleet.lab.log(pod, "main")
    assert own_fleet.lab.copies(key) == []
    assert own_fleet.lab.record(key) is None


HOSTILE: dict[str, Any] = {
    "a path": GOOD | {"tenant": "../x"},
    "a slash": GOOD | {"environment": "production/x"},
    "a dot, which separates names": GOOD | {"tenant": "acme.x"},
    "a variable of Argo's": GOOD | {"tenant": "{{workflow.name}}"},
    "an expression of Argo's": GOOD | {"environment": "{{=sprig.env('HOME')}}"},
    "a template of Go's": GOOD | {"tenant": "{{.Input}}"},
    "a second line": GOOD | {"tenant": "acme\nx"},
    "a line that ends": GOOD | {"environment": "production\n"},
    "a zero byte": GOOD | {"tenant": "acme\0"},
    "a blank": GOOD | {"tenant": " acme"},
    "capitals": GOOD | {"tenant": "Acme"},
    "a letter of another alphabet": GOOD | {"tenant": "\u0430cme"},
    "a hyphen at the end": GOOD | {"tenant": "acme-"},
    "too long for a tenant": GOOD | {"tenant": "a" * 31},
    "too long for an environment": GOOD | {"environment": "a" * 21},
    "nothing": GOOD | {"tenant": ""},
    "null": GOOD | {"tenant": None},
    "a list": GOOD | {"tenant": ["acme"]},
    "an object": GOOD | {"tenant": {"name": "acme"}},
    "no environment": {"tenant": "acme"},
    "no object": [GOOD],
    "a text": "acme/production",
    "inside another": {"body": GOOD},
    "twice, the first hostile": b'{"tenant": "../x", "environment": "production", "tenant": "acme"}',
}
REFUSED = {
    "no JSON": b"{tenant",
    "two documents": b'{"tenant": "acme", "environment": "production"} {}',
    "empty": b"",
    "too much": json.dumps(GOOD | {"more": "x" * 5000}).encode(),
}


def test_hostile_bodies_start_nothing(events: Events, own_fleet: Fleet) -> None:
    before = names(events)
    answers = {case: events.post(ENVIRONMENTS, body) for case, body in HOSTILE.items()}
    assert answers == dict.fromkeys(HOSTILE, OK), "it is heard, and not acted on"
    assert {case: events.post(ENVIRONMENTS, body) for case, body in REFUSED.items()} == dict.fromkeys(
        REFUSED, BAD_REQUEST
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert events.post(ENVIRONMENTS, b"tenant=acme&environment=production", **form) == OK
    passed = pass_by(events, own_fleet)
    assert names(events) - before == {passed}


def test_what_was_compared_is_what_is_used(events: Events, own_fleet: Fleet) -> None:
    """Of a name that is there twice the filter and the run take the same one."""
    key = own_fleet.key("double")
    body = json.dumps(named(key)).encode().replace(b"}", b', "tenant": "{{workflow.name}}", "environment": "../x"}')
    assert events.post(ENVIRONMENTS, body) == OK
    passed, asked = pass_by(events, own_fleet), [arguments(run) for run in events.runs()]
    assert passed
    assert {"tenant": key.partition("/")[0], "environment": "production"} in asked
    assert [one for one in asked if not is_name(one["tenant"]) or not is_name(one["environment"])] == []


def test_an_event_says_whose_turn_it_is_and_nothing_else(events: Events, own_fleet: Fleet) -> None:
    key = own_fleet.key("more")
    more = {"jobs": "[]", "verb": "decommission", "epoch": 7, "spec": {"shutdown": "Stop"}, "labels": {"a": "b"}}
    assert events.post(ENVIRONMENTS, named(key) | more) == OK
    (run,) = own_fleet.eventually(key, lambda: events.runs(key), "the run")
    tenant, _, environment = key.partition("/")
    wanted = [{"name": "tenant", "value": tenant}, {"name": "environment", "value": environment}]
    assert run["spec"] == {"workflowTemplateRef": REFERENCE, "arguments": {"parameters": wanted}}


# -- what the Sensor may do --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sensor(events: Events, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The API server as the Sensor's account sees it."""
    kubeconfig = events.lab.kubeconfig_of(tmp_path_factory.mktemp("sensor"), "tenantctl-sensor", NAMESPACE)
    opened = connect(events.lab.cluster.context, str(kubeconfig))
    eventually(lambda: refused(opened, workflow()), "its policy to be in force")
    yield opened
    opened.close()


def test_its_account_may_create_workflows_and_nothing_else(sensor: Any) -> None:
    workflows = {("create", "argoproj.io", "workflows")}
    given = {namespace: rights(sensor, namespace) for namespace in (WORKFLOW, NAMESPACE, "tenantctl", "default")}
    assert given == {WORKFLOW: workflows, NAMESPACE: set(), "tenantctl": set(), "default": set()}
    for act in (
        lambda: list(sensor.list(WORKFLOWS, WORKFLOW)),
        lambda: sensor.create(WORKFLOWS, NAMESPACE, workflow()),
        lambda: list(sensor.list(PODS, WORKFLOW)),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_the_policies_hold_for_it(sensor: Any) -> None:
    own = [{"name": "main", "container": {"image": "x", "command": ["sh"]}}]
    for spec in (
        {"entrypoint": "main", "templates": own},
        {"serviceAccountName": "default"},
        {"workflowTemplateRef": {"name": "tenant-upsert"}},
    ):
        with pytest.raises(Unprocessable, match="ValidatingAdmissionPolicy 'tenantctl-"):
            sensor.create(WORKFLOWS, WORKFLOW, upsert(**spec))


def workflow(**spec: Any) -> Json:
    metadata = {"generateName": "e2e-sensor-"}
    spec = spec or {"workflowTemplateRef": REFERENCE}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}


def upsert(tenant: str = "acme", *more: Json, metadata: Json | None = None, **spec: Any) -> Json:
    """What the Sensor creates, or something else: with more parameters, metadata or spec."""
    pair = {"tenant": tenant, "environment": "production"}.items()
    parameters = [*({"name": name, "value": value} for name, value in pair), *more]
    body = workflow(**{"workflowTemplateRef": REFERENCE, "arguments": {"parameters": parameters}} | spec)
    return body | {"metadata": {"generateName": "tenant-upsert-event-"} | (metadata or {})}


ELSEWHERE = {"name": "environment", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
GIVEN = [{"name": "tenant", "value": "acme"}, {"name": "environment", "value": "production"}]
TOO_MUCH = {
    "another template": upsert(workflowTemplateRef={"name": "tenant-decommission", "clusterScope": True}),
    "more parameters": upsert("acme", {"name": "stages", "value": "{}"}),
    "one twice": upsert("acme", {"name": "environment", "value": "other"}),
    "none": upsert(arguments={}),
    "a value from elsewhere": upsert(arguments={"parameters": [GIVEN[0], ELSEWHERE]}),
    "artifacts": upsert(arguments={"parameters": GIVEN, "artifacts": [{"name": "a", "raw": {"data": "b"}}]}),
    "a claim's mark": upsert(metadata={"annotations": {"tenantctl.io/claim": "u1/1"}}),
    "a label of ours": upsert(metadata={"labels": {"tenantctl.io/run": "x"}}),
    "a label of Argo Workflows": upsert(metadata={"labels": {"workflows.argoproj.io/completed": "true"}}),
    "a suspended run": upsert(suspend=True),
    "a finalizer": upsert(metadata={"finalizers": ["example.com/never"]}),
    "another name": upsert(metadata={"name": "acme-production-up-abcdefghijklm"}),
    "no name of a tenant": upsert("acme.x"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_its_account_can_start_upserts_by_their_names_and_nothing_else(sensor: Any, what: str) -> None:
    assert sensor.create(WORKFLOWS, WORKFLOW, upsert(), dryRun="All")["metadata"]["name"]
    with pytest.raises(Unprocessable, match=f"tenantctl-sensor-{NAMESPACE}"):
        sensor.create(WORKFLOWS, WORKFLOW, TOO_MUCH[what], dryRun="All")


@pytest.mark.parametrize("tenant", ["../x", "{{workflow.name}}", "{{=1+1}}", "acme.x"])
def test_a_run_for_no_name_ends_before_it_does_anything(events: Events, own_fleet: Fleet, tenant: str) -> None:
    """Without the filter and the policy: what the workflow itself makes of it."""
    lab = own_fleet.lab
    name = lab.kube.create(WORKFLOWS, WORKFLOW, upsert(tenant))["metadata"]["name"]
    over = lambda: phase(lab.kube.get(WORKFLOWS, WORKFLOW, name)) in ("Failed", "Error")  # noqa: E731
    eventually(over, "the run to fail", state=lambda: json.dumps(lab.kube.get(WORKFLOWS, WORKFLOW, name)))
    nodes = (lab.kube.get(WORKFLOWS, WORKFLOW, name)["status"].get("nodes") or {}).values()
    assert {node.get("templateName") for node in nodes} <= {"upsert", "stages", "discover", None}
    for pod in lab.pods_of_run(name):
        assert "is no environment" in lab.log(pod, "main")
    lab.kube.delete(WORKFLOWS, WORKFLOW, name)


def test_the_event_source_has_no_token_of_the_api_server(events: Events) -> None:
    spec = events.pod("eventsource")["spec"]
    assert spec["serviceAccountName"] == "tenantctl-event-source"
    assert [volume for volume in spec["volumes"] if "projected" in volume] == []


# -- helpers -----------------------------------------------------------------------------------------------------------


def pass_by(events: Events, fleet: Fleet) -> str:
    """An event on both ways that is acted on: whatever was sent before has been looked at then. Returns the run."""
    key, looks = fleet.key("after"), fleet.controller.metric(LOOKS)
    events.tell(key)
    assert events.post(WAKE) == OK
    eventually(lambda: fleet.controller.metric(LOOKS) > looks, "the reconciler to be woken", state=events.state)
    (run,) = eventually(lambda: events.runs(key), "the run of a later event", state=events.state)
    return str(run["metadata"]["name"])


def refused(sensor: Any, body: Json) -> bool:
    try:
        sensor.create(WORKFLOWS, WORKFLOW, body, dryRun="All")
    except Unprocessable:
        return True
    return False


def names(events: Events) -> set[str]:
    return {run["metadata"]["name"] for run in events.runs()}


def waits_for_its_lock(run: Json) -> bool:
    return "Waiting for" in (run.get("status") or {}).get("message", "")


def begin_of_work(run: Json) -> str:
    """When the first pod of a run was begun."""
    return min(node["startedAt"] for node in run["status"]["nodes"].values() if node["type"] == "Pod")


def rights(kube: Any, namespace: str) -> set[tuple[str, str, str]]:
    """What the API server says that an account may do there, but for what everybody may: ask about itself."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    answer = kube.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {}, body)
    return {
        (verb, group, resource)
        for rule in answer["status"]["resourceRules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if not resource.startswith("selfsubject")
    }
