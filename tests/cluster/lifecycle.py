"""Up and down: the stages of starting a cluster, and of stopping it."""

from __future__ import annotations

import dataclasses
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from . import (
    addresses,
    archives,
    argo,
    cgroups,
    cleanup,
    cluster,
    containerd,
    holder,
    identities,
    image,
    network,
    owner,
    requirements,
)
from .addresses import Addresses
from .api import wait
from .binaries import Binaries, build
from .cluster import Cluster
from .failure import ClusterError
from .folders import lock, locked, names, state
from .kubernetes import Kubernetes
from .owner import Owner
from .process import Runtime, must_run, start
from .progress import Progress, Say

LONGEST_SOCKET = 107  # bytes, a limit of Linux


def up(name: str = "eu-west", progress: Say = print, *, with_image: bool = True, command: str = "") -> Cluster:
    """A running cluster `name`, with our image of the present sources unless `with_image` is false.

    One that runs is left as it is; one that is half dead is cleaned up and started anew. The caller becomes its owner,
    by the name of `command`; of another's it is refused. Raises ClusterError.
    """
    addresses.of(name)
    requirements.check()
    tell, caller = Progress(progress), owner.current(f"make cluster-up NAME={name}", command)
    with _turn(name, tell):
        owner.refuse_others(name, caller)
        running = cluster.find(name) or _start(name, tell, caller)
        if running.local:
            owner.note(name, caller)
        if with_image:
            running = _with_image(running, tell)
    tell.total(f"cluster {name} is up: kubectl --kubeconfig {running.kubeconfig}; Argo: {running.argo_server}")
    return running


def down(name: str, progress: Say = print, *, force: bool = False) -> None:
    """Leaves nothing of the cluster `name`: no process, mount, link or file.

    Raises ClusterError, OwnedError unless the caller may end it or `force` is true.
    """
    known = cluster.noted(name)
    tell = Progress(progress)
    with _turn(name, tell):
        if not force:
            owner.refuse_others(name, owner.current("make cluster-down"))
        if known is None or known.local:
            requirements.check()
        with tell.step(f"cluster {name} is down"):
            cleanup.clean(name)


def known() -> list[str]:
    """Clusters of which something may be left."""
    return sorted({*names(), *cleanup.forgotten()})


def _turn(name: str, tell: Progress) -> AbstractContextManager[None]:
    """Lets one process at a time change the cluster `name`."""
    file = lock(name)
    return locked(file, lambda: tell.note(f"{holder.of(file)} changes the cluster {name}; waiting for it"))


def _start(name: str, tell: Progress, caller: Owner) -> Cluster:
    own, folder = addresses.of(name), state(name)
    _check_path(folder)
    requirements.install(requirements.RUN, tell)
    binaries = build(tell)
    if name in known():
        with tell.step(f"what was left of {name} is cleaned up"):
            cleanup.clean(name)
    with tell.step("network, keys and small images"):
        small = archives.write(binaries)
        runtime, users = _prepare(own, folder, caller)
    kubernetes = Kubernetes(binaries.kubernetes, own, folder, users)
    with tell.step("etcd, kube-apiserver, containerd"):
        _start_base(kubernetes, runtime)
    with tell.step("Argo Workflows' definitions, controllers, kubelet, images"), ThreadPoolExecutor() as pool:
        loading = [pool.submit(containerd.load, folder, archive) for archive in small]
        _start_rest(kubernetes, runtime, binaries)
        for load in loading:
            load.result()
    with tell.step(f"node {name} ready, Argo Server answers"):
        _wait_ready(own, runtime)
    return _describe(own, folder, binaries).save()


def _prepare(own: Addresses, folder: Path, caller: Owner) -> tuple[Runtime, identities.Identities]:
    network.create(own)  # first, since it refuses when the addresses are another's
    folder.mkdir(parents=True, mode=0o700)
    owner.note(own.name, caller)  # before anything runs: a start that is killed has an owner, too
    runtime = Runtime(folder, own.netns, cgroups.create(own.netns))
    return runtime, identities.create(own, folder / "keys")


