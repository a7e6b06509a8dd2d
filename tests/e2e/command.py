"""`tenantctl` as a user calls it: a process of its own, with a kubeconfig that is named."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-W", "error", "-m", "reconciler"]
SECONDS = 400
FOREIGN = ("KUBECONFIG", "ARGO_SERVER", "ARGO_TOKEN", "CONTEXT", "KUBERNETES_SERVICE_HOST")


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int
    stdout: str
    stderr: str


def environment(**more: str) -> dict[str, str]:
    """The environment of a process of the tests: nothing that names another cluster, and nothing of `TENANTCTL_*`."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {name: value for name, value in kept.items() if not name.startswith("TENANTCTL_")} | more


def run(*words: str | Path, cwd: Path = ROOT, **more: str) -> Done:
    """Run a program to its end."""
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=environment(**more), text=True, capture_output=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def tenantctl(*words: str | Path, code: int | None = 0, **more: Any) -> Done:
    """Run `tenantctl`; its exit code must be `code`, unless that is None. Never may it end with a traceback."""
    done = run(*PROGRAM, *words, **more)
    said = f"tenantctl {' '.join(map(str, words))}: exit code {done.code}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, said
    assert code is None or done.code == code, said
    return done
