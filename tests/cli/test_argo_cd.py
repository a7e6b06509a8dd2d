"""What `tenantctl install` asks, keeps and prints for Argo CD."""

import base64

import pytest
import yaml

from reconciler.adapters.kube.resources import CONFIG_MAPS, NAMESPACES, SECRETS
from reconciler.cli.main import run
from reconciler.core.errors import NotAllowed
from reconciler.core.placement import config_map_of as placement_map
from reconciler.core.record import config_map_of as record_map
from reconciler.manifests.render import health_script
from tests.core.fleet import declaration, placed, record
from tests.manifests.memory import MemoryKube

URL = ("--argo-cd", "https://argocd.example.com")
PATH = SECRETS.path("tenantctl-workflows", "tenantctl-argo-cd")


@pytest.fixture
def kube(monkeypatch):
    made = MemoryKube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text("a.b.c\n")
    return file


def held(kube):
    return {name: base64.b64decode(text).decode() for name, text in kube.objects[PATH]["data"].items()}


def test_the_token_is_kept_in_a_secret_and_nowhere_else(kube, token, capsys):
    assert run(["install", *URL, "--argo-cd-token", str(token)]) == 0
    assert held(kube) == {"token": "a.b.c"}
    assert "Secret tenantctl-workflows/tenantctl-argo-cd created" in capsys.readouterr().out
    everything = str({path: item for path, item in kube.objects.items() if path != PATH})
    assert "a.b.c" not in everything
    assert run(["install"]) == 0, "an upgrade goes on with it"
    assert kube.settings()["argo_cd"] == "https://argocd.example.com"
    assert held(kube) == {"token": "a.b.c"}


