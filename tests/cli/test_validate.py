"""`tenantctl validate`: what it reports for which paths, in which form, with which exit code."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from tests.gitenv import git_environment

SMALLEST = Path(__file__).parent.parent / "examples/valid/smallest"
REPOSITORY = Path(__file__).parent.parent.parent
PRODUCTION, STAGING = "tenants/acme/production.yaml", "tenants/acme/staging.yaml"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small valid fleet, which is the current folder."""
    shutil.copytree(SMALLEST, tmp_path, dirs_exist_ok=True)
    write(tmp_path, STAGING, "region: eu-west")
    write(tmp_path, "tenants/globex/production.yaml", "region: eu-west")
    (tmp_path / "tenants/globex/tenant.yaml").write_text(
        "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: globex}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root: Path, path: str, spec: str) -> None:
    """Write an environment with this specification."""
    _, tenant, file = path.split("/")
    target = root / path
    target.parent.mkdir(exist_ok=True)
    head = "apiVersion: tenantctl.io/v1\nkind: TenantEnvironment\n"
    target.write_text(f"{head}metadata: {{name: {file.removesuffix('.yaml')}, tenant: {tenant}}}\nspec: {{{spec}}}\n")


def paths(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The paths that `-o name` printed."""
    return set(capsys.readouterr().out.splitlines())


def test_the_sample_fleet_is_valid(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert run(["validate"]) == 0
    assert capsys.readouterr() == ("", "9 environments of 5 tenants are valid\n")


def test_every_bad_file_is_named_in_one_go_and_sorted(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(fleet, STAGING, "regoin: eu-west")
    write(fleet, PRODUCTION, "region: mars")
    assert run(["validate"]) == 3
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{PRODUCTION}:4:16: region 'mars' is not one of eu-west (providers/regions.yaml)",
        f"{STAGING}:4:8: unknown-key 'regoin'; did you mean 'region'?",
    ]
    assert err == "2 problems in 2 files; 1 environment of 1 tenant is valid\n"


@pytest.mark.parametrize("form", ["text", "json", "yaml", "github", "name"])
def test_forms(fleet: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(fleet, STAGING, "region: mars")
    assert run(["validate", "-o", form]) == 3
    assert STAGING in capsys.readouterr().out


def test_json_of_a_valid_fleet(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"valid": True, "environments": 3, "tenants": 2, "findings": []}


def test_files_are_checked_with_the_rules_between_files_and_without_other_peoples_trouble(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(fleet, STAGING, "region: mars")
    write(fleet, PRODUCTION, "region: venus")
    assert run(["validate", "-o", "name", PRODUCTION]) == 3
    assert paths(capsys) == {PRODUCTION}
    assert run(["validate", "-o", "name", "tenants/globex/production.yaml"]) == 0


def test_a_tenant_file_brings_its_environments_along(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(fleet, STAGING, "tier: premium")
    assert run(["validate", "-o", "name", "tenants/acme/tenant.yaml"]) == 3
    assert paths(capsys) == {STAGING}


def test_an_environment_brings_its_tenant_and_the_regions_along(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fleet / "tenants/acme/tenant.yaml").unlink()
    (fleet / "providers/regions.yaml").write_text("{")
    assert run(["validate", "-o", "name", STAGING]) == 3
    assert paths(capsys) == {"tenants/acme/tenant.yaml", "providers/regions.yaml"}


def test_the_regions_bring_everything_along(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    regions = fleet / "providers/regions.yaml"
    regions.write_text(regions.read_text().replace("eu-west", "us-east"))
    assert run(["validate", "-o", "name", "providers/regions.yaml"]) == 3
    assert paths(capsys) == {PRODUCTION, STAGING, "tenants/globex/production.yaml"}


def test_a_newcomer_that_takes_a_namespace_is_told(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "source: {repoURL: https://git.example.com/a.git, path: a}"
    write(fleet, PRODUCTION, f"region: eu-west, applications: [{{name: a, {source}, namespace: acme-production-x}}]")
    newcomer = "tenants/acme-production/x.yaml"
    write(fleet, newcomer, "region: eu-west")
    (fleet / "tenants/acme-production/tenant.yaml").write_text(
        "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: acme-production}\n"
    )
    assert run(["validate", "-o", "name", newcomer]) == 3
    assert paths(capsys) == {PRODUCTION}


@pytest.mark.parametrize(
    ("where", "argument"),
    [
        (".", "."),
        (".", "tenants"),
        (".", "tenants/acme"),
        (".", "tenants/../tenants/acme/staging.yaml"),
        ("tenants/acme", "staging.yaml"),
        ("tenants/acme", "."),
        ("tenants", "acme"),
        ("providers", "../tenants"),
    ],
)
def test_paths_are_found_from_anywhere(
    fleet: Path, where: str, argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(fleet, STAGING, "region: mars")
    monkeypatch.chdir(fleet / where)
    assert run(["validate", "-o", "name", argument]) == 3
    (shown,) = capsys.readouterr().out.splitlines()
    assert Path(shown).resolve() == fleet / STAGING


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("tenants/acme/gone.yaml", "tenants/acme/gone.yaml: no such file or folder"),
        ("other", "other: not under tenants/ or providers/"),
        ("other/file.yaml", "other/file.yaml: not under tenants/ or providers/"),
    ],
)
def test_paths_that_make_no_sense(fleet: Path, argument: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "other").mkdir()
    (fleet / "other/file.yaml").write_text("")
    assert run(["validate", argument]) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_without_tenants_it_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["validate"]) == 64
    assert "run it where tenants/ is" in capsys.readouterr().err


def test_below_the_root_of_a_work_tree_all_of_it_is_checked(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(fleet, STAGING, "regoin: eu-west")
    monkeypatch.chdir(fleet / "tenants/globex")
    assert run(["validate"]) == 64, "no work tree: nothing above is ours"
    (fleet / ".git").mkdir()
    capsys.readouterr()
    assert run(["validate", "-o", "name"]) == 3
    assert capsys.readouterr().out == "../acme/staging.yaml\n"


def test_a_value_of_the_wrong_type_reads_as_a_sentence(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(fleet, STAGING, "region: eu-west, tier: [gold]")
    assert run(["validate"]) == 3
    assert ": wrong-type tier is a list, not " in capsys.readouterr().out


def test_an_unknown_form_is_a_usage_error(fleet: Path) -> None:
    assert run(["validate", "-o", "xml"]) == 64


def test_nothing_declared_is_said(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(fleet / "tenants")
    (fleet / "tenants").mkdir()
    assert run(["validate"]) == 0
    assert "no environment is declared here" in capsys.readouterr().err


def test_what_cannot_be_read_is_a_finding(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Root may read everything, so the refusals of the operating system are made here."""
    real_open, real_scandir = Path.open, os.scandir

    def opened(path: Path, *arguments: Any) -> Any:
        return refuse() if path.name == "staging.yaml" else real_open(path, *arguments)

    def scanned(path: bytes) -> Any:
        return refuse() if path.endswith(b"globex") else real_scandir(path)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(os, "scandir", scanned)
    assert run(["validate"]) == 3
    assert capsys.readouterr().out.splitlines() == [
        f"{STAGING}:1:1: unreadable the file cannot be read: Permission denied",
        "tenants/globex:1:1: unreadable something that cannot be read is here; give yourself the right to (chmod)",
    ]


def refuse() -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_odd_things_on_the_disk_are_findings(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(fleet / "tenants/acme/pipe.yaml")
    (fleet / "tenants/acme/gone.yaml").symlink_to("nowhere")
    (fleet / "tenants/acme/large.yaml").write_text("#" * 70_000)
    (fleet / os.fsdecode(b"tenants/acme/\xff.yaml")).write_text("")
    assert run(["validate"]) == 3
    codes = [line.split(" ")[1] for line in capsys.readouterr().out.splitlines()]
    assert sorted(codes) == ["mode", "name", "symlink", "too-large"]


def test_what_editors_leave_is_overlooked(fleet: Path) -> None:
    for name in (".production.yaml.swp", "production.yaml~", ".DS_Store"):
        (fleet / "tenants/acme" / name).write_text("")
    assert run(["validate"]) == 0


def test_a_terminal_shows_the_line(
    fleet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(fleet, STAGING, "region: mars")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["validate"]) == 3
    assert capsys.readouterr().out.splitlines()[1:] == ["    spec: {region: mars}", "                   ^"]


def test_wide_shows_the_line_everywhere(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(fleet, STAGING, "region: mars")
    os.mkfifo(fleet / "tenants/acme/pipe.yaml")
    (fleet / "tenants/acme/link.yaml").symlink_to(fleet / STAGING)
    assert run(["validate", "-o", "wide"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["    spec: {region: mars}", "                   ^"]
    assert len(lines) == 5, "of a pipe and of a link nothing is read"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::error file=README.md::mine", "\ufffd:error file=README.md::mine"),
        (" \t::stop-commands::x", " \t\ufffd:stop-commands::x"),
        ('"a ###[add-mask]x"', '"a #\ufffd#[add-mask]x"'),
    ],
)
def test_a_line_that_is_shown_is_no_command_for_the_runner_of_ci(
    line: str, shown: str, fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fleet / STAGING).write_text(f"{line}\n")
    assert run(["validate", "-o", "wide"]) == 3
    assert capsys.readouterr().out.splitlines()[1] == f"    {shown}"


@pytest.mark.parametrize(
    "name", ["tenants/acme/a\nb.yaml", "tenants/x\ny/a.yaml", os.fsdecode(b"tenants/acme/\xff.yaml")]
)
@pytest.mark.parametrize("words", [["validate"], ["validate", "--staged"]])
def test_a_path_that_cannot_be_shown_is_judged_like_any(
    name: str, words: list[str], fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q"], env=git_environment(), check=True)
    (fleet / name).parent.mkdir(exist_ok=True)
    (fleet / name).write_text("")
    assert run([*words, name]) == 3
    assert ": name '" in capsys.readouterr().out


def test_one_file_is_checked_without_reading_the_others(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *rest: opened.append(path.name) or real(path, *rest))
    assert run(["validate", "tenants/globex/production.yaml"]) == 0
    assert sorted(opened) == ["production.yaml", "regions.yaml", "tenant.yaml"]
    assert capsys.readouterr().err == "1 environment of 1 tenant is valid\n"


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=git_environment(), check=True)


def test_staged_judges_what_is_about_to_be_removed(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(fleet, "init", "--quiet")
    git(fleet, "add", "--all")
    assert run(["validate", "--staged"]) == 0, "before the first commit nothing can be removed"
    git(fleet, "commit", "--quiet", "--message", "x")
    assert run(["validate", "--staged"]) == 0
    assert capsys.readouterr().err == "nothing to check: --staged looks at the PATHS that are named\n" * 2
    git(fleet, "rm", "--quiet", "tenants/acme/tenant.yaml")
    assert run(["validate", "--staged", "-o", "name"]) == 3
    assert paths(capsys) == {"tenants/acme/tenant.yaml"}
    git(fleet, "reset", "--quiet", "--hard")
    git(fleet, "rm", "--quiet", "providers/regions.yaml")
    assert run(["validate", "--staged", "-o", "name"]) == 3
    assert paths(capsys) == {"providers/regions.yaml"}


def test_staged_outside_of_git_is_said(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "--staged"]) == 1
    assert "is no git repository" in capsys.readouterr().err


def test_valid_declarations_cost_no_heavy_import() -> None:
    heavy = "print(sorted({'jsonschema', 'git', 'rich'} & set(sys.modules)))"
    code = f"import sys; from reconciler.cli.main import run; run(['validate']); {heavy}"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
