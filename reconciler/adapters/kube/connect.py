"""Finding a cluster: a kubeconfig context that was named, or the service account of the pod that we are."""

import os
from pathlib import Path
from typing import Any

from reconciler.adapters.kube.client import Kube
from reconciler.adapters.kube.pod import PodConfiguration, pool
from reconciler.core.errors import UsageError

DEFAULT = "~/.kube/config"
CONNECTIONS = 32  # kept open at most


def connect(context: str | None = None, kubeconfig: str | None = None) -> Kube:
    """Open a cluster: by context, else the service account inside a pod, else the kubeconfig's current context.

    `kubeconfig`: a file, or several that are merged, as in KUBECONFIG, which is taken where it is None. Raises
    UsageError when there is no such context or no kubeconfig, or nothing of what a pod is given.
    """
    if in_cluster() and kubeconfig is None and context is None:
        pod = PodConfiguration()
        return Kube(pool(pod, CONNECTIONS), pod)
    return _by_kubeconfig(context, kubeconfig)


def _by_kubeconfig(context: str | None, kubeconfig: str | None) -> Kube:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_kube_config

    configuration = Configuration()
    configuration.retries = False
    configuration.connection_pool_maxsize = CONNECTIONS
    location = _location(kubeconfig)
    chosen = _context(location, context)
    try:
        load_kube_config(location, chosen, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise UsageError(f"{location}: {str(error).removeprefix('Invalid kube-config file. ')}") from error
    return Kube(ApiClient(configuration).rest_client.pool_manager, configuration, chosen)


def in_cluster() -> bool:
    """Whether this process is a pod with a service account."""
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ


def _location(kubeconfig: str | None) -> str:
    """Where the kubeconfig is: a file that exists, or several. Raises UsageError."""
    variable = os.environ.get("KUBECONFIG")
    location = kubeconfig or variable or DEFAULT
    if any(path.exists() for path in _paths(location)):
        return location
    if location == DEFAULT:
        raise UsageError("no kubeconfig: set KUBECONFIG or name one with --kubeconfig")
    raise UsageError(f"{location}: no such file ({'KUBECONFIG' if location == variable else '--kubeconfig'})")


def _paths(location: str) -> list[Path]:
    return [Path(part).expanduser() for part in location.split(os.pathsep) if part]


def _context(location: str, wanted: str | None) -> str:
    """The name of the context, or of the current one. Raises UsageError with the names that there are."""
    documents = [_document(path) for path in _paths(location) if path.exists()]
    contexts = [item for document in documents for item in document.get("contexts") or []]
    names = [str(item["name"]) for item in contexts if isinstance(item, dict) and "name" in item]
    current = next((str(each["current-context"]) for each in documents if each.get("current-context")), None)
    context = wanted or current
    if context in names:
        return str(context)
    what = f"no context '{context}' in {location}" if context else f"{location} has no current context; say --context"
    raise UsageError(f"{what}; it has: {', '.join(names)}" if names else f"{what}; it has none")


def _document(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path}: no kubeconfig: {' '.join(str(error).split())}") from error
    return found if isinstance(found, dict) else {}
