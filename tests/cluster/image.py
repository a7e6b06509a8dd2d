"""Our own image, from the project's real Dockerfile; its tag is a hash of all that goes into it.

The base that the Dockerfile names can't always be pulled, so a Debian base of ours takes its place. How this
machine reaches its package index is mounted during the build and stays out of the image.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from . import debian, requirements, versions
from .command import quiet, run
from .folders import REPOSITORY, cache, locked
from .progress import Progress

NAME = "tenantctl.local/tenantctl"
PACKAGES = "python3,python3-venv,ca-certificates,git,openssh-client"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
SOURCES = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "reconciler", "schemas")
INDEX_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
KEEP = 3


def current() -> str:
    """The image's name for the sources as they are now."""
    return _name(REPOSITORY)


def archive(progress: Progress) -> tuple[str, Path]:
    """The name and a docker archive of the image of the present sources, built if there is none yet.

    What is hashed and built is a copy: someone may be editing the sources meanwhile.
    """
    requirements.install(requirements.IMAGE, progress)
    folder = cache() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(cache() / "buildah.lock"), TemporaryDirectory(dir=cache(), prefix="sources-") as sources:
        context = Path(sources)
        _copy(REPOSITORY, context)
        image = _name(context)
        file = folder / f"tenantctl-{image.rpartition(':')[2]}.tar"
        if file.exists():
            file.touch()
        else:
            _make(image, context, file, progress)
            _prune(folder)
    return image, file


def _make(image: str, context: Path, file: Path, progress: Progress) -> None:
    log = cache() / "logs" / "image.log"
    log.unlink(missing_ok=True)
    base = _base(progress, log)
    with progress.step(f"image: {image}", hint=f"a minute the first time; log: {log}"):
        _build(image, base, context, log)
        _export(image, file, log)


def _name(root: Path) -> str:
    return f"{NAME}:{versions.digest(_files(root), _base_key(), root=root)}"


def _files(root: Path) -> list[Path]:
    files = []
    for source in (root / name for name in SOURCES):
        files += sorted(source.rglob("*")) if source.is_dir() else [source]
    return [file for file in files if file.is_file() and "__pycache__" not in file.parts]


def _copy(root: Path, context: Path) -> None:
    for file in _files(root):
        copy = context / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # removed a moment ago
            shutil.copy2(file, copy)


def _base(progress: Progress, log: Path) -> str:
    """A small Debian with Python and git in buildah's storage; returns its name."""
    key = _base_key()
    image = f"localhost/tenantctl-base:{key}"
    if quiet(_buildah("inspect", "--type", "image", image)):
        return image
    tree = cache() / "images" / f"base-{key}.tar"
    tree.parent.mkdir(parents=True, exist_ok=True)
    with progress.step(f"image: base of Debian {debian.SUITE}", hint=f"about 30 s, once; log: {log}"):
        if not tree.exists():
            debian.tree(PACKAGES, tree, log)
        context = cache() / "images" / "base"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        tree.replace(context / "base.tar")
        _run_buildah(log, "bud", "--quiet", "--tag", image, str(context))
        (context / "base.tar").unlink()  # buildah has it now
    return image


def _base_key() -> str:
    return versions.digest([], debian.SUITE, PACKAGES, *debian.LEFT_OUT)


def _build(image: str, base: str, context: Path, log: Path) -> None:
    mounts = [f"--volume={_index_settings()}:/etc/pip.conf:ro"]
    bundle = Path(os.environ.get("SSL_CERT_FILE", BUNDLE))
    if bundle.exists():
        mounts.append(f"--volume={bundle}:{BUNDLE}:ro")
    words = ["--isolation=chroot", "--network=host", "--layers", "--pull-never", f"--build-arg=BASE={base}"]
    _run_buildah(log, "bud", *words, *mounts, f"--tag={image}", str(context))


def _export(image: str, file: Path, log: Path) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    _run_buildah(log, "push", "--quiet", image, f"docker-archive:{unfinished}:{image}")
    unfinished.rename(file)


def _prune(folder: Path) -> None:
    """Keeps the newest archives and images of ours."""
    archives = sorted(folder.glob("tenantctl-*.tar"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in archives[KEEP:]:
        old.unlink()
        quiet(_buildah("rmi", f"{NAME}:{old.stem.removeprefix('tenantctl-')}"))


def _index_settings() -> Path:
    """A pip.conf for the build, from what pip is told on this machine."""
    said = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    config = configparser.RawConfigParser()
    config["global"] = {"cert": str(BUNDLE), "disable-pip-version-check": "true"}
    for name in INDEX_SETTINGS:
        value = told.get(f":env:.{name}") or told.get(f"install.{name}") or told.get(f"global.{name}")
        if value:
            config["global"][name] = value.strip("'")
    file = cache() / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as output:
        config.write(output)
    return file


def _buildah(*words: str) -> list[str]:
    """buildah with a storage of its own, so that the machine's is not touched."""
    storage = cache() / "buildah"
    return [
        "buildah",
        f"--root={storage}/root",
        f"--runroot={storage}/run",
        "--storage-driver=overlay",
        *words,
    ]


def _run_buildah(log: Path, *words: str) -> None:
    remedy = "read the log; the sources must build (`pip wheel .`) and pip must reach its package index"
    run(_buildah(*words), log=log, remedy=remedy)
