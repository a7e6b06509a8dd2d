"""Binaries: Kubernetes, the Argo projects and the object store, built from Go modules into the cache, once per pins."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import holder, toolchain, versions
from .command import run
from .failure import ClusterError
from .folders import PINS, cache, locked
from .progress import Progress

KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet")
ARGO = ("argo", "argoexec", "workflow-controller")
ARGO_MODULE = "github.com/argoproj/argo-workflows/v3"
ARGO_INDEX = "<!doctype html><title>Argo Workflows</title><p>The API is here; its pages were not built.\n"
ARGO_CD_MODULE = "github.com/argoproj/argo-cd/v3"
ARGO_EVENTS_MODULE = "github.com/argoproj/argo-events"
NATS_MODULE = "github.com/nats-io/nats-server/v2"
OBJECT_STORE = "github.com/versity/versitygw"
RECIPE = {
    "kubernetes": "1",
    "argo": "2",
    "argocd": "1",
    "argoevents": "1",
    "objectstore": "1",
}  # raise one when the code below builds something else from the same pins
Make = Callable[[Path, Path, Path], None]
REMEDY = "read the log; if modules could not be downloaded, check `go env GOPROXY`; then try again"


@dataclass(frozen=True)
class Binaries:
    """Folders of built programs, and the manifests that came with Argo Workflows."""

    kubernetes: Path
    argo: Path

    @property
    def crds(self) -> list[Path]:
        return definitions(self.argo)


def definitions(built: Path) -> list[Path]:
    """The custom resource definitions in the folder of a build."""
    return sorted((built / "crds").glob("*.json"))


def build(progress: Progress) -> Binaries:
    """Everything that a cluster runs; takes no time when it was built before."""
    return Binaries(
        kubernetes=_once("kubernetes", _kubernetes, "about 5 min", progress),
        argo=_once("argo", _argo, "about 4 min", progress),
    )


def argo_cd(progress: Progress) -> Path:
    """A folder with `argocd`, which is every part of Argo CD by the name that it is given, and its definitions."""
    return _once("argocd", _argo_cd, "about 4 min", progress)


def argo_events(progress: Progress) -> Path:
    """A folder with `argo-events`, which is its controller, EventSources and Sensors, `nats-server` and definitions."""
    return _once("argoevents", _argo_events, "about 3 min", progress)


def object_store(progress: Progress) -> Path:
    """The program of the object store, which no cluster needs to run."""
    return _once("objectstore", _object_store, "about 2 min", progress) / "versitygw"


def _once(group: str, make: Make, hint: str, progress: Progress) -> Path:
    """The folder that `make(go, folder, log)` fills; it appears under its key only when it is complete."""
    done = cache() / "binaries" / f"{group}-{versions.key(group, RECIPE[group])}"
    if done.exists():
        return done
    go = toolchain.go(progress)
    log = cache() / "logs" / f"build-{group}.log"
    lock = done.with_suffix(".lock")
    with locked(lock, lambda: progress.note(f"{holder.of(lock)} builds {group}; waiting for it")):
        if done.exists():
            return done
        with progress.step(f"{group}: built from Go modules", hint=f"{hint} the first time; log: {log}"):
            log.unlink(missing_ok=True)
            unfinished = done.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            make(go, unfinished, log)
            unfinished.rename(done)
    return done


def _kubernetes(go: Path, folder: Path, log: Path) -> None:
    version = versions.version("kubernetes", "k8s.io/kubernetes")
    packages = ["go.etcd.io/etcd/server/v3", *(f"k8s.io/kubernetes/cmd/{name}" for name in KUBERNETES)]
    _compile(go, folder, packages, {"k8s.io/component-base/version.gitVersion": version}, PINS / "kubernetes", log)
    (folder / "server").rename(folder / "etcd")


def _object_store(go: Path, folder: Path, log: Path) -> None:
    version = versions.version("objectstore", OBJECT_STORE)
    _compile(go, folder, [f"{OBJECT_STORE}/cmd/versitygw"], {"main.Version": version}, PINS / "objectstore", log)


def _argo(go: Path, folder: Path, log: Path) -> None:
    with _source(go, folder, "argo", ARGO_MODULE) as (source, stamps):
        _complete(source)
        _compile(go, folder, [f"./cmd/{name}" for name in ARGO], _in_package(ARGO_MODULE, stamps), source, log)
        _definitions((source / "manifests/base/crds/full").glob("argoproj.io_*.yaml"), folder / "crds")


def _argo_cd(go: Path, folder: Path, log: Path) -> None:
    with _source(go, folder, "argocd", ARGO_CD_MODULE) as (source, stamps):
        stamps["version"] = stamps["version"].removeprefix("v")
        _compile(go, folder, ["./cmd"], _in_package(f"{ARGO_CD_MODULE}/common", stamps), source, log)
        _definitions((source / "manifests/crds").glob("*-crd.yaml"), folder / "crds")
    (folder / "cmd").rename(folder / "argocd")


def _argo_events(go: Path, folder: Path, log: Path) -> None:
    with _source(go, folder, "argoevents", ARGO_EVENTS_MODULE) as (source, stamps):
        _compile(go, folder, ["./cmd"], _in_package(ARGO_EVENTS_MODULE, stamps), source, log)
        _definitions((source / "manifests/base/crds").glob("argoproj.io_*.yaml"), folder / "crds")
    (folder / "cmd").rename(folder / "argo-events")
    with _source(go, folder, "argoevents", NATS_MODULE) as (source, _):
        _compile(go, folder, ["."], {}, source, log)


@contextlib.contextmanager
def _source(go: Path, folder: Path, group: str, name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of a pinned module that can be built with its own go.mod, and what Argo's releases are stamped with."""
    version = versions.version(group, name)
    module = _download(go, f"{name}@{version}", group)
    source = folder / "source"
    _copy(Path(module["Dir"]), source)
    commit = module.get("Origin", {}).get("Hash", "unknown")
    yield source, {"version": version, "gitTag": version, "gitTreeState": "clean", "gitCommit": commit}
    shutil.rmtree(source)


