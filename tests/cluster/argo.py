"""Argo Workflows: controller and server as processes beside the cluster, its definitions inside."""

from __future__ import annotations

from pathlib import Path

import yaml

from . import definitions
from .addresses import ARGO_PORT
from .api import Api
from .archives import ARGOEXEC
from .binaries import Binaries
from .identities import ARGO_NAMESPACE, Identities
from .process import Program

CONFIG_MAP = "workflow-controller-configmap"
SETTINGS = {"executor": {"resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}}
# nobody should have to click a greeting away before seeing a workflow
NO_GREETINGS = {"FIRST_TIME_USER_MODAL": "false", "NEW_VERSION_MODAL": "false", "FEEDBACK_MODAL": "false"}


def define(api: Api, binaries: Binaries) -> None:
    """Custom resource definitions, as they came with the release, and the controller's settings."""
    definitions.define(api, binaries)
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": ARGO_NAMESPACE},
            "data": {"config": yaml.safe_dump(SETTINGS)},
        }
    )


def served(api: Api, binaries: Binaries) -> bool:
    """Whether the API server serves all of them: the controller ends itself before. Raises OSError."""
    known = {resource["name"] for resource in api.get("apis/argoproj.io/v1alpha1")["resources"]}
    return {file.name.partition(".")[0] for file in binaries.crds} <= known


def controller(binaries: Binaries, identities: Identities) -> Program:
    """Watches all namespaces. `DEFAULT_REQUEUE_TIME` makes each step of a workflow seconds faster; there is
    one replica, and a lease that a busy machine lets go of would only end it."""
    return Program(
        "workflow-controller",
        (
            str(binaries.argo / "workflow-controller"),
            f"--kubeconfig={identities.kubeconfig('workflow-controller')}",
            f"--namespace={ARGO_NAMESPACE}",
            f"--configmap={CONFIG_MAP}",
            f"--executor-image={ARGOEXEC}",
            "--executor-image-pull-policy=IfNotPresent",
            "--qps=300",
            "--burst=600",
        ),
        {"LEADER_ELECTION_DISABLE": "true", "DEFAULT_REQUEUE_TIME": "100ms"},
    )


def server(binaries: Binaries, identities: Identities, home: Path) -> Program:
    """The API, for whoever reaches the cluster's address: this machine and the clusters beside it."""
    return Program(
        "argo-server",
        (
            str(binaries.argo / "argo"),
            "server",
            f"--kubeconfig={identities.kubeconfig('argo-server')}",
            f"--namespace={ARGO_NAMESPACE}",
            f"--configmap={CONFIG_MAP}",
            "--auth-mode=server",
            "--secure=false",
            f"--port={ARGO_PORT}",
            "--kube-api-qps=300",
            "--kube-api-burst=600",
        ),
        {"HOME": str(home), **NO_GREETINGS},
    )
