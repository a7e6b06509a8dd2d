"""One cluster through its API server: raw JSON in, raw JSON out.

The library finds the server and the credentials (kubeconfig, exec plugins), `pod` those of a pod; typed models are left
out, because building them costs more than everything else here does. Every failure leaves as one of `core.errors`.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from reconciler.adapters.kube.errors import failure, unavailable
from reconciler.adapters.kube.resources import Resource
from reconciler.core.errors import NotFound, TenantctlError, Unavailable

Json = dict[str, Any]
JsonList = list[Json]

CONNECT_SECONDS = 5
READ_SECONDS = 20
PAGE = 500
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
FIELD_MANAGER = "tenantctl"


class Kube:
    """A cluster's API server. Safe to share between threads; close it when done."""

    def __init__(self, pool: Any, configuration: Any, context: str | None = None) -> None:
        """`pool` is a PoolManager of urllib3; `configuration` has the `host` and the headers to authenticate with."""
        self.context = context
        self._configuration = configuration
        self._pool = pool

    @property
    def where(self) -> str:
        """What to call this cluster in messages."""
        return f"context {self.context}" if self.context else str(self._configuration.host)

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def get(self, resource: Resource, namespace: str | None, name: str, sub: str | None = None) -> Json:
        """One object. Raises NotFound."""
        return self.request("GET", resource.path(namespace, name, sub))

    def find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """One object, or None where the server says that there is none; any other trouble raises."""
        try:
            return self.get(resource, namespace, name)
        except NotFound:
            return None

    def list(self, resource: Resource, namespace: str | None = None, **query: Any) -> Iterator[Json]:
        """Every object of a collection, page by page. Items carry no apiVersion and kind."""
        for page in self.pages(resource, namespace, **query):
            yield from page["items"]

    def pages(self, resource: Resource, namespace: str | None = None, **query: Any) -> Iterator[Json]:
        """The raw pages of a collection; the last one's resourceVersion is where a watch goes on."""
        query = {"limit": PAGE} | query
        while True:
            page = self.request("GET", resource.path(namespace), query)
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    def create(self, resource: Resource, namespace: str | None, body: Json, **query: Any) -> Json:
        """Create an object. Raises AlreadyExists."""
        return self.request("POST", resource.path(namespace), {"fieldManager": FIELD_MANAGER} | query, body)

    def replace(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        """Replace an object, guarded by its resourceVersion. Raises Conflict."""
        path = resource.path(namespace, body["metadata"]["name"])
        return self.request("PUT", path, {"fieldManager": FIELD_MANAGER}, body)

    def patch(self, resource: Resource, namespace: str | None, name: str, patch: JsonList) -> Json:
        """Apply a JSON Patch. Raises Unprocessable when one of its tests fails."""
        return self.request("PATCH", resource.path(namespace, name), {"fieldManager": FIELD_MANAGER}, patch, JSON_PATCH)

    def merge(self, resource: Resource, namespace: str | None, name: str, patch: Json) -> Json:
        """Apply a JSON merge patch."""
        return self.request(
            "PATCH", resource.path(namespace, name), {"fieldManager": FIELD_MANAGER}, patch, MERGE_PATCH
        )

    def apply(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Apply an object server-side; fields that others own are taken over, as its manifest is the authority."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        return self.request("PATCH", path, query, body, APPLY_PATCH)

    def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None) -> bool:
        """Delete an object and, in the background, what it owns. False when there was none."""
        options: Json = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            self.request("DELETE", resource.path(namespace, name), None, options)
        except NotFound:
            return False
        return True

    def request(
        self, method: str, path: str, query: Json | None = None, body: Any = None, content: str = "application/json"
    ) -> Json:
        """One call that answers with JSON. Raises one of `core.errors`."""
        with self._open(method, path, query or {}, body, content, READ_SECONDS) as response:
            answer: Json = json.loads(response.data or b"{}")
            return answer

    @contextlib.contextmanager
    def stream(self, path: str, query: Json, read_seconds: float) -> Iterator[Any]:
        """A response that is read line by line: a watch, or a log. It ends after `read_seconds` of silence."""
        with self._open("GET", path, query, None, "application/json", read_seconds) as response:
            yield response

    @contextlib.contextmanager
    def _open(self, method: str, path: str, query: Json, body: Any, content: str, read_seconds: float) -> Iterator[Any]:
        import urllib3

        url = f"{self._configuration.host}{path}?{urlencode(query)}" if query else f"{self._configuration.host}{path}"
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers(content if body is not None else None),
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                retries=False,
                preload_content=False,
            )
            try:
                if response.status >= 400:
                    raise failure(self.where, method, path, response.status, response.data, response.headers)
                yield response
            finally:
                _give_back(response)
        except TenantctlError:
            raise
        except urllib3.exceptions.HTTPError as error:
            raise unavailable(self.where, str(self._configuration.host), error) from error

    def _headers(self, content: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "tenantctl"}
        if content:
            headers["Content-Type"] = content
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers


def _give_back(response: Any) -> None:
    """Return a connection that was read to its end; close any other, for what follows in it is not the next answer."""
    if response.closed or response.isclosed():
        response.release_conn()
    else:
        response.close()


class NoCluster(Kube):
    """A cluster that cannot even be addressed: every call says why, so its region counts as silent, not as empty."""

    def __init__(self, why: str) -> None:
        self.context = None
        self._why = why

    def close(self) -> None:
        """Nothing is open."""

    @contextlib.contextmanager
    def _open(self, *_: Any, **__: Any) -> Iterator[Any]:
        raise Unavailable(self._why)
        yield
