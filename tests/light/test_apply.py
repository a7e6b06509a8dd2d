"""The command line without a controller, and what it shows of what was done."""

import json
from dataclasses import dataclass

import pytest
import yaml

from tests.e2e.command import Done
from tests.e2e.controller import free_port
from tests.e2e.fleet import Fleet
from tests.e2e.lab import Json
from tests.e2e.service import lifecycle_job

pytestmark = pytest.mark.cluster

SAID = "the account is open"
SURFACES = {
    "get environments": ("get", "environments"),
    "get runs": ("get", "runs"),
    "describe": ("describe", "environment", "{key}"),
    "history": ("history", "{key}"),
    "logs": ("logs", "{key}"),
    "reconcile": ("reconcile", "{key}"),
    "retry": ("retry", "{key}"),
    "stop": ("stop", "{key}"),
}
UNKNOWN = "nobody/nowhere"


@dataclass(frozen=True)
class Applied:
    """An environment, and what the commands said that made it."""

    fleet: Fleet
    key: str
    before: Json
    refused: Done
    state_after_refusal: object
    applied: Done


@pytest.fixture(scope="module")
def applied(own_fleet: Fleet) -> Applied:
    """Declared, planned, refused with a wrong plan, then applied."""
    fleet = own_fleet
    service = fleet.lab.service("service", lifecycle_job("", "lifecycle", f"echo {SAID}"))
    key = fleet.declare("apply", service)
    before = json.loads(_on(fleet, "plan", "-o", "json", "--detailed-exitcode", code=2).stdout)
    refused = _on(fleet, "apply", "--yes", "--plan", "000000000000", code=None)
    state = fleet.lab.record(key)
    done = _on(fleet, "apply", "--yes", "--plan", before["id"], code=None)
    return Applied(fleet, key, before, refused, state, done)


def test_the_plan_shows_the_action(applied: Applied) -> None:
    (action,) = applied.before["actions"]
    assert f"{action['tenant']}/{action['environment']}" == applied.key
    assert (action["action"], action["to"], action["from"]) == ("UPSERT", "eu-west", "")
    assert len(action["steps"]) == 1
    assert applied.before["holds"] == []


def test_another_plan_is_refused_and_nothing_done(applied: Applied) -> None:
    assert applied.refused.code == 6
    assert applied.before["id"] in applied.refused.stderr
    assert applied.state_after_refusal is None


def test_apply_ends_ready(applied: Applied) -> None:
    assert applied.applied.code == 0, applied.applied.stderr
    record = applied.fleet.lab.record(applied.key)
    assert record is not None
    assert {item.type: item.status for item in record.conditions}["Ready"]
    assert record.applied_revision == applied.before["revision"]
    assert len(applied.fleet.lab.runs(applied.key)) == 1


def test_the_plan_afterwards_is_empty(applied: Applied) -> None:
    plan = json.loads(_on(applied.fleet, "plan", "-o", "json", "--detailed-exitcode").stdout)
    assert plan["actions"] == plan["holds"] == []
    assert _on(applied.fleet, "apply", "--yes").code == 0
    assert len(applied.fleet.lab.runs(applied.key)) == 1


def test_get_environments(applied: Applied) -> None:
    def get(*words: str) -> str:
        return applied.fleet.tenantctl("get", "environments", applied.key, *words).stdout

    tenant, _, environment = applied.key.partition("/")
    revision = applied.before["revision"]
    assert get("-o", "name") == f"{applied.key}\n"
    (item,) = json.loads(get("-o", "json"))
    assert (item["tenant"], item["environment"], item["appliedRevision"]) == (tenant, environment, revision)
    assert yaml.safe_load(get("-o", "yaml")) == [item]
    header, row = get().splitlines()
    assert header.split()[:5] == ["TENANT", "ENVIRONMENT", "REGION", "READY", "REASON"]
    assert row.split()[:6] == [tenant, environment, "eu-west", "True", "Applied", revision[:7]]
    header, row = get("-o", "wide").splitlines()
    assert _run(applied) in row.split()
    everything = applied.fleet.tenantctl("get", "environments", "-o", "name").stdout.split()
    assert applied.key in everything
    assert applied.key not in applied.fleet.tenantctl("get", "environments", "--not-ready", "-o", "name").stdout.split()


