"""What `tenantctl install --export-argo-events` prints for Argo Events."""

import json
import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.cli.main import run
from reconciler.core.names import ENVIRONMENT_MAX, TENANT_MAX, is_name
from reconciler.manifests import Settings
from reconciler.manifests.kinds import id_of
from reconciler.manifests.removal import ORDER
from reconciler.manifests.render import OURS, for_argo_events

URL = "http://tenantctl-webhook.tenantctl.svc/webhook"
ITEMS = for_argo_events(Settings(), "argo-events", URL)


def printed(capsys, *words):
    assert run(["install", "--export-argo-events", *words]) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def of_kind(items, kind):
    (found,) = [item for item in items if item["kind"] == kind]
    return found


def test_it_is_printed_as_it_is_rendered(capsys):
    assert printed(capsys) == ITEMS
    assert "${" not in json.dumps(ITEMS)


def test_everything_is_where_its_bus_is_but_the_right_to_start_runs(capsys):
    items = printed(capsys, "--argo-events-namespace", "events", "--workflow-namespace", "runs")
    cluster = [item for item in items if "AdmissionPolicy" in item["kind"]]
    assert {item["metadata"]["name"] for item in cluster} == {"tenantctl-sensor-events"}
    assert "system:serviceaccount:events:tenantctl-sensor" in json.dumps(cluster)
    places = {item["metadata"]["namespace"] for item in items if "Role" not in item["kind"] and item not in cluster}
    assert places == {"events"}
    assert {item["metadata"]["namespace"] for item in items if "Role" in item["kind"]} == {"runs"}
    (subject,) = of_kind(items, "RoleBinding")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "tenantctl-sensor", "namespace": "events"}
    trigger = of_kind(items, "Sensor")["spec"]["triggers"][0]["template"]["k8s"]
    assert trigger["source"]["resource"]["metadata"]["namespace"] == "runs"
    assert {item["spec"]["eventBusName"] for item in items if "spec" in item and item not in cluster} == {"default"}


def test_the_sensor_has_one_right():
    assert of_kind(ITEMS, "Role")["rules"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create"]}
    ]
    assert [item["kind"] for item in ITEMS if item["kind"].startswith("Cluster")] == []


def test_its_run_is_a_reference_that_the_policies_admit():
    spec = of_kind(ITEMS, "Sensor")["spec"]["triggers"][0]["template"]["k8s"]["source"]["resource"]["spec"]
    assert spec["workflowTemplateRef"] == {"name": "tenant-upsert", "clusterScope": True}
    assert set(spec) == {"workflowTemplateRef", "arguments"}
    assert [entry["name"] for entry in spec["arguments"]["parameters"]] == ["tenant", "environment"]


def test_the_policy_asks_for_names_as_the_filter_does():
    policy = json.dumps(of_kind(ITEMS, "ValidatingAdmissionPolicy")["spec"]["validations"])
    assert all(f"'{pattern}'" in policy for pattern in patterns())


def test_every_endpoint_asks_for_the_token_and_every_pod_is_restricted():
    source, sensor = of_kind(ITEMS, "EventSource")["spec"], of_kind(ITEMS, "Sensor")["spec"]
    assert {name: entry["endpoint"] for name, entry in source["webhook"].items()} == {
        "environments": "/environments",
        "wake": "/wake",
    }
    for entry in source["webhook"].values():
        assert entry["authSecret"] == {"name": "tenantctl-events", "key": "token"}
    for spec in (source, sensor):
        assert spec["template"]["securityContext"]["runAsNonRoot"] is True
        assert spec["template"]["container"]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_uninstall_and_upgrades_leave_it_alone():
    for item in ITEMS:
        assert not item["metadata"]["labels"].items() >= OURS.items(), "it would be pruned"
    assert not {"EventSource", "Sensor"} & set(ORDER)


