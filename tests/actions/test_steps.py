"""The steps' scripts, run as GitHub runs them: its variables, its files, and a stand-in for its API."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actions.github import BOT, GitHub, serving
from tests.userrepo import UserRepository, environment

ROOT = Path(__file__).parents[2]
ACTIONS = ROOT / ".github/actions"
MARKER = "<!-- tenantctl plan -->"
PRODUCTION = "tenants/acme/production.yaml"
HEAD, LATER = "a" * 40, "b" * 40
ADA = {"login": "ada", "type": "User"}
PLAN = f"{MARKER}\n### tenantctl plan `1`\n"


class Runner:
    """A runner's folders and files."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.event, self.output, self.summary, self.path = (
            folder / name for name in ("event.json", "output", "summary.md", "path")
        )

    def env(self, **more: str) -> dict[str, str]:
        return environment(
            RUNNER_TEMP=str(self.temp), GITHUB_EVENT_PATH=str(self.event), GITHUB_OUTPUT=str(self.output),
            GITHUB_STEP_SUMMARY=str(self.summary), GITHUB_PATH=str(self.path), **more,
        )  # fmt: skip

    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def step(script: str, env: dict[str, str], cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a script of ours."""
    program = "bash" if script.endswith(".sh") else sys.executable
    done = subprocess.run([program, ACTIONS / script], cwd=cwd, env=env, text=True, capture_output=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


# -- plan ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def merged(tmp_path: Path, runner: Runner) -> UserRepository:
    """A pull request's merge commit, as GitHub checks it out: its first parent is the base."""
    user = UserRepository.create(tmp_path / "fleet")
    user.git("switch", "--quiet", "--create", "change")
    user.edit(PRODUCTION, '"24/7"', '"9-5"')
    (user.folder / "tenants/acme/development.yaml").unlink()
    user.commit("The change")
    user.git("switch", "--quiet", "main")
    user.write("README.md", "meanwhile\n")
    user.commit("The base goes on")
    user.git("merge", "--quiet", "--no-ff", "--no-edit", "change")
    runner.event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return user


def plan(runner: Runner, user: UserRepository, **more: str) -> "subprocess.CompletedProcess[str]":
    return step("plan/plan.py", runner.env(FROM="HEAD^1", TO="HEAD", **more), user.folder)


def test_a_plan_is_annotations_a_summary_outputs_and_a_folder(runner: Runner, merged: UserRepository) -> None:
    done = plan(runner, merged)
    assert done.returncode == 0, done.stderr
    assert f"::notice file={PRODUCTION},line=1,col=1,title=UPSERT::acme/production: parameters.support" in done.stdout
    assert "title=DECOMMISSION::acme/development: the declaration was removed" in done.stdout
    outputs = runner.outputs()
    assert (outputs["changes"], outputs["destructive"]) == ("2", "1")
    folder = Path(outputs["folder"])
    assert (folder / "number").read_text() == "7"
    text = (folder / "plan.md").read_text()
    assert text.startswith(f"{MARKER}\n")
    assert f"`{outputs['id']}`" in text
    assert runner.summary.read_text() == text, "the summary is written once"


def test_an_invalid_pull_request_fails_and_is_shown_all_the_same(runner: Runner, merged: UserRepository) -> None:
    merged.edit(PRODUCTION, "region:", "regoin:")
    merged.commit("Worse")
    done = plan(runner, merged)
    assert done.returncode == 3
    assert f"::error file={PRODUCTION},line=6,col=3,title=unknown-key::'regoin'; did you mean 'region'?" in done.stdout
    assert "#### Problems: 1" in (runner.temp / "tenantctl-plan/plan.md").read_text()


def test_what_cannot_be_planned_fails_and_leaves_no_folder(runner: Runner, merged: UserRepository) -> None:
    merged.git("update-ref", "-d", "HEAD")
    done = plan(runner, merged)
    assert done.returncode == 1
    assert "has no commit 'HEAD^1'" in done.stderr
    assert not (runner.temp / "tenantctl-plan").exists()


def test_another_event_has_no_number(runner: Runner, merged: UserRepository) -> None:
    runner.event.write_text("{}")
    assert plan(runner, merged).returncode == 0
    assert (runner.temp / "tenantctl-plan/number").read_text() == ""


def test_options_cannot_be_smuggled_in(runner: Runner, merged: UserRepository) -> None:
    done = step("plan/plan.py", runner.env(FROM="--output=name", TO="HEAD"), merged.folder)
    assert done.returncode == 1
    assert "is no revision" in done.stderr


# -- comment -------------------------------------------------------------------------------------------------------


@pytest.fixture
def github(runner: Runner) -> Iterator[GitHub]:
    """The API, with pull request 7 at HEAD, after a run for it."""
    run = {"head_sha": HEAD, "html_url": "https://github.example/run/1"}
    runner.event.write_text(json.dumps({"workflow_run": run}))
    with serving() as server:
        server.heads = {7: HEAD}
        yield server


def comment(
    runner: Runner, github: GitHub, text: str | bytes = PLAN, number: str = "7"
) -> "subprocess.CompletedProcess[str]":
    folder = runner.temp / "artifact"
    folder.mkdir(exist_ok=True)
    (folder / "plan.md").write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / "number").write_text(number)
    return comment_of(runner, github, folder)


