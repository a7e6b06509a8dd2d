"""How findings are printed."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.check import _line
from reconciler.cli.main import run as tenantctl
from reconciler.core.errors import NotAllowed, Unavailable
from reconciler.manifests import Settings, render
from reconciler.manifests.checks import Finding, Verdict, run
from reconciler.manifests.kinds import id_of
from tests.demo.fleet import git_environment
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