def _start_base(kubernetes: Kubernetes, runtime: Runtime) -> None:
    for program in (
        kubernetes.etcd(),
        kubernetes.api_server(),
        containerd.program(kubernetes.own, kubernetes.state),
    ):
        start(program, runtime)
    superuser = cluster.superuser(kubernetes.own.name)
    _wait_for(runtime, "kube-apiserver", lambda: superuser.get("readyz") == "ok")
    _wait_for(runtime, "containerd", lambda: containerd.ready(kubernetes.state))


def _start_rest(kubernetes: Kubernetes, runtime: Runtime, binaries: Binaries) -> None:
    """The kubelet only now: it ends itself when containerd has no socket yet."""
    for program in (
        kubernetes.controller_manager(),
        kubernetes.scheduler(),
        containerd.beside(kubernetes.kubelet(), runtime),
        kubernetes.proxy(),
    ):
        start(program, runtime)
    superuser = cluster.superuser(kubernetes.own.name)
    for manifest in identities.manifests():
        superuser.apply(manifest)
    argo.define(superuser, binaries)
    _wait_for(runtime, "kube-apiserver", lambda: argo.served(superuser, binaries))
    start(argo.controller(binaries, kubernetes.identities), runtime)
    start(argo.server(binaries, kubernetes.identities, kubernetes.state), runtime)


def _wait_ready(own: Addresses, runtime: Runtime) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    _wait_for(runtime, "kubelet", lambda: cluster.node_ready(own.name))
    _wait_for(
        runtime,
        "argo-server",
        lambda: opener.open(f"{own.argo_server}/api/v1/version", timeout=2).close() or True,
    )
    for mark in (runtime.state / "processes").iterdir():
        must_run(mark.name, runtime)


def _wait_for(runtime: Runtime, program: str, probe: Callable[[], object]) -> None:
    wait(program, probe, seconds=90, watch=lambda: must_run(program, runtime))


def _describe(own: Addresses, folder: Path, binaries: Binaries) -> Cluster:
    return Cluster(
        name=own.name,
        context=f"tenantctl-{own.name}",
        kubeconfig=folder / "keys" / "admin.kubeconfig",
        api=own.api,
        argo_server=own.argo_server,
        image="",
        busybox=archives.BUSYBOX,
        host=own.host,
        netns=own.netns,
        argo=binaries.argo / "argo",
        containerd=containerd.endpoint(folder),
        logs=folder / "logs",
    )


def _with_image(running: Cluster, tell: Progress) -> Cluster:
    """Builds and imports our image if the sources have changed; the last few stay for pods that use them."""
    folder = state(running.name)
    if running.image == image.current():
        return running
    try:
        wanted, archive = image.archive(tell)
    except ClusterError as error:
        tell.note(f"the cluster {running.name} itself is up (use --no-image to leave the image out)")
        raise error
    with tell.step(f"image: imported into {running.name}"):
        containerd.load(folder, archive)
        _forget_old(folder, wanted)
    return dataclasses.replace(running, image=wanted).save()


def _forget_old(folder: Path, wanted: str) -> None:
    history = folder / "images"
    order = [line for line in (history.read_text().split() if history.exists() else []) if line != wanted]
    order = [*order, wanted][-image.KEEP :]
    for name in containerd.images(folder, f"{image.NAME}:") - set(order):
        containerd.forget(folder, name)
    history.write_text("\n".join(order))


def _check_path(folder: Path) -> None:
    longest = max(
        len(str(containerd.endpoint(folder))) + len(".ttrpc"),
        len(f"{folder}/kubelet/pod-resources/kubelet.sock"),
    )
    if longest > LONGEST_SOCKET:
        raise ClusterError(f"{folder} is too long for sockets", remedy="choose a shorter XDG_STATE_HOME or NAME")
