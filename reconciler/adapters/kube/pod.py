"""The cluster that this process is a pod of: an address from the environment, the account's token and trust from files.

These are what Kubernetes gives to every pod (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).
The library reads the same, but importing it costs half a second of the processor, as much as the rest of a bridge.
"""

import os
import time
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
FRESH = 60.0  # seconds; the kubelet renews the file long before the token in it ends


class PodConfiguration:
    """Where the API server is and how to authenticate there, in the shape of the library's `Configuration`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Raises UsageError where something is missing that every pod has."""
        self.host = f"https://{_bracketed(_variable(HOST))}:{_variable(PORT)}"
        self.authority = folder / "ca.crt"
        self._file = folder / "token"
        self._token, self._read = _text(self._file), time.monotonic()
        _text(self.authority)

    def auth_settings(self) -> dict[str, dict[str, str]]:
        """The header that carries the token, read anew once a minute."""
        if time.monotonic() - self._read > FRESH:
            self._token, self._read = _text(self._file), time.monotonic()
        return {"BearerToken": {"in": "header", "key": "authorization", "value": f"Bearer {self._token}"}}


def pool(configuration: PodConfiguration, size: int) -> Any:
    """Connections to the API server, `size` of them kept open; the server must be one that the cluster vouches for."""
    import urllib3

    return urllib3.PoolManager(maxsize=size, cert_reqs="CERT_REQUIRED", ca_certs=str(configuration.authority))


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"no cluster: the environment variable {name}, which every pod has, is missing or empty")
    return value


def _text(file: Path) -> str:
    try:
        text = file.read_text().strip()
    except OSError as error:
        raise UsageError(f"no cluster: {file}: {error.strerror}; does the pod mount its service account?") from error
    if not text:
        raise UsageError(f"no cluster: {file} is empty")
    return text


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
