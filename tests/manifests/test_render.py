"""What is installed: labels, least rights, and settings that end up where they should and nowhere else."""

import json

import pytest

from reconciler.adapters.credentials import Credential
from reconciler.manifests import Settings, render, team
from reconciler.manifests.image import published
from reconciler.manifests.kinds import RESOURCES, id_of
from reconciler.manifests.removal import ORDER
from reconciler.manifests.render import OURS, TEMPLATES, installed

SETTINGS = Settings(image="example/tenantctl:1", repository="https://example.com/fleet.git", region="eu-west")


def of_kind(kind, settings=SETTINGS):
    return {item["metadata"]["name"]: item for item in render(settings) if item["kind"] == kind}


@pytest.mark.parametrize("item", render(SETTINGS), ids=lambda item: str(id_of(item)))
def test_every_object_is_ours_by_label_and_of_a_kind_that_is_pruned(item):
    assert item["metadata"]["labels"].items() >= OURS.items()
    assert item["kind"] in RESOURCES


def test_rendering_is_deterministic():
    assert json.dumps(render(SETTINGS)) == json.dumps(render(SETTINGS))


def test_nothing_is_left_to_fill_in():
    assert "${" not in json.dumps([*render(SETTINGS), *team(SETTINGS, "billing")])


def test_namespaced_objects_follow_the_namespaces():
    kinds = [item["kind"] for item in render(SETTINGS)]
    assert kinds[:2] == ["Namespace", "Namespace"]
    assert kinds[-1] == "Deployment"


def test_without_a_repository_there_is_no_reconciler():
    assert of_kind("Deployment", Settings()) == {}


def test_a_setting_cannot_change_the_structure():
    hostile = Settings(image='x\n    command: ["sh"]', workflow_namespace="a: b", repository="x")
    assert [id_of(item).kind for item in render(hostile)] == [id_of(item).kind for item in render(SETTINGS)]
    templates = of_kind("ClusterWorkflowTemplate", hostile)["tenant-upsert"]["spec"]["templates"]
    commands = [template["container"]["command"] for template in templates if "container" in template]
    assert commands == [["python", "-m", "reconciler.bridge"]] * 2


@pytest.mark.parametrize(
    "role", [*of_kind("Role").values(), *of_kind("ClusterRole").values()], ids=lambda r: str(id_of(r))
)
def test_no_right_is_a_wildcard(role):
    for rule in role["rules"]:
        words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not [word for word in words if "*" in word]
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_what_is_bound_to_the_whole_cluster_only_reads():
    bound = {item["roleRef"]["name"] for item in of_kind("ClusterRoleBinding").values()}
    rules = [rule for name in bound for rule in of_kind("ClusterRole")[name]["rules"]]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {name for rule in rules for name in rule["resources"]} == {"jobs", "namespaces"}


def test_a_team_binds_both_accounts_in_its_namespace_only():
    (binding,) = team(SETTINGS, "billing")
    assert binding["kind"] == "RoleBinding"
    assert binding["metadata"]["namespace"] == "billing"
    assert [subject["name"] for subject in binding["subjects"]] == ["tenantctl-reconciler", "tenantctl-bridge"]
    assert not binding["metadata"]["labels"].items() >= OURS.items()  # it is the team's: never pruned by us


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_label_their_runs_and_take_a_mutex_per_environment(name):
    spec = of_kind("ClusterWorkflowTemplate")[name]["spec"]
    made = {**spec["workflowMetadata"]["labels"], **spec["workflowMetadata"]["labelsFrom"]}
    assert {f"tenantctl.io/{word}" for word in ("tenant", "environment", "run", "verb")} < set(made)
    mutex = "{{workflow.parameters.tenant}}.{{workflow.parameters.environment}}"
    assert spec["synchronization"] == {"mutexes": [{"name": mutex}]}
    required = [item["name"] for item in spec["arguments"]["parameters"] if "value" not in item]
    assert required == ["tenant", "environment", *(["name"] if name == "tenant-admin" else [])]


def test_what_all_templates_say_they_say_alike():
    """What Argo has no way to share between templates: the pods' surroundings, the bridge, and when it is repeated."""
    specs = [item["spec"] for item in of_kind("ClusterWorkflowTemplate").values()]
    own = {"entrypoint", "arguments", "workflowMetadata", "templates", "volumes"}
    assert all(_without(spec, own) == _without(specs[0], own) for spec in specs)
    bridges = [item for spec in specs for item in spec["templates"] if "container" in item]
    assert all(item["retryStrategy"] == bridges[0]["retryStrategy"] for item in bridges)
    assert all(
        _without(item["container"], {"args", "env", "volumeMounts"})
        == _without(bridges[0]["container"], {"args", "env", "volumeMounts"})
        for item in bridges
    )


