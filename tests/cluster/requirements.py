"""Requirements: whether pods can run here at all, and the Debian packages that running them takes."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from . import apt, holder
from .failure import ClusterError
from .folders import cache, locked
from .progress import Progress

WAY_OUT = "name a cluster that you have: make cluster-up CONTEXT=<a context of your kubeconfig>"


@dataclass(frozen=True)
class Tool:
    """A program, the Debian package that has it, and what the clusters use it for."""

    program: str
    package: str
    purpose: str

    def present(self) -> bool:
        path = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")
        return Path(self.program).exists() or shutil.which(self.program, path=path) is not None


RUN = (
    Tool("ip", "iproute2", "network namespaces"),
    Tool("nsenter", "util-linux", "entering them"),
    Tool("nft", "nftables", "services (kube-proxy)"),
    Tool("containerd", "containerd", "containers"),
    Tool("crun", "crun", "containers"),
    Tool("/usr/lib/cni/ptp", "containernetworking-plugins", "pod networking"),
    Tool("busybox", "busybox-static", "the image of test Jobs"),
    Tool("kubectl", "kubernetes-client", "setting up the example services"),
)
IMAGE = (
    Tool("buildah", "buildah", "building the image from the Dockerfile"),
    Tool("mmdebstrap", "mmdebstrap", "the image's base"),
)
ARGO_CD = (
    Tool("redis-server", "redis-server", "Argo CD's cache"),
    Tool("git", "git", "Argo CD's repositories"),
)


def check() -> None:
    """Raises ClusterError where pods can't run."""
    if sys.platform != "linux":
        raise ClusterError(f"Pods need root on Linux, and this is {sys.platform}", remedy=WAY_OUT)
    if os.geteuid() != 0:
        raise ClusterError("Pods need root, and this is an ordinary user", remedy=f"use sudo, or {WAY_OUT}")


def install(tools: tuple[Tool, ...], progress: Progress) -> None:
    """Installs the packages of the missing tools, saying which and what for."""
    missing = [tool for tool in tools if not tool.present()]
    if not missing:
        return
    wanted = ", ".join(f"{tool.package} ({tool.purpose})" for tool in missing)
    if not shutil.which("apt-get"):
        raise ClusterError(f"Missing programs: {wanted}", remedy="install them, then try again")
    with progress.step(f"Debian packages: {wanted}", hint="once"), _turn(progress):
        packages = sorted({tool.package for tool in missing if not tool.present()})
        if packages:  # the start whose turn it was before may have installed them
            apt.install(packages, progress)


def _turn(progress: Progress) -> contextlib.AbstractContextManager[None]:
    """Lets one cluster start at a time install packages."""
    file = cache() / "apt.lock"
    return locked(file, lambda: progress.note(f"{holder.of(file)} installs packages; waiting for it"))
