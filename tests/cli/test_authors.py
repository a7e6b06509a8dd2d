"""What authors use besides: `schema`, `codeowners`, `completion`, `why`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.cli.main import COMMANDS, run
from reconciler.cli.why import _lines, explanations
from reconciler.core.fleet import REGIONS, regions_text
from reconciler.core.placement import config_map_of as placement_map
from reconciler.core.record import Entry
from reconciler.core.record import config_map_of as record_map
from reconciler.core.region import Region
from tests.core.fleet import BILLING, SEARCH, declaration, outcome, placed, record
from tests.manifests.memory import MemoryKube
from tests.userrepo import UserRepository

ROOT = Path(__file__).parents[2]
PRODUCTION = "tenants/acme/production.yaml"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UserRepository:
    monkeypatch.chdir(tmp_path)
    return UserRepository.create(tmp_path)


# -- schema --------------------------------------------------------------------------------------------------------


def test_schemas_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    kinds = capsys.readouterr().out.split()
    assert kinds == ["tenant", "tenant-environment", "region-list", "provider"]
    for kind in kinds:
        assert run(["schema", kind]) == 0
        file = ROOT / "schemas" / f"{kind}.v1.json"
        assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())
    assert run(["schema", "TenantEnvironment"]) == 0


def test_an_unknown_kind_is_said_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "tennant"]) == 64
    assert "did you mean 'tenant'?" in capsys.readouterr().err


def test_schemas_are_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--check", str(tmp_path / "schemas")]) == 1
    assert run(["schema", "--export", str(tmp_path / "schemas")]) == 0
    assert run(["schema", "--check", str(tmp_path / "schemas")]) == 0
    (tmp_path / "schemas/tenant.v1.json").write_text("{}")
    capsys.readouterr()
    assert run(["schema", "--check", str(tmp_path / "schemas")]) == 1
    assert "is not the schema of this tenantctl" in capsys.readouterr().err


def test_the_settings_for_the_editor_here_are_those_that_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--vscode"]) == 0
    assert capsys.readouterr().out == (ROOT / ".vscode/settings.json").read_text()


# -- codeowners ----------------------------------------------------------------------------------------------------


def test_codeowners_are_printed_written_and_checked(user: UserRepository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["codeowners"]) == 0
    assert "\n/tenants/acme/ team-acme@example.com\n" in capsys.readouterr().out
    assert run(["codeowners", "--check"]) == 1
    assert "run: tenantctl codeowners --write" in capsys.readouterr().err
    user.write("CODEOWNERS", "* @example/platform\n")
    assert run(["codeowners", "--write"]) == 0
    assert run(["codeowners", "--check"]) == 0
    text = (user.folder / "CODEOWNERS").read_text()
    assert text.startswith("* @example/platform\n\n# BEGIN tenantctl")
    user.edit("tenants/acme/tenant.yaml", "team-acme@example.com", "a@example.com")
    assert run(["codeowners", "--check"]) == 1
    assert (user.folder / "CODEOWNERS").read_text() == text


def test_lines_that_outrank_ours_are_named(user: UserRepository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["codeowners", "--write"]) == 0
    file = user.folder / ".github/CODEOWNERS"
    number = len(file.read_text().splitlines()) + 1
    file.write_text(file.read_text() + "* @everybody\n/x* ##[add-mask]a\x1b[31m\n" + "*.yaml @y\n" * 10)
    capsys.readouterr()
    assert run(["codeowners", "--check"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f".github/CODEOWNERS:{number}: '* @everybody' is below tenantctl's lines")
    assert told[1].startswith(f".github/CODEOWNERS:{number + 1}: '/x* \ufffd#[add-mask]a\ufffd[31m'")
    assert (len(told), told[-1]) == (11, ".github/CODEOWNERS: and 2 more below them")

    user.edit("tenants/acme/tenant.yaml", "team-acme@example.com", "a@example.com, b@example.com")
    assert run(["codeowners", "--write"]) == 0
    assert capsys.readouterr().err.splitlines()[0].startswith(f".github/CODEOWNERS:{number}: '* @everybody'")


def test_lines_that_end_as_on_windows_stay_so(user: UserRepository) -> None:
    (user.folder / "CODEOWNERS").write_bytes(b"* @example/platform\r\n")
    assert run(["codeowners", "--write"]) == 0
    text = (user.folder / "CODEOWNERS").read_bytes()
    assert text.startswith(b"* @example/platform\r\n\r\n# BEGIN tenantctl")
    assert text.count(b"\r\n") == text.count(b"\n")
    assert run(["codeowners", "--check"]) == 0


@pytest.mark.parametrize("link", [".github", ".github/CODEOWNERS", "CODEOWNERS"])
def test_no_link_leads_it_out_of_the_repository(
    link: str, user: UserRepository, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "file").write_text("mine\n")
    (user.folder / link).parent.mkdir(exist_ok=True)
    (user.folder / link).symlink_to(outside if link == ".github" else outside / "file")
    assert run(["codeowners", "--write"]) == 6
    assert "is, or is behind, a symbolic link" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("file", "mine\n")]


def test_the_file_is_made_where_github_looks_first(user: UserRepository) -> None:
    assert run(["codeowners", "--write"]) == 0
    assert (user.folder / ".github/CODEOWNERS").is_file()


def test_of_invalid_declarations_no_codeowners_are_made(
    user: UserRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    user.edit("tenants/acme/tenant.yaml", "owners:", "owner:")
    assert run(["codeowners", "--write"]) == 3
    assert "did you mean 'owners'?" in capsys.readouterr().err
    assert not (user.folder / ".github").exists()
    assert run(["codeowners", "--write", "--check"]) == 64


# -- completion ----------------------------------------------------------------------------------------------------


def completed(user: UserRepository, *words: str, **env: str) -> list[str]:
    """What bash offers after these words, by the script that is printed."""
    script = subprocess.run(
        [sys.executable, "-m", "reconciler", "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    quoted = " ".join(f"'{word}'" for word in words)
    code = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _tenantctl_completion tenantctl"
    done = user.run("bash", "-c", f'{code}; printf "%s\\n" "${{COMPREPLY[@]}}"', env=env)
    assert done.returncode == 0, done.stdout
    return done.stdout.split()


def test_bash_completes_commands_options_and_environments(user: UserRepository) -> None:
    assert set(completed(user, "tenantctl", "")) == set(COMMANDS)
    assert "--merge-base" in completed(user, "tenantctl", "plan", "--m")
    assert completed(user, "tenantctl", "why", "acme/p") == ["acme/production"]


def test_bash_completes_regions_tenants_and_contexts(user: UserRepository, tmp_path: Path) -> None:
    (first, second) = (tmp_path / name for name in ("one", "two"))
    first.write_text("contexts: [{name: eu-prod}, 7, {nom: x}, {name: us-prod}]")
    second.write_text("contexts: [{name: eu-test}]")
    assert "eu-west" in completed(user, "tenantctl", "get", "environments", "--region", "")
    assert completed(user, "tenantctl", "suspend", "--tenant", "ac") == ["acme"]
    assert completed(user, "tenantctl", "get", "runs", "--kubeconfig", str(first), "--context", "us") == ["us-prod"]
    both = {"KUBECONFIG": f"~/one:{second}", "HOME": str(tmp_path)}
    assert completed(user, "tenantctl", "get", "runs", "--context", "eu", **both) == ["eu-prod", "eu-test"]


BOMB = "\n".join(
    [
        "a0: &a0 [x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)),
        "spec: {regions: [{name: *a9}]}",
    ]
)


@pytest.mark.parametrize(
    "content", [None, "", "[", "spec: 7", "spec: {regions: [{nom: a}]}", "spec: {regions: [a]}", BOMB]
)
def test_what_cannot_be_read_completes_nothing_and_says_nothing(user: UserRepository, content: str | None) -> None:
    regions = user.folder / "providers/regions.yaml"
    regions.unlink() if content is None else regions.write_text(content)
    assert completed(user, "tenantctl", "get", "runs", "--region", "") == []
    assert completed(user, "tenantctl", "get", "runs", "--context", "", KUBECONFIG="/nowhere") == []


HOSTILE = ["$(touch pwned)", "`id`", "a;b", "a b", "x\nplain,y", "--all", "a\x1b[31m"]


def test_only_plain_words_are_offered(user: UserRepository, tmp_path: Path) -> None:
    tenants = completed(user, "tenantctl", "get", "environments", "--tenant", "")
    environments = completed(user, "tenantctl", "why", "")
    for name in [*HOSTILE, "zz"]:
        (user.folder / "tenants" / name).mkdir()
        (user.folder / "tenants" / name / "production.yaml").touch()
    contexts = tmp_path / "kubeconfig"
    contexts.write_text(
        json.dumps({"contexts": [{"name": name} for name in [*HOSTILE, "arn:aws:eks:eu-west-1:1:cluster/a"]]})
    )
    assert completed(user, "tenantctl", "get", "environments", "--tenant", "") == [*tenants, "zz"]
    assert completed(user, "tenantctl", "why", "") == [*environments, "zz/production"]
    found = completed(user, "tenantctl", "get", "runs", "--context", "", KUBECONFIG=str(contexts))
    assert found == ["arn:aws:eks:eu-west-1:1:cluster/a"]


def test_a_pipe_is_left_to_those_who_read_it_once(user: UserRepository, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert completed(user, "tenantctl", "get", "runs", "--context", "", KUBECONFIG=str(pipe)) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_for_every_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_TENANTCTL_COMPLETE" in capsys.readouterr().out
    assert run(["completion", "tcsh"]) == 64


# -- why -----------------------------------------------------------------------------------------------------------


def entry(run: str, revision: str, at: str) -> Entry:
    return Entry(at, "Succeeded", "1 of 1 steps done", run, "eu-west", revision, 1)


def test_why_names_field_commit_author_and_job(user: UserRepository) -> None:
    from reconciler.adapters.git import Repository

    first = user.git("rev-parse", "HEAD")
    user.edit(PRODUCTION, '"24/7"', '"9-5"')
    second = user.commit("Fewer\x1b[31m hours")
    user.write("README.md", "nothing of it\n")
    third = user.commit("A word")
    of = declaration()
    history = (
        entry("r1", first, "2026-11-26T10:00:00Z"),
        entry("r2", second, "2026-11-26T11:00:00Z"),
        entry("r3", third, "2026-11-26T12:00:00Z"),
        entry("r4", "f" * 40, "2026-11-26T13:00:00Z"),
    )
    seen = [outcome(BILLING, of, "b1", run="r3")]
    with Repository.open(str(user.folder)) as repository:
        found = explanations(repository, record(of, history=history), seen, 4)
    lines = [line for each in found for line in _lines(each)]
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == ["r4", "r3", "r2", "r1"]
    assert "    git cannot say what changed: a commit is not in this repository" in lines
    assert "    no field changed: a lifecycle Job was new or changed, or was asked for by hand" in lines
    assert "    ran upsert/billing/billing-lifecycle" in lines
    assert '    parameters.support: "24/7" → "9-5"' in lines
    assert f"    commit {second[:7]} Ada: Fewer\\x1b[31m hours" in lines
    assert os.linesep.join(lines).count("commit ") == 2, "a commit that changed nothing of it is not named"


@pytest.fixture
def moved(user: UserRepository, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """An environment that moved from the control plane's region to another cluster; the two commits of its runs."""
    first = user.git("rev-parse", "HEAD")
    user.edit(PRODUCTION, '"24/7"', '"9-5"')
    second = user.commit("Fewer hours")
    of = declaration(region="us-east")
    history = (
        entry("r1", first, "2026-11-26T10:00:00Z"),
        replace(entry("r2", second, "2026-11-26T11:00:00Z"), region="us-east"),
    )
    clusters = {None: MemoryKube(), "east": MemoryKube()}
    regions = regions_text([Region("eu-west"), Region("us-east", context="east", workflow_namespace="runs")])
    fleet = {"metadata": {"name": "fleet"}, "data": {REGIONS: regions}}
    clusters[None].put(CONFIG_MAPS, "tenantctl", fleet)
    known = record(of, region="us-east", history=history)
    clusters[None].put(CONFIG_MAPS, "tenantctl", record_map(known, "tenantctl"))
    for cluster, namespace, done in (
        (clusters[None], "tenantctl-workflows", outcome(SEARCH, of, "s1", run="r1")),
        (clusters["east"], "runs", outcome(BILLING, of, "b1", run="r2")),
    ):
        raw = placement_map(placed(of), namespace)
        raw["data"][done.step.data_key] = done.dump()
        cluster.put(CONFIG_MAPS, namespace, raw)
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda context, _: clusters[context])
    return first, second


