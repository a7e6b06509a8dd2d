"""`python -m tests.standin CLUSTER`: the stand-in, as one more program of that cluster. Ends when it is killed."""

from __future__ import annotations

import sys

from reconciler.adapters.kube import Kube, connect
from tests.cluster import addresses
from tests.cluster.addresses import API_PORT
from tests.cluster.certificates import Pair
from tests.cluster.folders import state

from .forging import Forging
from .images import Images
from .kubelet import Kubelet
from .logserver import LogServer
from .node import Node
from .output import Pump
from .workflows import Workflows


def main(name: str) -> None:
    """Play the kubelet in threads, and Argo's controller in this one."""
    own, keys = addresses.of(name), state(name) / "keys"
    folder = state(name) / "standin"
    node = Node(
        name=name,
        address=own.node,
        folder=folder,
        kubelet=_connected(name, "kubelet"),
        scheduler=_connected(name, "kube-scheduler"),
        forging=Forging(folder / "roots"),
        pump=Pump(),
        images=Images(folder / "images"),
        environment={"KUBERNETES_SERVICE_HOST": own.node, "KUBERNETES_SERVICE_PORT": str(API_PORT)},
    )
    kubelet = Kubelet(node)
    LogServer(own.node, Pair(keys / "kubelet.crt", keys / "kubelet.key"), str(keys / "ca.crt"), kubelet.output).serve()
    kubelet.start()
    Workflows(_connected(name, "workflow-controller"), kubelet).run()


def _connected(name: str, user: str) -> Kube:
    return connect(f"tenantctl-{name}", str(state(name) / "keys" / f"{user}.kubeconfig"))


if __name__ == "__main__":
    main(sys.argv[1])
