"""`tenantctl plan`: what it says beside the plan."""

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.cli.main import run
from tests.demo.fleet import git_environment

SMALLEST = Path(__file__).parent.parent / "examples/valid/smallest"
PRODUCTION = "tenants/acme/production.yaml"
WORDS = ["plan", "--against", "empty"]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small fleet in one commit, which is the current folder."""
    shutil.copytree(SMALLEST, tmp_path, dirs_exist_ok=True)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=git_environment(), check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


@pytest.mark.parametrize(
    ("path", "content"),
    [(PRODUCTION, "a: b"), (PRODUCTION, None), ("tenants/new/tenant.yaml", ""), ("providers/regions.yaml", "a: b")],
)
def test_what_is_not_committed_is_said(
    fleet: Path, path: str, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(WORDS) == 0
    assert capsys.readouterr().err == ""
    (fleet / path).parent.mkdir(exist_ok=True)
    if content is None:
        (fleet / path).unlink()
    else:
        (fleet / path).write_text(content)
    assert run(WORDS) == 0
    assert capsys.readouterr().err == f"uncommitted changes in {path.split('/')[0]}/ are not in this plan\n"
    commit(fleet)
    run(WORDS)
    assert "uncommitted" not in capsys.readouterr().err


def test_a_finding_is_said_once(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / PRODUCTION).write_text((fleet / PRODUCTION).read_text().replace("eu-west", "mars"))
    (fleet / "tenants/zz").mkdir()
    (fleet / "tenants/zz/x.yaml").write_text("a: [")
    commit(fleet)
    assert run(WORDS) == 3
    out, err = capsys.readouterr()
    assert (out + err).count("region 'mars' is not one of") == 1
    assert (out + err).count("missing-tenant") == 1
    assert err.startswith("tenants/zz/x.yaml:2:1: syntax "), "what no hold shows"
