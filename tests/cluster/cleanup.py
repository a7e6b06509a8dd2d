"""Clean-up: whatever a cluster left behind, complete or not, killed or not. All of it may be repeated."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from . import addresses, cgroups, containerd, mounts, network, process
from .failure import ClusterError
from .folders import clusters, names, state

POD_NETWORK_NOTES = Path("/var/lib/cni/results")
CONTAINER_LOGS = Path("/var/log/containers")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
SHIM_SOCKETS = Path("/run/containerd/s")
OUTSIDE = (
    *(DEVICE_PLUGINS, DEVICE_PLUGINS.parent),
    *(POD_NETWORK_NOTES, POD_NETWORK_NOTES.parent),
    *(SHIM_SOCKETS, SHIM_SOCKETS.parent),
    CONTAINER_LOGS,
)


def clean(name: str) -> None:
    """Processes, mounts, network and files of the cluster `name`. Raises ClusterError if something stays."""
    own, folder = addresses.of(name), state(name)
    process.stop(sorted((folder / "processes").glob("*")), patience=1.0)
    stubborn = cgroups.kill(own.netns)
    if stubborn:
        raise ClusterError(f"{name}: these processes would not end: {stubborn}", remedy="end them by hand")
    held = mounts.release(folder)
    if held:
        raise ClusterError(f"{name}: still mounted: {held[:3]}", remedy="unmount them by hand, then try again")
    for socket in containerd.shim_sockets(folder):
        socket.unlink(missing_ok=True)
    network.remove(own)
    cgroups.remove(own.netns)
    _forget_outside(own.netns, folder)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise ClusterError(f"{folder} could not be removed", remedy="remove it by hand")


def _forget_outside(netns: str, folder: Path) -> None:
    """Notes that container tools write to fixed places."""
    for note in POD_NETWORK_NOTES.glob(f"{netns}-*-eth0"):
        pod = note.name.removeprefix(f"{netns}-").removesuffix("-eth0")
        (POD_NETWORK_NOTES / f"cni-loopback-{pod}-lo").unlink(missing_ok=True)
        note.unlink(missing_ok=True)
    for link in CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(folder / "pod-logs"):
            link.unlink(missing_ok=True)
    if names() == [folder.name]:
        for note in ("kubelet_internal_checkpoint", "kubelet.sock", "DEPRECATION"):
            (DEVICE_PLUGINS / note).unlink(missing_ok=True)
        for empty in OUTSIDE:
            with contextlib.suppress(OSError):  # others have something there
                empty.rmdir()


def forgotten() -> list[str]:
    """Clusters whose folder is gone but whose network namespace is still there.

    Where processes still run it may be someone's cluster with another state folder: only naming it ends it.
    """
    found = [path.name.removeprefix("tenantctl-") for path in network.NAMESPACES.glob("tenantctl-*")]
    gone = [name for name in found if not (clusters() / name).exists()]
    return [name for name in gone if not cgroups.members(addresses.of(name).netns)]
