"""PostgreSQL: an image for services that keep their tenants' data in a database; made when it is first asked for."""

from __future__ import annotations

from pathlib import Path

from . import archives, cluster, containerd, debian, requirements, versions
from .failure import ClusterError
from .folders import cache, lock, locked, state
from .progress import Progress, Say

NAME = "tenantctl.local/postgres:15"
PACKAGES = "postgresql,postgresql-client,curl,ca-certificates"
PROGRAMS = "/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OPTIONS = (
    "--aptopt=APT::Install-Recommends false",
    "--dpkgopt=path-exclude=/usr/lib/*/libLLVM*",  # a third of the size, for a compiler of queries
    "--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/llvmjit*",
    "--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/bitcode/*",
    # whoever runs the image makes the database: none in the image
    '--essential-hook=mkdir -p "$1/etc/postgresql-common" && '
    'echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"',
)
KEY = versions.digest([], debian.SUITE, PACKAGES, PROGRAMS, *debian.LEFT_OUT, *OPTIONS)


def provide(name: str, progress: Say = print) -> str:
    """Imports the image into the running local cluster `name` unless it is there; returns its name.

    Raises ClusterError.
    """
    running = cluster.find(name)
    if running is None or not running.local:
        raise ClusterError(f"no local cluster {name} runs", remedy=f"make cluster-up NAME={name}")
    tell, mark = Progress(progress), f"{NAME}-{KEY}"
    with locked(lock(name)):
        if mark not in containerd.images(state(name), mark):
            file = archive(tell)
            with tell.step(f"image: {NAME} imported into {name}"):
                containerd.load(state(name), file)
    return NAME


def archive(progress: Progress) -> Path:
    """A docker archive of the image, also under a name that tells its recipe; made once."""
    requirements.install(requirements.IMAGE, progress)
    file, log = cache() / "images" / f"postgres-{KEY}.tar", cache() / "logs" / "postgres.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    with locked(cache() / "postgres.lock"):
        if not file.exists():
            with progress.step(f"image: {NAME} of Debian {debian.SUITE}", hint=f"a minute, once; log: {log}"):
                _make(file, log)
    return file


def _make(file: Path, log: Path) -> None:
    log.unlink(missing_ok=True)
    tree, unfinished = file.with_name(f"tree-{file.name}"), file.with_suffix(".unfinished")
    debian.tree(PACKAGES, tree, log, *OPTIONS)
    archives.of_tree(tree, [NAME, f"{NAME}-{KEY}"], unfinished, Env=[f"PATH={PROGRAMS}", "LANG=C.UTF-8"])
    tree.unlink()
    unfinished.rename(file)