def patterns():
    (tenant,), (environment,) = [
        entry["value"] for entry in of_kind(ITEMS, "Sensor")["spec"]["dependencies"][0]["filters"]["data"]
    ]
    return tenant, environment


def matches(pattern, text):
    """As Go does, where `$` is the end of the text and not of a line before it."""
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    return re.search(pattern[:-1] + r"\Z", text, re.ASCII) is not None


@given(st.text(alphabet="aZ0-. {}/\n\u0430", max_size=33) | st.from_regex(r"[a-z0-9-]{0,33}", fullmatch=True))
@example("a" * TENANT_MAX)
@example("a" * (TENANT_MAX + 1))
@example("a")
def test_the_sensor_takes_the_names_that_declarations_have(text):
    tenant, environment = patterns()
    assert matches(tenant, text) is is_name(text, TENANT_MAX)
    assert matches(environment, text) is is_name(text, ENVIRONMENT_MAX)


def test_without_a_webhook_nothing_wakes_the_reconciler(capsys):
    items = printed(capsys, "--no-webhook")
    assert list(of_kind(items, "EventSource")["spec"]["webhook"]) == ["environments"]
    sensor = of_kind(items, "Sensor")["spec"]
    assert [entry["name"] for entry in sensor["dependencies"]] == ["environment"]
    assert [entry["template"]["name"] for entry in sensor["triggers"]] == ["upsert"]
    assert "tenantctl-events-wake" not in json.dumps(items)


def test_a_reconciler_elsewhere_is_woken_there(capsys):
    url = "https://tenantctl.example.com/webhook"
    wake = of_kind(printed(capsys, "--webhook-url", url), "Sensor")["spec"]["triggers"][1]
    assert wake["template"]["http"]["url"] == url


def test_events_of_other_sources_are_filtered_alike(capsys):
    sensor = of_kind(printed(capsys, "--event-source", "orders/paid", "--event-source", "crm/new_1"), "Sensor")["spec"]
    first, _, second, third = sensor["dependencies"]
    assert [(entry["eventSourceName"], entry["eventName"]) for entry in (second, third)] == [
        ("orders", "paid"),
        ("crm", "new_1"),
    ]
    assert first["filters"] == second["filters"] == third["filters"]
    upsert = sensor["triggers"][0]["template"]
    assert upsert["conditions"] == "environment || source1 || source2"
    taken = {
        (entry["src"]["dependencyName"], entry["src"]["dataKey"]): entry["dest"]
        for entry in upsert["k8s"]["parameters"]
    }
    for name in ("environment", "source1", "source2"):
        assert taken[name, "body.tenant"] == "spec.arguments.parameters.0.value"
        assert taken[name, "body.environment"] == "spec.arguments.parameters.1.value"
    assert len(taken) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--argo-events-namespace", "Events!"], "'Events!' is no namespace"),
        (["--webhook-url", "tenantctl-webhook"], "--webhook-url: 'tenantctl-webhook' is no URL"),
        (["--event-source", "orders"], "'orders' is no NAME/EVENT"),
        (["--event-source", "orders/a.*"], "'orders/a.*' is no NAME/EVENT"),
        (["--event-source", "a/b/c"], "'a/b/c' is no NAME/EVENT"),
    ],
)
def test_what_makes_no_sense_is_refused(capsys, words, said):
    assert run(["install", "--export-argo-events", *words]) == 64
    assert said in capsys.readouterr().err


def test_what_it_needs_is_said(capsys):
    assert run(["install", "--export-argo-events"]) == 0
    said = capsys.readouterr().err
    assert "EventBus 'default' and the Secret tenantctl-events " in said
    assert "--no-webhook" in said


def test_objects_are_named_once():
    ids = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in ITEMS]
    assert len(ids) == len(set(ids))
    assert [str(id_of(item)) for item in ITEMS if item["kind"] == "Role"] == [
        "Role tenantctl-workflows/tenantctl-sensor"
    ]
