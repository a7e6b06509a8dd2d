"""Kubernetes: the command lines of its parts, from etcd to kube-proxy.

The limits on queries are raised: a test of throughput should measure our code, not the defaults of a part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from . import cgroups, containerd
from .addresses import API_PORT, SERVICES, Addresses
from .identities import Identities
from .process import Program

ETCD = "http://127.0.0.1:2379"  # the cluster's own loopback
QPS, BURST = 300, 600


class Kubernetes:
    """Configuration files and command lines for one cluster; starts nothing."""

    def __init__(self, binaries: Path, own: Addresses, state: Path, identities: Identities) -> None:
        self.binaries, self.own, self.state, self.identities = binaries, own, state, identities

    def etcd(self) -> Program:
        return self._program(
            "etcd",
            data_dir=self.state / "etcd",
            listen_client_urls=ETCD,
            advertise_client_urls=ETCD,
            listen_peer_urls="http://127.0.0.1:2380",
            log_level="warn",
            unsafe_no_fsync=True,  # no test needs the cluster to survive a power cut
        )

    def api_server(self) -> Program:
        identities = self.identities
        return self._program(
            "kube-apiserver",
            etcd_servers=ETCD,
            advertise_address=self.own.node,
            secure_port=API_PORT,
            service_cluster_ip_range=SERVICES,
            tls_cert_file=identities.api_server.certificate,
            tls_private_key_file=identities.api_server.key,
            client_ca_file=identities.authority,
            kubelet_certificate_authority=identities.authority,
            kubelet_client_certificate=identities.api_server_to_kubelet.certificate,
            kubelet_client_key=identities.api_server_to_kubelet.key,
            kubelet_preferred_address_types="InternalIP",  # the node's name can't be resolved
            service_account_issuer="https://kubernetes.default.svc",
            service_account_key_file=identities.service_accounts,
            service_account_signing_key_file=identities.service_accounts,
            authorization_mode="Node,RBAC",
            enable_admission_plugins="NodeRestriction",
            allow_privileged=True,
        )

    def controller_manager(self) -> Program:
        return self._program(
            "kube-controller-manager",
            kubeconfig=self.identities.kubeconfig("kube-controller-manager"),
            root_ca_file=self.identities.authority,
            service_account_private_key_file=self.identities.service_accounts,
            use_service_account_credentials=True,
            leader_elect=False,
            bind_address="127.0.0.1",
            concurrent_job_syncs=20,
            kube_api_qps=QPS,
            kube_api_burst=BURST,
        )

    def scheduler(self) -> Program:
        connection = {
            "kubeconfig": str(self.identities.kubeconfig("kube-scheduler")),
            "qps": QPS,
            "burst": BURST,
        }
        config = self._config(
            "kube-scheduler",
            "kubescheduler.config.k8s.io/v1",
            "KubeSchedulerConfiguration",
            clientConnection=connection,
            leaderElection={"leaderElect": False},
        )
        return self._program("kube-scheduler", config=config, bind_address="127.0.0.1")

    def proxy(self) -> Program:
        config = self._config(
            "kube-proxy",
            "kubeproxy.config.k8s.io/v1alpha1",
            "KubeProxyConfiguration",
            mode="nftables",
            clientConnection={"kubeconfig": str(self.identities.kubeconfig("kube-proxy"))},
            clusterCIDR=self.own.pods,
            hostnameOverride=self.own.name,
            metricsBindAddress="127.0.0.1:10249",
            oomScoreAdj=0,
            # the machine's own limits stay as they are
            conntrack={"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        )
        return self._program("kube-proxy", config=config)

    def kubelet(self) -> Program:
        resolver = self.state / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\n")
        config = self._config(
            "kubelet",
            "kubelet.config.k8s.io/v1beta1",
            "KubeletConfiguration",
            **self._kubelet_settings(resolver),
        )
        return self._program(
            "kubelet",
            config=config,
            kubeconfig=self.identities.kubeconfig("kubelet"),
            root_dir=self.state / "kubelet",
            hostname_override=self.own.name,
            node_ip=self.own.node,
        )

    def _kubelet_settings(self, resolver: Path) -> dict[str, Any]:
        identities = self.identities
        return {
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(identities.authority)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(identities.kubelet.certificate),
            "tlsPrivateKeyFile": str(identities.kubelet.key),
            "containerRuntimeEndpoint": f"unix://{containerd.endpoint(self.state)}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups.folder(self.own.netns),
            "podLogsDir": str(self.state / "pod-logs"),
            "volumePluginDir": str(self.state / "volume-plugins"),
            # there is no cluster DNS: asking fails at once instead of timing out
            "clusterDNS": ["127.0.0.1"],
            "clusterDomain": "cluster.local",
            "resolvConf": str(resolver),
            "failSwapOn": False,
            # imported images can't be pulled again, so neither a full disk nor age may remove them
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "0%",
                "imagefs.available": "0%",
            },
            "maxPods": 200,
            "oomScoreAdj": 0,
            "kubeAPIQPS": QPS,
            "kubeAPIBurst": BURST,
        }

    def _config(self, name: str, version: str, kind: str, **settings: Any) -> Path:
        file = self.state / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"apiVersion": version, "kind": kind, **settings}, sort_keys=False))
        return file

    def _program(self, name: str, **flags: object) -> Program:
        words = (f"--{flag.replace('_', '-')}={_word(value)}" for flag, value in flags.items())
        return Program(name, (str(self.binaries / name), *words))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
