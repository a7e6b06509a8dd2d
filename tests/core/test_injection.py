"""What containers are given: variables and files, in every container, and ours win."""

import json
from typing import Any

import pytest
import yaml

from reconciler.core import labels
from reconciler.core.injection import Injection, files, files_of, inject, variables
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step

STEP = Step(Kind.JOB, "upsert", ("billing", "lifecycle"))
PET = Step(Kind.RESOURCE, "upsert", ("pets", "bark"))
CAT = Step(Kind.RESOURCE, "upsert", ("pets", "cat"))
PARAMETERS = {"seats": 250, "locale": "nl-BE", "dry-run": True, "ratio": 0.5, "none": None, "price": "$(HOME) $$5"}
DECLARATION = {"kind": "TenantEnvironment", "spec": {"region": "eu-west", "tier": "premium", "parameters": PARAMETERS}}


def outcome(step: Step, result: Result = Result.SUCCEEDED) -> Outcome:
    return Outcome(step, "d", 7, "r", result, outputs={"url": "https://x"})


PLACEMENT = Placement(
    Key("acme", "production"), DECLARATION, "d", "abc123", 7, State.ACTIVE,
    {PET: outcome(PET), STEP: outcome(STEP), CAT: outcome(CAT, Result.FAILED)},
)  # fmt: skip
GIVEN = Injection(PLACEMENT, "run-1", STEP, "copy-x")
POD: dict[str, Any] = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "c"}], "nodeName": "n"}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["initContainers"], *pod["containers"]]


def test_the_variables() -> None:
    assert variables(GIVEN) == {
        "TENANT": "acme",
        "TENANT_ENVIRONMENT": "production",
        "TENANT_REGION": "eu-west",
        "TENANT_TIER": "premium",
        "TENANT_VERB": "upsert",
        "TENANT_EPOCH": "7",
        "TENANT_REVISION": "abc123",
        "TENANT_RUN": "run-1",
        "TENANT_PARAM_SEATS": "250",
        "TENANT_PARAM_LOCALE": "nl-BE",
        "TENANT_PARAM_DRY_RUN": "true",
        "TENANT_PARAM_RATIO": "0.5",
        "TENANT_PARAM_NONE": "null",
        "TENANT_PARAM_PRICE": "$(HOME) $$5",
    }


def test_what_an_admin_process_was_given_stands_over_what_is_declared() -> None:
    asked = Injection(PLACEMENT, "run-1", STEP, "copy-x", {"seats": 1, "since": "2027-01-01"})
    found = variables(asked)
    assert (found["TENANT_PARAM_SEATS"], found["TENANT_PARAM_SINCE"]) == ("1", "2027-01-01")
    assert found["TENANT_PARAM_LOCALE"] == "nl-BE"
    paths = files(asked)
    assert (paths["parameters/seats"], paths["parameters/since"]) == ("1", "2027-01-01")
    assert yaml.safe_load(paths["environment.yaml"])["spec"]["parameters"]["seats"] == 250, "what is declared stays so"


def test_a_tier_that_is_not_declared_has_its_default() -> None:
    bare = Placement(PLACEMENT.key, {"spec": {"region": "eu-west"}}, "d", "r", 1, State.ACTIVE)
    assert variables(Injection(bare, "r", STEP, "c"))["TENANT_TIER"] == "standard"


def test_every_container_gets_them_init_containers_too() -> None:
    for container in containers(inject(POD, GIVEN)):
        assert {entry["name"] for entry in container["env"]} == set(variables(GIVEN))
        assert container["volumeMounts"] == [{"name": "tenantctl", "mountPath": "/tenant", "readOnly": True}]


def test_ours_win_and_come_first() -> None:
    own = [{"name": "TENANT", "value": "mine"}, {"name": "HELLO", "value": "$(TENANT)"}]
    pod = inject({"containers": [{"name": "a", "env": own}]}, GIVEN)
    names = [entry["name"] for entry in pod["containers"][0]["env"]]
    assert names.count("TENANT") == 1
    assert pod["containers"][0]["env"][0] == {"name": "TENANT", "value": "acme"}
    assert names[-1] == "HELLO"


def test_a_default_of_the_team_stands_where_no_parameter_is_declared() -> None:
    own = [{"name": "TENANT_PARAM_COLOUR", "value": "red"}, {"name": "TENANT_PARAM_SEATS", "value": "1"}]
    env = inject({"containers": [{"name": "a", "env": own}]}, GIVEN)["containers"][0]["env"]
    values = {entry["name"]: entry["value"] for entry in env}
    assert (values["TENANT_PARAM_COLOUR"], values["TENANT_PARAM_SEATS"]) == ("red", "250")


def test_the_kubelet_expands_nothing_in_a_parameter() -> None:
    env = {entry["name"]: entry["value"] for entry in inject(POD, GIVEN)["containers"][0]["env"]}
    assert env["TENANT_PARAM_PRICE"] == "$$(HOME) $$$$5"


@pytest.mark.parametrize("path", ["/tenant", "/tenant/"])
def test_a_mount_or_volume_in_our_place_gives_way(path: str) -> None:
    mounts = [
        {"name": "mine", "mountPath": path},
        {"name": "tenantctl", "mountPath": "/x"},
        {"name": "z", "mountPath": "/z"},
    ]
    volumes = [{"name": "mine", "emptyDir": {}}, {"name": "tenantctl", "emptyDir": {}}]
    pod = inject({"containers": [{"name": "a", "volumeMounts": mounts}], "volumes": volumes}, GIVEN)
    assert [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]] == ["/z", "/tenant"]
    assert [volume["name"] for volume in pod["volumes"]] == ["mine", "tenantctl"]
    assert "configMap" in pod["volumes"][1]


def test_the_files() -> None:
    found = files(GIVEN)
    assert yaml.safe_load(found["environment.yaml"]) == DECLARATION
    assert (found["parameters/seats"], found["parameters/locale"]) == ("250", "nl-BE")
    assert json.loads(found["resources/bark.json"]) == {"url": "https://x"}
    assert set(found) == {"environment.yaml", "resources/bark.json", *(f"parameters/{name}" for name in PARAMETERS)}


def test_the_volume_gives_the_files_their_paths_back() -> None:
    data = files_of(GIVEN, "billing", "uid-1")["data"]
    source = inject(POD, GIVEN)["volumes"][0]["configMap"]
    assert source["name"] == "copy-x"
    assert {item["path"]: data[item["key"]] for item in source["items"]} == files(GIVEN)
    assert all("/" not in key for key in data)


def test_the_config_map_belongs_to_the_copy_and_never_changes() -> None:
    body = files_of(GIVEN, "billing", "uid-1")
    assert body["metadata"]["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "copy-x", "uid": "uid-1"}
    ]
    assert body["immutable"] is True
    assert body["metadata"]["labels"][labels.TENANT] == "acme"


def test_the_pod_that_was_given_is_left_alone() -> None:
    before = json.dumps(POD)
    inject(POD, GIVEN)
    assert json.dumps(POD) == before
