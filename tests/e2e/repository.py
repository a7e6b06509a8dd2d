"""A real git repository with declarations, as platform engineers write them."""

import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from tests.gitenv import git_environment

Json = dict[str, Any]
VERSION = {"apiVersion": "tenantctl.io/v1"}


class Repository:
    """A work tree on `main`. Each method that changes something is one commit; safe to share between threads."""

    def __init__(self, folder: Path, regions: Iterable[Json]) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("providers/regions.yaml", VERSION | {"kind": "RegionList", "spec": {"regions": list(regions)}})
        self.commit("Regions")

    def locked(self) -> AbstractContextManager[Any]:
        """Several steps that belong together: a branch and its merge."""
        return self._lock

    def git(self, *arguments: str) -> str:
        """Run git in the work tree."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=git_environment(), text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit all that was written; returns the commit."""
        with self._lock:
            self.git("add", "--all")
            self.git("commit", "--quiet", "--allow-empty", "-m", message)
            return self.git("rev-parse", "HEAD")

    def write(self, path: str, content: Json | str) -> None:
        """Write a file, not committed yet."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def declare(self, key: str, spec: Mapping[str, Any]) -> str:
        """Commit an environment's file, and its tenant's where there is none."""
        with self._lock:
            self.write_environment(key, spec)
            return self.commit(f"Declare {key}")

    def write_environment(self, key: str, spec: Mapping[str, Any]) -> None:
        """Write an environment's file, and its tenant's where there is none."""
        tenant, _, name = key.partition("/")
        if not (self.folder / f"tenants/{tenant}/tenant.yaml").exists():
            self.write_tenant(tenant, {})
        declared = {"kind": "TenantEnvironment", "metadata": {"name": name, "tenant": tenant}, "spec": dict(spec)}
        self.write(f"tenants/{key}.yaml", VERSION | declared)

    def write_tenant(self, tenant: str, spec: Mapping[str, Any]) -> None:
        """Write a tenant's file."""
        declared = {"kind": "Tenant", "metadata": {"name": tenant}, "spec": dict(spec)}
        self.write(f"tenants/{tenant}/tenant.yaml", VERSION | declared)

    def limit(self, region: str, runs: int) -> str:
        """Commit another in-flight limit of a region."""
        with self._lock:
            content = yaml.safe_load((self.folder / "providers/regions.yaml").read_text())
            for entry in content["spec"]["regions"]:
                entry |= {"inFlightLimit": runs} if entry["name"] == region else {}
            self.write("providers/regions.yaml", content)
            return self.commit(f"At most {runs} runs in {region}")

    def remove(self, key: str) -> str:
        """Commit that an environment's file is gone."""
        with self._lock:
            (self.folder / f"tenants/{key}.yaml").unlink()
            return self.commit(f"Remove {key}")

    def contains(self, descendant: str, ancestor: str) -> bool:
        """Whether a commit is, or follows, another."""
        return not self.git("rev-list", "--max-count=1", f"{descendant}..{ancestor}")
