"""How findings are printed."""

import io
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.check import _line
from reconciler.cli.main import run as tenantctl
from reconciler.core.errors import NotAllowed, NotFound, Unavailable
from reconciler.manifests import Settings, argo_cd, checks, render
from reconciler.manifests.archives import write
from reconciler.manifests.checks import Finding, Verdict, run
from reconciler.manifests.kinds import id_of
from reconciler.manifests.render import health_script
from tests.cluster import objectstore
from tests.gitenv import git_environment
from tests.manifests.memory import MemoryKube


@pytest.mark.parametrize(
    ("encoding", "sign"),
    [("utf-8", "✔"), ("ascii", "ok")],
)
def test_a_sign_that_the_terminal_can_show(encoding, sign, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert _line(Finding("x", Verdict.OK, "it is")) == f"{sign} it is"


def test_the_remedy_is_on_the_next_line():
    assert _line(Finding("x", Verdict.FAILED, "it is not", "make it")) == "✗ it is not\n    -> make it"


@pytest.mark.parametrize(
    ("error", "verdict"), [(NotAllowed("403"), Verdict.UNKNOWN), (Unavailable("gone"), Verdict.FAILED)]
)
def test_a_failure_to_look_is_a_finding(error, verdict):
    def check():
        raise error

    (finding,) = run("x", check)
    assert finding.verdict is verdict
    assert str(error) in finding.message


@pytest.fixture
def fleet(tmp_path):
    shutil.copytree(Path("providers"), tmp_path / "providers")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Fleet")):
        subprocess.run(["git", *words], cwd=tmp_path, env=git_environment(), check=True)
    return tmp_path


@pytest.mark.parametrize(("region", "code"), [("mars", 1), ("eu-west", 0), ("", 0)])
def test_the_installed_region_is_one_of_the_repository(fleet, region, code, monkeypatch, capsys):
    kube = MemoryKube()
    for item in render(Settings(repository=str(fleet), ref="HEAD", region=region)):
        kube.apply(id_of(item).path, item)
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: kube)
    assert tenantctl(["check"]) == code
    said = "the installation's region 'mars' is not one of eu-west (providers/regions.yaml)"
    assert (said in capsys.readouterr().out) == (region == "mars")


def webhook(settings, error=None):
    kube = MemoryKube()
    kube.refusal = error
    return run("webhook", lambda: checks.webhook(kube, settings))


LISTENING = Settings(repository="https://example.com/fleet.git", webhook=True)


@pytest.mark.parametrize("settings", [Settings(), Settings(webhook=True), Settings(repository="x")])
def test_webhooks_that_nobody_asked_for_are_not_looked_at(settings):
    assert webhook(settings, Unavailable("503")) == []


@pytest.mark.parametrize(
    ("error", "verdict", "said"),
    [
        (None, Verdict.OK, "webhooks are received"),
        (Unavailable("503: there is no webhook-secret"), Verdict.FAILED, "refused: 503: there is no webhook-secret"),
        (Unavailable("503: no endpoints available"), Verdict.UNKNOWN, "cannot be asked: 503: no endpoints available"),
        (NotAllowed("403: services/proxy"), Verdict.UNKNOWN, "not allowed to look"),
        (NotFound("404: services"), Verdict.FAILED, "404: services"),
    ],
)
def test_whether_webhooks_are_received(error, verdict, said):
    (finding,) = webhook(LISTENING, error)
    assert (finding.verdict, said in finding.message) == (verdict, True)
    assert ("Secret tenantctl/tenantctl-reconciler" in finding.remedy) == ("webhook-secret" in finding.message)


def archives(settings, secret=None):
    kube = MemoryKube()
    if secret is not None:
        write(kube, settings.workflow_namespace, secret)
    (finding,) = run("archives", lambda: checks.archives(kube, settings))
    return finding


def test_archives_need_not_be_kept():
    finding = archives(Settings())
    assert (finding.verdict, "install --archives URL" in finding.message) == (Verdict.OK, True)


def test_archives_without_credentials_are_not_known_to_work():
    finding = archives(Settings(archives="s3://box/fleet?region=r"))
    assert finding.verdict is Verdict.UNKNOWN
    assert "archives go to s3://box/fleet; there is no Secret tenantctl-workflows/tenantctl-archives" in finding.message


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        (
            "aws_access_key_id=AK\naws_secret_access_key=S3CRET",
            Verdict.UNKNOWN,
            "asked from here, object store s3://box",
        ),
        ("S3CRET", Verdict.FAILED, "credentials, line 1"),
    ],
)
def test_archives_that_cannot_be_asked(text, verdict, said):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        place = f"s3://box?region=r&endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
        finding = archives(Settings(archives=place), text)
    assert finding.verdict is verdict
    assert said in finding.message
    assert "S3CRET" not in finding.message


