"""Fleet: the demo's git repository. A bare one is the remote that the reconciler reads, a clone of it is for people."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.names import Key
from tests.gitenv import AUTHOR, git_environment

from .failure import DemoError

ROOT = Path(__file__).parents[2]
SAMPLE = ("tenants/wayne", "tenants/acme", "providers")
TENANT = "hooli"
REMEDY = "commit or remove what is changed there, or begin anew: make demo-down"

TENANT_FILE = f"""\
# yaml-language-server: $schema=../../schemas/tenant.v1.json
apiVersion: tenantctl.io/v1
kind: Tenant
metadata: {{name: {TENANT}}}
spec:
  displayName: Hooli
  owners: [team-{TENANT}@example.com]
  defaults:
    region: eu-west
    parameters: {{locale: en-US}}
"""
ENVIRONMENT_FILE = f"""\
# yaml-language-server: $schema=../../schemas/tenant-environment.v1.json
apiVersion: tenantctl.io/v1
kind: TenantEnvironment
metadata: {{name: %s, tenant: {TENANT}}}
spec:
  region: eu-west
  tier: premium
  parameters: {{seats: 120}}
"""


@dataclass(frozen=True)
class Fleet:
    """`remote` is bare and served; `work` is where people edit."""

    remote: Path
    work: Path

    @property
    def exists(self) -> bool:
        """Whether it was made before."""
        return (self.remote / "HEAD").exists() and (self.work / ".git").exists()

    def create(self, context: str) -> None:
        """A new repository with a part of this repository's sample fleet; its region is the cluster of `context`."""
        for folder in (self.remote, self.work):
            shutil.rmtree(folder, ignore_errors=True)
        self.remote.mkdir(parents=True)
        git(self.remote, "init", "--quiet", "--bare", "--initial-branch=main")
        git(self.remote.parent, "clone", "--quiet", str(self.remote), str(self.work))
        git(self.work, "switch", "--quiet", "--create", "main")
        git(self.work, "config", "user.name", AUTHOR["NAME"])
        git(self.work, "config", "user.email", AUTHOR["EMAIL"])
        self._fill(context)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", "A first fleet")
        git(self.work, "push", "--quiet", "--set-upstream", "origin", "main")

    def _fill(self, context: str) -> None:
        for path in (*SAMPLE, "schemas"):
            shutil.copytree(ROOT / path, self.work / path)
        regions = self.work / "providers/regions.yaml"
        regions.write_text(regions.read_text().replace("tenantctl-eu-west", context))

    def next_key(self, taken: Callable[[Key], object]) -> Key:
        """An environment of the demo's tenant that was never declared and is not taken: a new one for each demo."""
        return next(key for key in _keys() if not self._known(key) and not taken(key))

    def _known(self, key: Key) -> bool:
        return bool(git(self.work, "log", "--all", "--format=%H", "--max-count=1", "--", _path(key)))

    def declare(self, key: Key) -> list[Path]:
        """Write the declaration of an environment, and of its tenant if that is new; returns what was written."""
        files = {f"tenants/{TENANT}/tenant.yaml": TENANT_FILE, _path(key): ENVIRONMENT_FILE % key.environment}
        new = {path: text for path, text in files.items() if not (self.work / path).exists()}
        for path, text in new.items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(text)
        return [Path(path) for path in new]


def _path(key: Key) -> str:
    return f"tenants/{key.tenant}/{key.environment}.yaml"


def _keys() -> Iterator[Key]:
    yield Key(TENANT, "production")
    number = 2
    while True:
        yield Key(TENANT, f"trial-{number}")
        number += 1


def git(folder: Path, *words: str) -> str:
    """Run git in a folder as the demo's author; returns what it says. Raises DemoError."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=git_environment(), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise DemoError(f"git {' '.join(words)} failed in {folder}", said=done.stderr.strip(), remedy=REMEDY)
    return done.stdout.strip()
