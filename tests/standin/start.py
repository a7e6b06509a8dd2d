"""Starting a cluster with the stand-in: the stages of `tests.cluster.lifecycle` without what the stand-in plays."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from tests.cluster import (
    addresses,
    argo,
    cgroups,
    cluster,
    definitions,
    identities,
    image,
    network,
    owner,
    process,
    requirements,
    versions,
)
from tests.cluster.addresses import Addresses
from tests.cluster.api import wait
from tests.cluster.archives import BUSYBOX
from tests.cluster.binaries import Binaries, build
from tests.cluster.cleanup import clean
from tests.cluster.cluster import Cluster
from tests.cluster.folders import REPOSITORY, lock, locked, state
from tests.cluster.kubernetes import Kubernetes
from tests.cluster.lifecycle import down, known
from tests.cluster.owner import Owner
from tests.cluster.process import Program, Runtime, must_run, start
from tests.cluster.progress import Progress, Say

__all__ = ["down", "up"]

PROGRAM = "standin"
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
)


def up(name: str, progress: Say = print) -> Cluster:
    """A running cluster `name` with the stand-in, which has the present sources. Raises ClusterError."""
    requirements.check()
    tell, caller = Progress(progress), owner.current(f"a cluster with the stand-in, NAME={name}")
    with locked(lock(name)):
        owner.refuse_others(name, caller)
        running = cluster.find(name) or _start(name, tell, caller)
        owner.note(name, caller)
        if running.image != _image():
            running = _renewed(running)
    return running


def _start(name: str, tell: Progress, caller: Owner) -> Cluster:
    own, folder = addresses.of(name), state(name)
    binaries = build(tell)
    if name in known():
        clean(name)
    with tell.step(f"cluster {name} with the stand-in"):
        network.create(own)
        folder.mkdir(parents=True, mode=0o700)
        owner.note(name, caller)
        runtime = Runtime(folder, own.netns, cgroups.create(own.netns))
        kubernetes = Kubernetes(binaries.kubernetes, own, folder, identities.create(own, folder / "keys"))
        _start_all(kubernetes, runtime, binaries)
    return _describe(own, folder, binaries).save()


def _start_all(kubernetes: Kubernetes, runtime: Runtime, binaries: Binaries) -> None:
    for program in (kubernetes.etcd(), kubernetes.api_server(), _standin(kubernetes.own.name)):
        start(program, runtime)  # the stand-in waits for the API server, and imports meanwhile what bridges import
    superuser = cluster.superuser(kubernetes.own.name)
    _wait(runtime, "kube-apiserver", lambda: superuser.get("readyz") == "ok")
    start(_controllers(kubernetes), runtime)
    for manifest in identities.manifests():
        superuser.apply(manifest)
    definitions.define(superuser, binaries)
    _wait(runtime, "kube-apiserver", lambda: argo.served(superuser, binaries))
    _wait(runtime, PROGRAM, lambda: cluster.node_ready(kubernetes.own.name))


def _controllers(kubernetes: Kubernetes) -> Program:
    """Only those that have something to do here; no one may miss the heartbeats of the node."""
    program = kubernetes.controller_manager()
    return dataclasses.replace(program, argv=(*program.argv, f"--controllers={','.join(CONTROLLERS)}"))


def _standin(name: str) -> Program:
    words = (sys.executable, "-m", "tests.standin", name)
    return Program(PROGRAM, words, {"PYTHONPATH": str(REPOSITORY), **_folders()})


def _folders() -> dict[str, str]:
    """So that it looks for the cluster where we do."""
    return {"XDG_STATE_HOME": str(state("x").parents[2])}


def _image() -> str:
    """What our image is called, by the sources of bridges and of the stand-in."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return f"{image.NAME}:{versions.digest(files, image.current(), root=REPOSITORY)}"


def _renewed(running: Cluster) -> Cluster:
    """The sources have changed: another stand-in, which has imported them."""
    runtime = Runtime(state(running.name), running.netns, cgroups.programs(running.netns))
    process.stop([runtime.mark(PROGRAM)])
    start(_standin(running.name), runtime)
    _wait(runtime, PROGRAM, lambda: cluster.node_ready(running.name))
    return dataclasses.replace(running, image=_image()).save()


def _wait(runtime: Runtime, program: str, probe: object) -> None:
    wait(program, probe, seconds=60, watch=lambda: must_run(program, runtime))  # type: ignore[arg-type]


def _describe(own: Addresses, folder: Path, binaries: Binaries) -> Cluster:
    return Cluster(
        name=own.name,
        context=f"tenantctl-{own.name}",
        kubeconfig=folder / "keys" / "admin.kubeconfig",
        api=own.api,
        argo_server="",
        image=_image(),
        busybox=BUSYBOX,
        host=own.host,
        netns=own.netns,
        argo=binaries.argo / "argo",
        containerd=None,
        logs=folder / "logs",
    )