def _without(item, names):
    return {key: value for key, value in item.items() if key not in names}


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_puts_a_value_into_a_shell(name):
    for template in of_kind("ClusterWorkflowTemplate")[name]["spec"]["templates"]:
        assert "script" not in template
        if "container" in template:
            assert template["container"]["command"] == ["python", "-m", "reconciler.bridge"]
            assert template["container"]["image"] == SETTINGS.image


def test_pods_run_without_privileges():
    pods = [of_kind("Deployment")["tenantctl-reconciler"]["spec"]["template"]["spec"]]
    pods += [item["spec"] for item in of_kind("ClusterWorkflowTemplate").values()]
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        own = [item["container"] for item in pod.get("templates", []) if "container" in item]
        for container in [*pod.get("containers", []), *own]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"]


@pytest.mark.parametrize("policy", of_kind("ValidatingAdmissionPolicy").values(), ids=lambda p: p["metadata"]["name"])
def test_policies_fail_closed_and_are_bound(policy):
    assert policy["spec"]["failurePolicy"] == "Fail"
    binding = of_kind("ValidatingAdmissionPolicyBinding")[policy["metadata"]["name"]]
    assert binding["spec"]["validationActions"] == ["Deny"]


def test_settings_are_remembered():
    settings = Settings(image="x", repository="r", region="eu-west", controllers=("u",), annotations=("a/b",))
    (namespace,) = (
        item for item in render(settings) if item["metadata"]["name"] == "tenantctl" and item["kind"] == "Namespace"
    )
    assert installed(namespace) == settings
    assert installed(None) == Settings()


def test_without_a_name_the_image_is_the_published_one_and_is_not_remembered():
    assert published() in json.dumps(of_kind("ClusterWorkflowTemplate", Settings()))
    assert json.loads(Settings().dump())["image"] == ""


def test_only_what_was_given_changes_settings():
    settings = Settings(repository="r", controllers=("u",))
    assert settings.changed({"repository": None, "controllers": (), "ref": "stable", "unknown": 1}) == Settings(
        repository="r", controllers=("u",), ref="stable"
    )


def test_the_reconciler_listens_where_its_probes_ask():
    (container,) = of_kind("Deployment")["tenantctl-reconciler"]["spec"]["template"]["spec"]["containers"]
    arguments = container["args"]
    assert arguments[:3] == ["run", "--repository", SETTINGS.repository]
    port = container["ports"][0]["containerPort"]
    assert arguments[arguments.index("--listen") + 1].endswith(f":{port}")
    assert arguments[arguments.index("--local-region") + 1] == "eu-west"


def test_webhooks_are_received_where_they_were_asked_for():
    assert of_kind("Service") == {}
    assert of_kind("Service", Settings(webhook=True)) == {}
    settings = SETTINGS.changed({"webhook": True})
    pod = of_kind("Deployment", settings)["tenantctl-reconciler"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    port = of_kind("Service", settings)["tenantctl-webhook"]["spec"]["ports"][0]["targetPort"]
    listens = container["args"][container["args"].index("--webhook") + 1]
    assert {"name": port, "containerPort": int(listens.rpartition(":")[2])} in container["ports"]
    assert (
        of_kind("Service", settings)["tenantctl-webhook"]["spec"]["selector"].items()
        <= pod["metadata"]["labels"].items()
    )
    assert (
        "--webhook"
        not in of_kind("Deployment")["tenantctl-reconciler"]["spec"]["template"]["spec"]["containers"][0]["args"]
    )
    assert settings.changed({"webhook": None}).webhook
    assert not settings.changed({"webhook": False}).webhook


def test_the_reconciler_finds_every_credential_where_it_looks():
    spec = of_kind("Deployment")["tenantctl-reconciler"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (folder,) = [item["value"] for item in container["env"] if item["name"] == "TENANTCTL_CREDENTIALS"]
    (mount,) = [item for item in container["volumeMounts"] if item["mountPath"] == folder]
    (volume,) = [item["secret"] for item in spec["volumes"] if item["name"] == mount["name"]]
    assert volume["optional"]
    assert {(item["key"], item["path"]) for item in volume["items"]} == {(str(name), str(name)) for name in Credential}


def test_what_is_uninstalled_has_an_order():
    assert set(RESOURCES) <= set(ORDER)
