"""The hooks that we offer to others, in a user's repository, with the real pre-commit and a clone of this project."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.userrepo import RELEASE, ROOT, UserRepository

PRODUCTION = "tenants/acme/production.yaml"
JOB = "deploy/job.yaml"


@dataclass(frozen=True)
class Hooked(UserRepository):
    """A user's repository with both hooks; `home` is where pre-commit keeps their environment."""

    home: str = ""

    def pre_commit(self, *words: str) -> tuple[int, str]:
        """Run pre-commit: the exit code and what it said."""
        done = self.run("pre-commit", *words, env={"PRE_COMMIT_HOME": self.home})
        return done.returncode, done.stdout

    def committed(self) -> tuple[int, str]:
        """Commit everything, with the hooks: the exit code and what was said."""
        self.git("add", "--all")
        done = self.run("git", "commit", "--message", "A change", env={"PRE_COMMIT_HOME": self.home})
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory, project: Path, pre_commit_home: Path) -> Hooked:
    made = UserRepository.create(tmp_path_factory.mktemp("user"))
    user = Hooked(made.folder, str(pre_commit_home))
    hooks = "[{id: tenantctl-validate}, {id: tenantctl-jobs-lint}]"
    where = f"repo: {project}, rev: {RELEASE}"
    user.write(".pre-commit-config.yaml", f"repos: [{{{where}, hooks: {hooks}}}]\n")
    user.write(JOB, (ROOT / "tests/examples/services/billing/lifecycle.yaml").read_text())
    user.commit("Hooks")
    user.git("tag", "first")
    code, said = user.pre_commit("install", "--install-hooks")
    assert code == 0, said
    return user


@pytest.fixture
def user(hooked: Hooked) -> Hooked:
    """The repository as it was at first."""
    hooked.git("reset", "--quiet", "--hard", "first")
    hooked.git("clean", "--quiet", "-d", "--force")
    return hooked


def test_good_files_are_committed(user: Hooked) -> None:
    user.edit(PRODUCTION, 'support: "24/7"', 'support: "9-to-5"')
    code, said = user.committed()
    assert code == 0, said
    assert "tenantctl validate" in said


def test_a_bad_file_is_refused_with_its_line_and_a_suggestion(user: Hooked) -> None:
    user.edit(PRODUCTION, "  region:", "  regoin:")
    code, said = user.committed()
    assert code == 1
    lines = said.splitlines()
    (found,) = [n for n, line in enumerate(lines) if line.startswith(PRODUCTION)]
    assert "unknown-key 'regoin'; did you mean 'region'?" in lines[found]
    assert lines[found + 1].startswith("      regoin: eu-west")
    assert lines[found + 2] == "      ^"


def test_others_trouble_does_not_refuse(user: Hooked) -> None:
    user.edit(PRODUCTION, "  region:", "  regoin:")
    user.commit("not with the hooks")
    user.edit("tenants/globex/production.yaml", "tier: premium", "tier: standard")
    code, said = user.committed()
    assert code == 0, said


def test_a_rule_between_files_is_kept_when_a_file_is_only_removed(user: Hooked) -> None:
    (user.folder / "tenants/acme/tenant.yaml").unlink()
    code, said = user.committed()
    assert code == 1
    assert "tenants/acme/tenant.yaml:1:1: missing-tenant" in said


def test_an_environment_can_be_removed(user: Hooked) -> None:
    (user.folder / PRODUCTION).unlink()
    code, said = user.committed()
    assert code == 0, said


def test_a_lifecycle_job_that_breaks_the_contract_is_refused(user: Hooked) -> None:
    user.edit(JOB, "suspend: true", "suspend: false")
    code, said = user.committed()
    assert code == 1
    (found,) = [n for n, line in enumerate(said.splitlines()) if line.startswith(JOB) and ": error " in line]
    assert "suspend: false" in said.splitlines()[found + 1]


def test_other_yaml_and_helm_templates_are_none_of_its_business(user: Hooked) -> None:
    user.write("deploy/config.yaml", "a: {b: 1}\n")
    user.write("chart/templates/job.yaml", "{{ if .Values.x }}\na: b\n{{ end }}\n")
    code, said = user.committed()
    assert code == 0, said


def test_a_range_of_commits_is_checked_as_ci_does(user: Hooked) -> None:
    (user.folder / "tenants/acme/tenant.yaml").unlink()
    user.commit("not with the hooks")
    code, said = user.pre_commit("run", "--from-ref", "HEAD~1", "--to-ref", "HEAD")
    assert code == 1
    assert "missing-tenant" in said
