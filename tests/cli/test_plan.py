"""`tenantctl plan`: what it says beside the plan, and what one commit changes compared with another."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters import files
from reconciler.adapters.git import Repository
from reconciler.cli.main import run
from reconciler.core.action import plan_id
from reconciler.core.decide import decide
from reconciler.core.declaration import Declaration
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from tests.core.fleet import UPSERTS, all_done, record
from tests.gitenv import git_environment

SMALLEST = Path(__file__).parent.parent / "examples/valid/smallest"
PRODUCTION = "tenants/acme/production.yaml"
WORDS = ["plan", "--against", "empty"]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small fleet in one commit, which is the current folder."""
    shutil.copytree(SMALLEST, tmp_path, dirs_exist_ok=True)
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk")
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


# -- one commit compared with another ------------------------------------------------------------------------------

BETWEEN = ["plan", "--from", "main", "--to", "HEAD"]


@pytest.fixture
def branch(fleet: Path) -> Path:
    """The fleet with a second environment, on a branch off main."""
    (fleet / "tenants/acme/staging.yaml").write_text(staging("tier: standard"))
    commit(fleet)
    git(fleet, "branch", "--force", "main")
    git(fleet, "switch", "--quiet", "--create", "change")
    return fleet


def staging(more: str) -> str:
    head = "apiVersion: tenantctl.io/v1\nkind: TenantEnvironment\nmetadata: {name: staging, tenant: acme}\n"
    return f"{head}spec:\n  region: eu-west\n  {more}\n"


def change(folder: Path, path: str, content: str | None) -> None:
    if content is None:
        (folder / path).unlink()
    else:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)
    commit(folder)


