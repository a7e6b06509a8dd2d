"""The API server, as far as starting a cluster needs it: GET, server-side apply, waiting.

Standard library only: `up` on a running cluster must answer at once, and big clients take a second to load.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from .certificates import Pair
from .failure import ClusterError

FIELD_MANAGER = "tenantctl-test-cluster"
PATHS = {
    "Namespace": "api/v1/namespaces",
    "ConfigMap": "api/v1/namespaces/{namespace}/configmaps",
    "ServiceAccount": "api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}


class Api:
    """One user's access to one API server."""

    def __init__(self, server: str, authority: str, user: Pair) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cafile=authority)
        self._tls.load_cert_chain(user.certificate, user.key)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._tls)
        )

    def get(self, path: str, timeout: float = 5.0) -> Any:
        """The decoded answer, JSON or text. Raises OSError (an HTTPError, or no connection)."""
        return self._send(urllib.request.Request(f"{self._server}/{path}"), timeout)

    def apply(self, manifest: dict[str, Any]) -> None:
        """Server-side apply of one object. Raises ClusterError when it is refused."""
        kind, metadata = manifest["kind"], manifest["metadata"]
        folder = PATHS[kind].format(namespace=metadata.get("namespace"))
        request = urllib.request.Request(
            f"{self._server}/{folder}/{metadata['name']}?fieldManager={FIELD_MANAGER}&force=true",
            data=json.dumps(manifest).encode(),
            method="PATCH",
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        try:
            self._send(request, 60.0)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise ClusterError(
                f"{kind} {metadata['name']} was refused: {error.code} {said}",
                remedy="this is a fault of tests/cluster: the manifest does not fit these versions",
            ) from error

    def _send(self, request: urllib.request.Request, timeout: float) -> Any:
        with self._opener.open(request, timeout=timeout) as answer:
            body = answer.read()
            return json.loads(body) if "json" in answer.headers.get("Content-Type", "") else body.decode()


def wait(what: str, probe: Callable[[], object], *, seconds: float, watch: Callable[[], None]) -> None:
    """Returns when `probe` returns something true; connection errors count as not yet.

    `watch` is called in between: it raises when the thing waited for can't come any more.
    """
    deadline = time.monotonic() + seconds
    while True:
        problem: object = "not yet"
        try:
            if probe():
                return
        except OSError as error:
            problem = error
        watch()
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{what} did not come within {seconds:.0f} s: {problem}",
                remedy="read the logs beside the kubeconfig, then: make cluster-down cluster-up",
            )
        time.sleep(0.1)