def comment_of(runner: Runner, github: GitHub, folder: Path) -> "subprocess.CompletedProcess[str]":
    env = runner.env(
        FOLDER=str(folder), GITHUB_TOKEN="t0ken", GITHUB_API_URL=github.url, GITHUB_REPOSITORY="example/fleet",
        RETRY_SECONDS="0",
    )  # fmt: skip
    return step("comment/comment.py", env)


def test_a_comment_is_made_once_and_then_edited_in_place(runner: Runner, github: GitHub) -> None:
    done = comment(runner, github)
    assert done.returncode == 0, done.stdout
    assert [each["body"] for each in github.comments] == [
        f"{PLAN.rstrip()}\n<sub>Made by [this run](https://github.example/run/1) of aaaaaaa.</sub>"
    ]
    assert comment(runner, github).returncode == 0
    assert [call.split()[0] for call in github.calls[-2:]] == ["GET", "GET"], "the same is not written again"
    assert comment(runner, github, PLAN.replace("`1`", "`2`")).returncode == 0
    (only,) = github.comments
    assert "`2`" in only["body"]
    assert github.tokens == {"Bearer t0ken"}


def test_among_many_comments_ours_is_found_and_other_peoples_stay(runner: Runner, github: GitHub) -> None:
    for number in range(130):
        github.add(f"word {number}", ADA)
    github.add(f"{MARKER}\nnot ours", ADA)
    github.add("a bot's word", BOT)
    ours = github.add(f"{MARKER}\nold", BOT)
    assert comment(runner, github).returncode == 0
    assert len(github.comments) == 133
    assert ours["body"].startswith(PLAN.rstrip())
    assert github.comments[130]["body"] == f"{MARKER}\nnot ours"


def test_a_pull_request_that_moved_on_is_not_commented(runner: Runner, github: GitHub) -> None:
    github.heads = {7: LATER}
    done = comment(runner, github)
    assert done.returncode == 0
    assert "::notice::pull request 7 is at another commit" in done.stdout
    assert github.comments == []


@pytest.mark.parametrize("number", ["", "0", "x", "7/../8", "7\n8", "-1", "9" * 30])
def test_a_number_that_is_none_is_refused_before_any_call(runner: Runner, github: GitHub, number: str) -> None:
    done = comment(runner, github, number=number)
    assert done.returncode == 1
    assert done.stdout.startswith("::error::")
    assert github.calls == []