def test_namespaces_are_created_only_where_argo_cd_is_set_up(kube, token):
    assert run(["install"]) == 0
    creates = lambda: [path for path in kube.objects if path.endswith("/tenantctl-applications")]  # noqa: E731
    assert creates() == []
    assert run(["install", *URL, "--argo-cd-token", str(token)]) == 0
    assert len(creates()) == 6
    assert run(["install", "--argo-cd", ""]) == 0
    assert creates() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--argo-cd", "argocd.example.com"], "--argo-cd: 'argocd.example.com' is no URL"),
        (["--argo-cd", "https://user:pw@argocd.example.com"], "is no URL"),
        (["--argo-server", "argo"], "--argo-server: 'argo' is no URL"),
        (["--argo-cd-cluster", "eu-west"], "--argo-cd-cluster: 'eu-west' is no URL"),
        (["--argo-cd-project", "Tenants!"], "is no name of a project"),
        (["--argo-cd-token", "TOKEN"], "of which Argo CD? say --argo-cd URL"),
        ([*URL, "--argo-cd-token", "NOWHERE"], "--argo-cd-token NOWHERE: No such file"),
        ([*URL, "--argo-cd-token", "EMPTY"], "token is none"),
        ([*URL, "--argo-cd-authority", "TOKEN"], "with which token?"),
        ([*URL, "--argo-cd-token", "TOKEN", "--argo-cd-authority", "TOKEN"], "PEM is expected"),
        (["--export", *URL, "--argo-cd-token", "TOKEN"], "kubectl create secret generic tenantctl-argo-cd"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_written(kube, token, tmp_path, capsys, words, said):
    (tmp_path / "empty").write_text("\n")
    files = {"TOKEN": str(token), "EMPTY": str(tmp_path / "empty")}
    assert run(["install", *(files.get(word, word) for word in words)]) == 64
    assert said in capsys.readouterr().err
    assert NAMESPACES.path(None, "tenantctl") not in kube.objects


PORTAL = {
    "name": "portal",
    "source": {"repoURL": "https://git.example.com/p.git", "path": "p"},
    "namespace": "acme-production",
}


class Asked:
    """Argo CD that knows one application, Degraded."""

    def __init__(self, url, token, authority):
        assert (url, token, authority) == (URL[1], "a.b.c", "")

    def select(self, project, marks):
        assert (project, marks["tenantctl.io/tenant"]) == ("tenants", "acme")
        name = "acme.production.portal.eu-west"
        return [
            {"metadata": {"name": name}, "status": {"sync": {"status": "Synced"}, "health": {"status": "Degraded"}}}
        ]

    def close(self):
        pass


@pytest.fixture
def environment(kube):
    of = declaration(applications=[PORTAL, PORTAL | {"name": "shop"}])
    kube.put(CONFIG_MAPS, "tenantctl", record_map(record(of), "tenantctl"))
    kube.put(CONFIG_MAPS, "tenantctl-workflows", placement_map(placed(of), "tenantctl-workflows"))


def described(capsys, first):
    capsys.readouterr()
    assert run(["describe", "acme/production"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return lines[lines.index(first) :] if first in lines else lines


def test_describe_says_what_argo_cd_says_of_applications_and_where_to_look(
    kube, token, environment, capsys, monkeypatch
):
    words = [*URL, "--argo-cd-token", str(token), "--argo-server", "https://argo.example.com/"]
    assert run(["install", *words]) == 0
    monkeypatch.setattr("reconciler.adapters.argocd.checked", Asked)
    assert described(capsys, "Applications in eu-west:")[:5] == [
        "Applications in eu-west:",
        "  portal  Synced, Degraded",
        "      https://argocd.example.com/applications/acme.production.portal.eu-west",
        "  shop  not in Argo CD",
        "      https://argocd.example.com/applications/acme.production.shop.eu-west",
    ]
    runs = "https://argo.example.com/workflows/tenantctl-workflows?label=tenantctl.io/tenant%3Dacme"
    assert any(line.startswith(f"Runs in eu-west: {runs}&label=") for line in described(capsys, ""))


def refuse(*_):
    raise NotAllowed("secrets is forbidden")


@pytest.mark.parametrize(
    ("words", "broken", "said"),
    [
        ((), {}, "not known: no Argo CD is set up in this cluster"),
        (URL, {}, "not known: there is no Secret tenantctl-workflows/tenantctl-argo-cd"),
        (URL, {"reconciler.manifests.argo_cd.find": refuse}, "not known: secrets is forbidden"),
    ],
)
def test_describe_says_why_argo_cd_was_not_asked(kube, environment, capsys, monkeypatch, words, broken, said):
    assert run(["install", *words]) == 0
    for name, fake in broken.items():
        monkeypatch.setattr(name, fake)
    lines = described(capsys, "Applications in eu-west:")
    assert said in lines[1]
    assert any("/applications/acme.production.portal.eu-west" in line for line in lines) is bool(words)


def test_what_is_printed_for_argo_cd(capsys):
    words = ["--argo-server", "https://argo.example.com/", "--repository", "https://git.example.com/fleet.git"]
    assert run(["install", "--export-argo-cd", *words, "--annotation", "example.com/tenant"]) == 0
    printed = capsys.readouterr()
    settings, project, providers, applications = yaml.safe_load_all(printed.out)
    assert settings["data"]["resource.customizations.health.batch_Job"] == health_script(["example.com/tenant"])
    assert '{ "collibra.com/tenant.lifecycle", "example.com/tenant" }' in health_script(["example.com/tenant"])
    assert "https://argo.example.com/workflows/tenantctl-workflows?" in settings["data"]["application.links"]
    assert (project["kind"], applications["kind"]) == ("AppProject", "ApplicationSet")
    assert applications["spec"]["template"]["spec"]["project"] == providers["metadata"]["name"]
    assert providers["spec"]["namespaceResourceWhitelist"] == [{"group": "argoproj.io", "kind": "WorkflowTemplate"}]
    assert providers["spec"]["clusterResourceWhitelist"] == []
    assert printed.err == ""
    assert "  resource.customizations.health.batch_Job: |" in printed.out, "readable as it is printed"


def test_the_project_keeps_out_of_what_acts_with_other_rights(capsys):
    assert run(["install", "--export-argo-cd", "--workflow-namespace", "acme-runs"]) == 0
    project = list(yaml.safe_load_all(capsys.readouterr().out))[1]["spec"]
    refused = {item["namespace"] for item in project["destinations"] if item["namespace"].startswith("!")}
    assert refused == {"!kube-*", "!tenantctl-*", "!acme-runs", "!argo*", "!*-system"}
    kinds = {item["kind"] for item in project["namespaceResourceBlacklist"] if item["group"] == "argoproj.io"}
    assert kinds >= {"Application", "AppProject", "ApplicationSet", "Workflow", "Sensor"}


def test_what_could_be_printed_too_is_said(capsys):
    assert run(["install", "--export-argo-cd"]) == 0
    printed = capsys.readouterr()
    assert [item["kind"] for item in yaml.safe_load_all(printed.out)] == ["ConfigMap", "AppProject"]
    assert "links" not in printed.out
    assert "--repository URL" in printed.err
    assert "--argo-server URL" in printed.err
