"""Real git repositories, made by git itself."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gitenv import git_environment

REGIONS = (
    "apiVersion: tenantctl.io/v1\nkind: RegionList\nspec: {regions: [{name: eu-west}, {name: us-east, context: us}]}\n"
)
TENANT = "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: acme}\n"
ENVIRONMENT = """\
apiVersion: tenantctl.io/v1
kind: TenantEnvironment
metadata: {name: NAME, tenant: acme}
spec: {region: eu-west}
"""
PRODUCTION = "tenants/acme/production.yaml"


@dataclass(frozen=True)
class Work:
    """A work tree with a repository, and what tests do with it."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git here and return what it prints."""
        command = ["git", "-C", str(self.path), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, check=True, env=git_environment())
        return done.stdout.decode().strip()

    def write(self, path: str, content: str) -> None:
        """Write a file of the work tree."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def commit(self, **files: str) -> str:
        """Commit everything and return the commit's id; `files` are environments of acme, by name."""
        for name, content in files.items():
            self.write(f"tenants/acme/{name}.yaml", content)
        self.git("add", "--all")
        return self.commit_index()

    def commit_index(self) -> str:
        """Commit the index as it is."""
        self.git("commit", "--quiet", "--allow-empty", "-m", "a commit")
        return self.git("rev-parse", "HEAD")

    def entry(self, mode: str, blob: str, path: str) -> None:
        """Put any entry into the index."""
        self.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")

    def blob(self, content: bytes) -> str:
        """Store a blob and return its id."""
        return self.git("hash-object", "-w", "--stdin", stdin=content)


def environment(name: str = "production", more: str = "") -> str:
    return ENVIRONMENT.replace("NAME", name) + more


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit: the tenant acme with the environment production."""
    made = Work(tmp_path / "work")
    made.path.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.write("providers/regions.yaml", REGIONS)
    made.write("tenants/acme/tenant.yaml", TENANT)
    made.commit(production=environment())
    return made
