"""What `tenantctl install` asks, keeps and prints for Argo CD."""

import base64

import pytest
import yaml

from reconciler.adapters.kube.resources import NAMESPACES, SECRETS
from reconciler.cli.main import run
from reconciler.manifests.render import health_script
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
    assert len(creates()) == 4
    assert run(["install", "--argo-cd", ""]) == 0
    assert creates() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--argo-cd", "argocd.example.com"], "--argo-cd: 'argocd.example.com' is no URL"),
        (["--argo-cd", "https://user:pw@argocd.example.com"], "is no URL"),
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


def test_what_is_printed_for_argo_cd(capsys):
    words = ["--argo-server", "https://argo.example.com/", "--repository", "https://git.example.com/fleet.git"]
    assert run(["install", "--export-argo-cd", *words, "--annotation", "example.com/tenant"]) == 0
    printed = capsys.readouterr()
    settings, project, applications = yaml.safe_load_all(printed.out)
    assert settings["data"]["resource.customizations.health.batch_Job"] == health_script(["example.com/tenant"])
    assert '{ "collibra.com/tenant.lifecycle", "example.com/tenant" }' in health_script(["example.com/tenant"])
    assert "https://argo.example.com/workflows/tenantctl-workflows?" in settings["data"]["application.links"]
    assert (project["kind"], applications["kind"]) == ("AppProject", "ApplicationSet")
    assert printed.err == ""
    assert "  resource.customizations.health.batch_Job: |" in printed.out, "readable as it is printed"


def test_what_could_be_printed_too_is_said(capsys):
    assert run(["install", "--export-argo-cd"]) == 0
    printed = capsys.readouterr()
    assert [item["kind"] for item in yaml.safe_load_all(printed.out)] == ["ConfigMap", "AppProject"]
    assert "links" not in printed.out
    assert "--repository URL" in printed.err
    assert "--argo-server URL" in printed.err