def _in_package(package: str, stamps: dict[str, str]) -> dict[str, str]:
    return {f"{package}.{name}": value for name, value in stamps.items()}


def _copy(module: Path, source: Path) -> None:
    shutil.copytree(module, source, copy_function=shutil.copyfile)
    for folder in [source, *(path for path in source.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)


def _complete(source: Path) -> None:
    """Module archives drop symbolic links and built pages: Argo Workflows gets both back."""
    signals = source / "workflow/executor/osspecific"
    shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
    pages = source / "ui/dist/app"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text(ARGO_INDEX)


def _definitions(files: Iterable[Path], folder: Path) -> None:
    """The custom resource definitions as JSON: one is too big for a request as YAML, and slow to parse."""
    folder.mkdir()
    for file in files:
        manifest = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        (folder / f"{manifest['metadata']['name']}.json").write_text(json.dumps(manifest))


def _download(go: Path, query: str, group: str) -> dict:
    """What `go mod download` says of a module; it is checked against the group's go.sum."""
    text = run(
        [go, "mod", "download", "-json", query],
        cwd=PINS / group,
        env=toolchain.environment(),
        remedy=REMEDY,
    )
    return json.loads(text)


def _compile(go: Path, folder: Path, packages: list[str], stamps: dict[str, str], source: Path, log: Path) -> None:
    if shutil.disk_usage(folder).free < 6 << 30:
        raise ClusterError(f"Building needs 6 GiB in {folder.parent}", remedy="free some space, then try again")
    flags = "-s -w " + " ".join(f"-X {name}={value}" for name, value in stamps.items())
    command = [go, "build", "-ldflags", flags, "-o", f"{folder}{os.sep}", *packages]
    run(command, cwd=source, env=toolchain.environment(), log=log, remedy=REMEDY)
