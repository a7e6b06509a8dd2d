"""Finding a cluster: a kubeconfig context that was named, or the service account of the pod that we are."""

import os

from reconciler.adapters.kube.client import Kube
from reconciler.core.errors import UsageError


def connect(context: str | None = None, kubeconfig: str | None = None) -> Kube:
    """Open a cluster: by context, else the service account inside a pod, else the kubeconfig's current context.

    Raises UsageError when there is no such context or no kubeconfig.
    """
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

    configuration = Configuration()
    configuration.retries = False
    configuration.connection_pool_maxsize = 32
    try:
        if in_cluster() and kubeconfig is None and context is None:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            load_kube_config(kubeconfig, context, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise UsageError(f"no cluster: {error}; name one with --context and --kubeconfig") from error
    return Kube(ApiClient(configuration), context or current_context(kubeconfig))


def in_cluster() -> bool:
    """Whether this process is a pod with a service account."""
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ


def current_context(kubeconfig: str | None) -> str | None:
    """The kubeconfig's current context; None inside a cluster."""
    from kubernetes.config import ConfigException, list_kube_config_contexts

    try:
        _, current = list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    except ConfigException:
        return None
    return str(current["name"])