def test_get_runs(applied: Applied) -> None:
    def get(*words: str) -> str:
        return applied.fleet.tenantctl("get", "runs", applied.key, *words).stdout

    assert get("-o", "name") == f"{_run(applied)}\n"
    (item,) = json.loads(get("-o", "json"))
    assert (item["name"], item["key"], item["verb"]) == (_run(applied), applied.key, "upsert")
    assert "claim" in get("-o", "wide").splitlines()[1].split()


def test_describe_history_and_logs(applied: Applied) -> None:
    described = applied.fleet.tenantctl("describe", "environment", applied.key).stdout
    assert applied.before["actions"][0]["steps"][0] in described
    assert "Succeeded" in described
    (entry,) = json.loads(applied.fleet.tenantctl("history", applied.key, "-o", "json").stdout)
    assert (entry["event"], entry["run"], entry["attempt"]) == ("Succeeded", _run(applied), 1)
    assert _run(applied) in applied.fleet.tenantctl("history", applied.key).stdout
    assert SAID in applied.fleet.tenantctl("logs", applied.key).stdout


def test_reconcile_waits_for_the_controller(applied: Applied) -> None:
    words = ("reconcile", applied.key, "--wait", "--timeout")
    assert "controller" in applied.fleet.tenantctl(*words, "1", code=5).stderr
    applied.fleet.start()
    applied.fleet.tenantctl(*words, "60")
    assert len(applied.fleet.lab.runs(applied.key)) == 1


@pytest.mark.parametrize("name", [name for name, words in SURFACES.items() if "{key}" in words])
def test_an_unknown_environment_is_an_error_that_says_so(applied: Applied, name: str) -> None:
    done = applied.fleet.tenantctl(*_words(name, UNKNOWN), code=1)
    assert UNKNOWN in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", SURFACES)
def test_without_rights_the_exit_code_is_4(applied: Applied, name: str, tmp_path) -> None:
    lab = applied.fleet.lab
    kubeconfig = lab.kubeconfig_of(tmp_path, "default", "default")
    options = ("--kubeconfig", str(kubeconfig), "--context", lab.cluster.context)
    done = applied.fleet.tenantctl(*_words(name, applied.key), *options, code=4)
    assert "system:serviceaccount:default:default" in done.stderr


@pytest.mark.parametrize("name", [*SURFACES, "plan", "apply"])
def test_a_cluster_that_does_not_answer_is_an_error_that_says_so(applied: Applied, name: str, tmp_path) -> None:
    lab = applied.fleet.lab
    content = yaml.safe_load(lab.cluster.kubeconfig.read_text())
    nowhere = f"https://127.0.0.1:{free_port()}"
    content["clusters"][0]["cluster"]["server"] = nowhere
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    words = _words(name, applied.key) if name in SURFACES else (name, *_repository(applied.fleet))
    options = ("--kubeconfig", str(tmp_path / "kubeconfig"), "--context", lab.cluster.context)
    done = applied.fleet.tenantctl(*words, *options, code=1)
    assert lab.cluster.context in done.stderr
    assert "does not answer" in done.stderr


def _on(fleet: Fleet, command: str, *words: str, code: int | None = 0) -> Done:
    return fleet.tenantctl(command, *_repository(fleet), *words, code=code)


def _repository(fleet: Fleet) -> tuple[str, ...]:
    return "--repository", str(fleet.repository.folder), "--ref", "main"


def _words(name: str, key: str) -> tuple[str, ...]:
    return tuple(word.format(key=key) for word in SURFACES[name])


def _run(applied: Applied) -> str:
    (run,) = applied.fleet.lab.runs(applied.key)
    return str(run["metadata"]["name"])
