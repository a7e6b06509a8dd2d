"""`tenantctl uninstall` from an API server in memory: who is asked, and when something is gone."""

import io
import os
import sys

import pytest

from reconciler.adapters.kube.resources import NAMESPACES, SECRETS
from reconciler.cli.main import run
from reconciler.manifests.apply import found
from reconciler.manifests.render import TEMPLATES
from tests.manifests.memory import MemoryKube


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def kube(monkeypatch, capsys):
    made = MemoryKube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    assert run(["install", "--repository", "https://example.com/fleet.git"]) == 0
    capsys.readouterr()
    return made


def _kinds(kube):
    return {target.kind for target in found(kube)}


def test_nobody_to_ask(kube, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert run(["uninstall"]) == 64
    assert capsys.readouterr().err == "error: nobody to ask: say --yes\n"
    assert "Deployment" in _kinds(kube)


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("", 130)], ids=["no", "default", "end of file"])
def test_who_does_not_agree_is_told_that_nothing_was_removed(kube, monkeypatch, capsys, answer, code):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert run(["uninstall"]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"to be removed: Deployment (1), ClusterWorkflowTemplate ({len(TEMPLATES)}), ")
    assert err.endswith("[y/N]: " + ("" if answer else "\n") + "nothing was removed\n")  # Enter is the terminal's
    assert "Deployment" in _kinds(kube)


def test_who_agrees(kube, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run(["uninstall"]) == 0
    assert "Deployment tenantctl/tenantctl-reconciler removed" in capsys.readouterr().out
    assert _kinds(kube) == {"Namespace", "ConfigMap"}


def test_what_is_left_behind_is_told(kube, capsys):
    kube.put(SECRETS, "tenantctl-workflows", {"metadata": {"name": "tenantctl-archives"}})
    assert run(["uninstall", "-y"]) == 0
    assert "left: Secret tenantctl-workflows/tenantctl-archives with the credentials" in capsys.readouterr().err


def test_purge_waits_until_the_namespaces_are_gone(kube, capsys):
    assert run(["uninstall", "-y", "--purge"]) == 0
    out = capsys.readouterr().out
    assert out.index("Namespace tenantctl is being removed") < out.index("Namespace tenantctl removed")
    assert _kinds(kube) == set()


@pytest.mark.parametrize(("option", "code"), [(("--timeout", "0"), 5), (("--no-wait",), 0)], ids=["bounded", "no wait"])
def test_a_namespace_that_lingers_is_not_called_removed(kube, capsys, option, code):
    kube.terminating.add("tenantctl")
    conditions = [{"type": "NamespaceContentRemaining", "status": "True", "message": "some pods are left"}]
    kube.objects[NAMESPACES.path(None, "tenantctl")]["status"] = {"conditions": conditions}
    assert run(["uninstall", "-y", "--purge", *option]) == code
    out, err = capsys.readouterr()
    assert "Namespace tenantctl is being removed" in out
    assert "Namespace tenantctl removed" not in out
    assert ("Namespace tenantctl is still being removed: some pods are left" in err) == (code == 5)


def test_a_closed_pipe_does_not_stop_it(kube, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run(["uninstall", "-y"]) == 0
    assert _kinds(kube) == {"Namespace", "ConfigMap"}