@pytest.mark.cluster
@pytest.mark.parametrize(("key", "verdict"), [("", Verdict.OK), ("wrong", Verdict.FAILED)])
def test_archives_are_really_asked_for(key, verdict):
    store = objectstore.up()
    place = f"s3://{store.bucket}/fleet?region={store.region}&endpoint={store.endpoint}"
    text = f"aws_access_key_id={store.access_key}\naws_secret_access_key={key or store.secret_key}"
    finding = archives(Settings(archives=place), text)
    assert finding.verdict is verdict, finding


APPLICATIONS = Settings(argo_cd="https://argocd.example.com", annotations=("example.com/verbs",))


class Asked:
    """Argo CD that shows this health script of Jobs, or does not answer so."""

    url = APPLICATIONS.argo_cd

    def __init__(self, script, error=None):
        self.script = script
        self.error = error
        self.closed = False

    def version(self):
        return "v3.2.6"

    def find(self, project, name):
        assert project == APPLICATIONS.argo_cd_project
        if self.error:
            raise self.error

    def settings(self):
        return {"resourceOverrides": {"batch/Job": {"health.lua": self.script}}} if self.script else {}

    def close(self):
        self.closed = True


def applications(monkeypatch, asked, *, token=True):
    kube = MemoryKube()
    if token:
        argo_cd.write(kube, APPLICATIONS.workflow_namespace, "a.b.c", "")
    monkeypatch.setattr(checks, "checked", lambda *given: asked if given == (asked.url, "a.b.c", "") else None)
    return run("argo-cd", lambda: checks.argo_cd(kube, APPLICATIONS))


IN_PLACE = health_script(APPLICATIONS.annotations)
EXPORT, TOKEN = "install --export-argo-cd | kubectl apply", "tenantctl install --argo-cd-token FILE"


@pytest.mark.parametrize(
    ("script", "verdict", "said", "remedy"),
    [
        (IN_PLACE, Verdict.OK, "takes suspended lifecycle Jobs for healthy", ""),
        (f"\n{IN_PLACE}\n\n", Verdict.OK, "takes suspended lifecycle Jobs for healthy", ""),
        (health_script(), Verdict.UNKNOWN, "one of another version of tenantctl", EXPORT),
        ("return {}", Verdict.UNKNOWN, "a health script of its own for Jobs", EXPORT),
        ("", Verdict.FAILED, "for Suspended, not Healthy", EXPORT),
    ],
    ids=["in place", "blanks around it", "without our annotations", "somebody's own", "none"],
)
def test_whether_argo_cd_knows_lifecycle_jobs(script, verdict, said, remedy, monkeypatch):
    asked = Asked(script)
    token, health = applications(monkeypatch, asked)
    assert token == Finding(
        "argo-cd", Verdict.OK, "Argo CD v3.2.6 at https://argocd.example.com takes the token for project tenants"
    )
    assert (health.check, health.verdict, said in health.message) == ("argo-cd-health", verdict, True)
    assert remedy in health.remedy
    assert bool(health.remedy) == bool(remedy)
    assert asked.closed


@pytest.mark.parametrize(
    ("error", "verdict", "said", "remedy"),
    [
        (Unavailable("503: no connection"), Verdict.UNKNOWN, "asked from here, 503: no connection", ""),
        (NotAllowed("403: permission denied"), Verdict.FAILED, "403: permission denied", TOKEN),
    ],
    ids=["unreachable", "refused"],
)
def test_argo_cd_that_cannot_be_asked(error, verdict, said, remedy, monkeypatch):
    asked = Asked(IN_PLACE, error)
    assert applications(monkeypatch, asked) == [Finding("argo-cd", verdict, said, remedy)]
    assert asked.closed


def test_argo_cd_without_a_token_has_failed(monkeypatch):
    (finding,) = applications(monkeypatch, Asked(IN_PLACE), token=False)
    assert (finding.verdict, finding.remedy) == (Verdict.FAILED, TOKEN)
    assert "there is no Secret tenantctl-workflows/tenantctl-argo-cd" in finding.message


def test_argo_cd_need_not_be_set_up():
    (finding,) = run("argo-cd", lambda: checks.argo_cd(MemoryKube(), Settings()))
    assert (finding.verdict, "install --argo-cd URL" in finding.message) == (Verdict.OK, True)


@pytest.mark.parametrize(
    ("asked", "code", "line"),
    [
        (Asked(IN_PLACE), 0, "Argo CD takes suspended lifecycle Jobs for healthy"),
        (Asked(""), 1, "Argo CD takes an Application with lifecycle Jobs for Suspended, not Healthy"),
        (Asked("", Unavailable("503")), 0, "asked from here, 503"),
    ],
    ids=["in place", "not in place", "unreachable"],
)
def test_argo_cd_is_among_what_is_asked(asked, code, line, monkeypatch, capsys):
    kube = MemoryKube()
    for item in render(APPLICATIONS):
        kube.apply(id_of(item).path, item)
    argo_cd.write(kube, APPLICATIONS.workflow_namespace, "a.b.c", "")
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: kube)
    monkeypatch.setattr(checks, "checked", lambda *_: asked)
    assert tenantctl(["check"]) == code
    assert line in capsys.readouterr().out
