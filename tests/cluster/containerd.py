"""containerd: its own root, socket and pod network per cluster; images come from archives."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

from .addresses import Addresses
from .command import run
from .process import Program, Runtime, running

PAUSE = "tenantctl.local/pause:1"
CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true  # some kernels let not even root lower it
  netns_mounts_under_state_dir = true  # so that clean-up finds them
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    BinaryName = "crun"  # in C: it starts in a fraction of the time of runc, several times for every container
    Root = "{folder}/runc"  # so that it goes with the cluster: crun forgets no container that was killed
"""
# crun refuses a machine that has cgroups of version 1 with some of version 2 beside them; nothing here uses the latter.
HIDE = 'if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec containerd --config "$0"'


def endpoint(state: Path) -> Path:
    """The socket, for the kubelet and `ctr`."""
    return state / "containerd" / "containerd.sock"


def program(own: Addresses, state: Path) -> Program:
    """Writes the configuration; returns what to start."""
    folder = state / "containerd"
    (folder / "cni").mkdir(parents=True)
    config = folder / "config.toml"
    config.write_text(CONFIG.format(folder=folder, pause=PAUSE))
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(_pod_network(own, folder), indent=1))
    return Program("containerd", ("unshare", "--mount", "--propagation=slave", "sh", "-c", HIDE, str(config)))


def beside(program: Program, runtime: Runtime) -> Program:
    """The kubelet, where containerd sees the volumes that it mounts."""
    pid = running(runtime.mark("containerd"))
    return replace(program, argv=("nsenter", f"--mount=/proc/{pid}/ns/mnt", *program.argv))


def ready(state: Path) -> bool:
    """Whether it answers. Raises OSError while there is no socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(endpoint(state)))
    return True


def load(state: Path, archive: Path) -> None:
    """Imports the images of a docker archive under the names written in it."""
    _ctr(state, "images", "import", str(archive))


def images(state: Path, prefix: str) -> set[str]:
    """Names of the images there that begin with `prefix`."""
    return {name for name in _ctr(state, "images", "list", "--quiet").split() if name.startswith(prefix)}


def forget(state: Path, image: str) -> None:
    """Removes one image; containers that run from it go on."""
    _ctr(state, "images", "remove", image)


def shim_sockets(state: Path) -> list[Path]:
    """Sockets that containerd's shims made outside its own folders."""
    notes = (state / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*/address")
    return [Path(note.read_text().removeprefix("unix://")) for note in notes]


def _ctr(state: Path, *words: str) -> str:
    remedy = "read containerd's log beside the kubeconfig; make cluster-down cluster-up starts afresh"
    return run(["ctr", "--address", endpoint(state), "--namespace", "k8s.io", *words], remedy=remedy)


def _pod_network(own: Addresses, folder: Path) -> dict:
    """Point-to-point links and routes: no bridge, no address translation between pods, node and machine."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": own.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(folder / "addresses"),
    }
    return {
        "cniVersion": "0.4.0",
        "name": own.netns,
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}],
    }