@pytest.mark.parametrize(
    "text", ["", "no plan", f"x{MARKER}\n", MARKER, f"{MARKER}\n{'x' * 65_536}", f"{MARKER}\n\xff".encode("latin-1")]
)
def test_a_text_that_is_no_plan_is_refused_before_any_call(runner: Runner, github: GitHub, text: str | bytes) -> None:
    assert comment(runner, github, text).returncode == 1
    assert github.calls == []


def test_a_link_in_the_artifact_publishes_nothing(runner: Runner, github: GitHub, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(PLAN)
    folder = runner.temp / "artifact"
    folder.mkdir()
    (folder / "number").write_text("7")
    (folder / "plan.md").symlink_to(tmp_path / "secret")
    assert comment_of(runner, github, folder).returncode == 1
    assert github.calls == []


def test_a_number_of_another_pull_request_is_refused(runner: Runner, github: GitHub) -> None:
    github.heads = {7: HEAD, 8: LATER}
    assert comment(runner, github, number="8").returncode == 0
    assert github.comments == []
    done = comment(runner, github, number="9")
    assert done.returncode == 1
    assert "GET /pulls/9: 404 Not Found" in done.stdout


def test_the_servers_faults_are_tried_again_and_a_refusal_is_not(runner: Runner, github: GitHub) -> None:
    github.failures = [502, 503]
    assert comment(runner, github).returncode == 0
    assert len(github.comments) == 1
    github.failures = [403]
    done = comment(runner, github, PLAN + "more")
    assert (done.returncode, "403 no" in done.stdout) == (1, True)
    github.failures = [500, 500, 500]
    assert comment(runner, github, PLAN + "more").returncode == 1


# -- reconcile and release -----------------------------------------------------------------------------------------

TOLD = """#!/usr/bin/env bash
echo "$@" >> "$LOG"
if [ "$1" = reconcile ]; then stat -c %a "$KUBECONFIG" >> "$LOG"; cat "$KUBECONFIG" >> "$LOG"; exit "$CODE"; fi
[ -z "${KUBECONFIG_CONTENT:-}" ]
"""


@pytest.mark.parametrize("code", [0, 5])
def test_a_merge_asks_the_controller_waits_and_shows_what_is_held(runner: Runner, tmp_path: Path, code: int) -> None:
    """What `tenantctl` does with a cluster is tested elsewhere; here it writes down how it was called."""
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    (programs / "tenantctl").write_text(TOLD)
    (programs / "tenantctl").chmod(0o755)
    env = runner.env(KUBECONFIG_CONTENT="secret: 1", LOG=str(log), CODE=str(code))
    done = step("reconcile.sh", env | {"PATH": f"{programs}{os.pathsep}{env['PATH']}"})
    assert done.returncode == code
    assert log.read_text().splitlines() == [
        "reconcile --all --wait --declared --timeout 1800", "600", "secret: 1", "plan --output github",
    ]  # fmt: skip
    assert list(runner.temp.iterdir()) == [], "the kubeconfig does not stay"


def notes(tag: str) -> Any:
    script = ROOT / ".github/scripts/release_notes.py"
    return subprocess.run([sys.executable, script, tag], capture_output=True, text=True, check=False)


def test_release_notes_are_the_changelogs_and_the_tag_is_the_version() -> None:
    from reconciler import __version__

    done = notes(f"v{__version__}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### Added")
    assert "## [" not in done.stdout
    assert notes("v99.0.0").returncode == 1
    assert notes(__version__).returncode == 1


def test_the_action_installs_the_tenantctl_that_it_belongs_to(runner: Runner) -> None:
    runner.temp.with_name("venv.py").write_text("raise SystemExit('what is checked out was run')")
    done = step("install.sh", runner.env(), cwd=runner.temp.parent)
    assert done.returncode == 0, done.stderr
    program = Path(runner.path.read_text().strip()) / "tenantctl"
    assert subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout == done.stdout
