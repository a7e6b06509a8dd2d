"""actionlint, built from its Go module into the cache, once per version."""

import subprocess
from pathlib import Path

from tests.cluster import toolchain
from tests.cluster.folders import cache, locked
from tests.cluster.progress import Progress

MODULE = "github.com/rhysd/actionlint/cmd/actionlint"
VERSION = "v1.7.7"


def actionlint() -> Path:
    """The program."""
    folder = cache() / "binaries" / f"actionlint-{VERSION}"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "actionlint").exists():
            environment = toolchain.environment() | {"GOBIN": str(folder)}
            go = toolchain.go(Progress(lambda _: None))
            done = subprocess.run(
                [go, "install", f"{MODULE}@{VERSION}"], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    return folder / "actionlint"