def plan_json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = run([*BETWEEN, *words, "-o", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_field_that_changes_is_an_action_and_the_rest_is_unchanged(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(branch, "tenants/acme/staging.yaml", staging("tier: premium"))
    code, document = plan_json(capsys)
    assert code == 0
    (action,) = document["actions"]
    assert (action["environment"], action["action"], action["from"]) == ("staging", "UPSERT", "eu-west")
    assert [reason["message"] for reason in action["reasons"]] == ['"standard" → "premium"']
    assert document["summary"]["unchanged"] == 1
    assert run([*BETWEEN, "--detailed-exitcode"]) == 2


@pytest.mark.parametrize("form", ["text", "github", "markdown"])
def test_values_are_shown_as_they_are_written_and_cannot_make_a_line_read_as_another(
    branch: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    hostile = """parameters: {a: "\\u202egpj.exe \\u2028"}\n  deletionProtection: false\n  displayName: "\\u2067x" """
    change(branch, "tenants/acme/staging.yaml", staging(hostile))
    assert run([*BETWEEN, "-o", form]) == 0
    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable()
    assert r'set to "\u202egpj.exe \u2028"' in shown
    assert r"\u2067x" in shown
    assert re.search(r"deletionProtection`?: `?true`? → `?false", shown)


def test_a_folder_whose_name_cannot_be_shown_is_a_finding(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(branch, "tenants/x\ny/production.yaml", staging("tier: premium"))
    code, document = plan_json(capsys)
    assert code == 3
    assert [finding.partition(": ")[0] for finding in document["findings"]] == ["tenants/x\\ny/production.yaml:1:1"]


def test_what_goes_is_held_by_nothing_that_stays_the_same(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(branch, "tenants/acme/third.yaml", staging("deletionProtection: false").replace("staging", "third"))
    change(branch, "tenants/acme/fourth.yaml", staging("deletionProtection: false").replace("staging", "fourth"))
    git(branch, "branch", "--force", "main")
    change(branch, "tenants/acme/third.yaml", None)
    code, document = plan_json(capsys)
    assert (code, document["holds"]) == (0, [])
    assert [(each["environment"], each["action"]) for each in document["actions"]] == [("third", "DECOMMISSION")]


def test_the_plan_has_the_id_that_the_same_change_has_in_a_cluster(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(branch, "tenants/acme/staging.yaml", staging("tier: premium"))
    _, document = plan_json(capsys)
    declared = files.desired(branch).environments[Key("acme", "staging")]
    before = Declaration.of(
        {**declared.effective, "spec": {**declared.spec, "tier": "standard"}},
    )
    seen = Observed(record(before), all_done(before), UPSERTS)
    made = decide(declared.key, files.desired(branch), seen, 0)
    assert made.action is not None
    assert document["id"] == plan_id([made.action], [])


def test_a_file_that_is_removed_is_a_decommission_that_comes_first(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(branch, "tenants/acme/staging.yaml", None)
    assert run([*BETWEEN, "-o", "markdown"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("<!-- tenantctl plan -->\n")
    assert "#### Destructive changes: 1\n- **`acme/staging`** DECOMMISSION in `eu-west`" in text


def test_a_finding_of_the_branch_is_an_error_and_others_trouble_is_not(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(branch, "tenants/zz/x.yaml", "a: [")
    git(branch, "branch", "--force", "main")
    change(branch, "tenants/acme/staging.yaml", staging("tier: premium"))
    assert run(BETWEEN) == 0
    assert "zz" not in "".join(capsys.readouterr())
    change(branch, "tenants/acme/staging.yaml", staging("regoin: x"))
    assert run([*BETWEEN, "-o", "github"]) == 3
    out = capsys.readouterr().out
    assert out == (
        "::error file=tenants/acme/staging.yaml,line=6,col=3,title=unknown-key::'regoin'; did you mean 'region'?\n"
    )


def test_the_summary_of_a_job_gets_the_markdown(
    branch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(branch, "tenants/acme/staging.yaml", staging("tier: premium"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert run([*BETWEEN, "-o", "github"]) == 0
    assert "### tenantctl plan `" in (tmp_path / "summary.md").read_text()
    assert "::notice file=tenants/acme/staging.yaml,line=1,col=1,title=UPSERT::" in capsys.readouterr().out
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert run([*BETWEEN, "-o", "github"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_what_the_base_got_meanwhile_is_said_and_can_be_left_out(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(branch, "tenants/acme/staging.yaml", staging("tier: premium"))
    git(branch, "switch", "--quiet", "main")
    change(branch, "tenants/acme/later.yaml", staging("tier: standard").replace("name: staging", "name: later"))
    git(branch, "switch", "--quiet", "change")
    assert run([*BETWEEN, "-o", "markdown"]) == 0
    out, err = capsys.readouterr()
    assert "acme/later`** DECOMMISSION" in out
    assert "HEAD does not contain main" in err
    assert run([*BETWEEN, "--merge-base", "-o", "markdown"]) == 0
    out, err = capsys.readouterr()
    assert "later" not in out
    assert err == ""


def test_a_tenants_file_the_regions_and_a_neighbour_are_read_along(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = branch / "tenants/acme/tenant.yaml"
    change(branch, "tenants/acme/tenant.yaml", tenant.read_text() + "spec: {defaults: {parameters: {seats: 7}}}\n")
    _, document = plan_json(capsys)
    assert {action["environment"] for action in document["actions"]} == {"production", "staging"}
    git(branch, "branch", "--force", "main")
    regions = branch / "providers/regions.yaml"
    change(branch, "providers/regions.yaml", regions.read_text().replace("eu-west", "us-east"))
    code, document = plan_json(capsys)
    assert code == 3
    assert {hold["reason"] for hold in document["holds"]} == {"InvalidDeclaration"}
    assert len(document["holds"]) == 2


def test_a_newcomer_that_takes_anothers_namespace_holds_the_other(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "source: {repoURL: https://git.example.com/a.git, path: a}"
    application = f"applications: [{{name: a, {source}, namespace: acme-staging-x}}]"
    change(branch, "tenants/acme/staging.yaml", staging(application))
    git(branch, "branch", "--force", "main")
    (branch / "tenants/acme-staging").mkdir()
    (branch / "tenants/acme-staging/tenant.yaml").write_text(
        "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: acme-staging}\n"
    )
    newcomer = staging("tier: x").replace("name: staging, tenant: acme", "name: x, tenant: acme-staging")
    change(branch, "tenants/acme-staging/x.yaml", newcomer)
    code, document = plan_json(capsys)
    assert code == 3
    assert [(hold["tenant"], hold["environment"]) for hold in document["holds"]] == [("acme", "staging")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "HEAD"], "need --from"),
        (["--merge-base"], "need --from"),
        (["--from", "main", "--against", "empty"], "say one of them"),
        (["--against", "nowhere.json"], "'nowhere.json' is neither cluster nor empty nor a file"),
        (["--against", "providers"], "Is a directory"),
        (["--against", "providers/regions.yaml"], "is no snapshot"),
    ],
)
def test_options_that_make_no_sense(
    fleet: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", *words]) == 64
    assert said in capsys.readouterr().err


def test_a_revision_that_is_not_there_is_said(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--from", "nowhere", "--to", "HEAD"]) == 1
    assert "has no commit 'nowhere'; fetch it, or check the name" in capsys.readouterr().err
    assert run(["plan", "--from=--upload-pack=x", "--to", "HEAD"]) == 1


def test_lines_of_history_that_have_nothing_in_common(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(branch, "switch", "--quiet", "--orphan", "other")
    git(branch, "commit", "--quiet", "--allow-empty", "--message", "x")
    assert run([*BETWEEN, "--merge-base"]) == 1
    assert "no commit in common; fetch more of the history" in capsys.readouterr().err


def test_comparing_reads_only_what_changed(branch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(
        branch, "tenants/globex/tenant.yaml", "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: globex}\n"
    )
    read: list[str] = []
    real = Repository._read
    monkeypatch.setattr(Repository, "_read", lambda self, entry: read.append(entry.path) or real(self, entry))
    assert run(BETWEEN) == 0
    assert sorted(set(read)) == ["providers/regions.yaml", "tenants/globex/tenant.yaml"]
