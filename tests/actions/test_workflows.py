"""Workflows and actions: what actionlint says, and the rules by which forks stay harmless."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.actions.actionlint import actionlint

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
TABLE = re.compile(r"^```yaml\n(# \.github/workflows/\S+\n.*?)^```$", re.MULTILINE | re.DOTALL)


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def steps(document: dict[Any, Any]) -> list[dict[str, Any]]:
    jobs = document.get("jobs", {"action": document.get("runs", {})})
    return [step for job in jobs.values() for step in job.get("steps", ())]


def test_actionlint_finds_nothing() -> None:
    done = subprocess.run([actionlint(), "-no-color"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_actionlint_does_look(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo ${{ x.y }}'}]}}\n"
    )
    done = subprocess.run([actionlint(), tmp_path / "bad.yml"], capture_output=True, text=True, check=False)
    assert "undefined variable" in done.stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_of_an_event_is_put_into_a_script(path: Path) -> None:
    scripts = [step["run"] for step in steps(read(path)) if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_named_and_credentials_do_not_stay(path: Path) -> None:
    document = read(path)
    assert document["permissions"]["contents"] == "read"
    checkouts = [step for step in steps(document) if step.get("uses", "").startswith("actions/checkout")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert all("timeout-minutes" in job for job in document["jobs"].values() if "steps" in job)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_pull_request_can_start_has_no_secret_and_no_right_to_write(path: Path) -> None:
    document = read(path)
    triggers = document[True]  # YAML 1.1 reads `on` as true
    assert "pull_request_target" not in triggers
    if path.name in ("plan.yml", "pull-request.yml"):
        assert set(document["permissions"].values()) == {"read"}
        assert "secrets" not in path.read_text()


def test_the_comment_runs_nothing_of_the_pull_request() -> None:
    (checkout,) = [
        step for step in steps(read(ROOT / ".github/workflows/comment.yml")) if "checkout" in step.get("uses", "")
    ]
    assert "head" not in checkout["with"]["ref"]
    assert "head" not in checkout["with"]["repository"]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_an_action_explains_itself_and_its_scripts_are_there(path: Path) -> None:
    document = read(path)
    assert {"name", "description", "runs"} <= document.keys()
    described = [*document.get("inputs", {}).values(), *document.get("outputs", {}).values()]
    assert all(each["description"] for each in described)
    scripts = [
        name for step in steps(document) for name in re.findall(r'\$GITHUB_ACTION_PATH/([^"]+)', step.get("run", ""))
    ]
    assert scripts
    assert all((path.parent / script).resolve().is_file() for script in scripts)


def test_the_workflows_that_the_documentation_shows_are_sound_and_call_ours_as_they_are(tmp_path: Path) -> None:
    text = (ROOT / "docs/pull-requests.md").read_text()
    shown = TABLE.findall(text)
    assert len(shown) == 3
    for each in shown:
        file = tmp_path / each.partition("\n")[0].rpartition("/")[2]
        file.write_text(each)
        done = subprocess.run([actionlint(), "-no-color", file], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
        for job in read(file)["jobs"].values():
            called = read(ROOT / job["uses"].partition("/tenantctl/")[2].partition("@")[0])
            inputs = called[True]["workflow_call"]["inputs"]
            assert job["with"].keys() == inputs.keys()