def test_why_reads_the_outcomes_of_every_region(moved: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "acme/production"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == ["r2", "r1"]
    assert [line.strip() for line in lines if "    ran " in line] == [
        "ran upsert/billing/billing-lifecycle",
        "ran upsert/search/search-lifecycle",
    ]
    assert f"    commit {moved[1][:7]} Ada: Fewer hours" in lines
    assert err == ""


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_why_as_a_document(
    output: str, load: Callable[[str], Any], moved: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = moved
    assert run(["why", "acme/production", "-o", output]) == 0
    assert load(capsys.readouterr().out) == [
        {
            "run": "r2",
            "event": "Succeeded",
            "at": "2026-11-26T11:00:00Z",
            "revision": second,
            "before": first,
            "reasons": ['parameters.support: "24/7" → "9-5"'],
            "commits": [{"commit": second, "author": "Ada", "subject": "Fewer hours"}],
            "steps": ["job/upsert/billing/billing-lifecycle"],
        },
        {
            "run": "r1",
            "event": "Succeeded",
            "at": "2026-11-26T10:00:00Z",
            "revision": first,
            "before": None,
            "reasons": ["the first run that the record remembers"],
            "commits": [],
            "steps": ["job/upsert/search/search-lifecycle"],
        },
    ]


@pytest.mark.usefixtures("moved")
def test_why_shows_as_many_runs_as_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "acme/production", "--last", "1", "-o", "json"]) == 0
    assert [each["run"] for each in json.loads(capsys.readouterr().out)] == ["r2"]


def test_why_says_that_there_was_no_run(
    user: UserRepository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kube = MemoryKube()
    kube.put(CONFIG_MAPS, "tenantctl", record_map(record(declaration()), "tenantctl"))
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: kube)
    assert run(["why", "acme/production"]) == 0
    assert "acme/production has had no run yet" in capsys.readouterr().err
    assert run(["why", "acme/productoin"]) == 1
    assert "did you mean 'acme/production'?" in capsys.readouterr().err
