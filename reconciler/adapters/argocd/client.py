"""One Argo CD through its REST API: raw JSON in, raw JSON out.

The type of what is raised is the retry policy: `Unavailable` (no answer, or one of a proxy) is worth waiting for,
`Conflict` means look again, `NotAllowed` needs somebody to give a right, anything else is Argo CD's own refusal.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.adapters.argocd.errors import failure, unavailable
from reconciler.core.errors import NotFound, UsageError

Json = dict[str, Any]

CONNECT_SECONDS = 5
READ_SECONDS = 60  # Argo CD renders manifests before it accepts an application
TOKEN, AUTHORITY = "token", "ca.crt"
APPLICATIONS = "/api/v1/applications"


class ArgoCD:
    """Argo CD by its URL; close it when done. `authority`: the certificate to trust, if not a public one."""

    def __init__(self, url: str, token: str, authority: str = "") -> None:
        import ssl

        import urllib3

        context = ssl.create_default_context(cadata=authority or None)
        self.url = url.rstrip("/")
        self._token = token
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, maxsize=4)

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def version(self) -> str:
        """Such as `v3.2.6`."""
        return str(self._ask("GET", "/api/version")["Version"])

    def settings(self) -> Json:
        """The settings that it shows to everybody, with more of them for those who are logged in."""
        return self._ask("GET", "/api/v1/settings")

    def find(self, project: str, name: str) -> Json | None:
        """An application of the project, or None where Argo CD says that there is none; any other trouble raises."""
        try:
            return self._ask("GET", _path(name), {"project": project})
        except NotFound:
            return None

    def select(self, project: str, marks: Mapping[str, str]) -> list[Json]:
        """The applications of the project that carry these labels."""
        selector = ",".join(f"{name}={value}" for name, value in marks.items())
        return list(self._ask("GET", APPLICATIONS, {"projects": project, "selector": selector}).get("items") or ())

    def create(self, application: Json) -> Json:
        """Create an application. Raises AlreadyExists where one of that name, in whichever project, says otherwise."""
        return self._ask("POST", APPLICATIONS, None, application)

    def replace(self, project: str, application: Json) -> Json:
        """Replace specification, labels, annotations and finalizers of an application that is in the project."""
        return self._ask("PUT", _path(application["metadata"]["name"]), {"project": project}, application)

    def sync(self, project: str, name: str, mark: tuple[str, str]) -> Json:
        """Ask for a sync that prunes and carries `mark`, a name and a value. Raises Conflict while another one runs."""
        info = [{"name": mark[0], "value": mark[1]}]
        body = {"name": name, "project": project, "prune": True, "infos": info}
        return self._ask("POST", _path(name, "/sync"), None, body)

    def terminate(self, project: str, name: str) -> None:
        """End the operation that is in progress. Raises NotFound where there is none."""
        self._ask("DELETE", _path(name, "/operation"), {"project": project})

    def delete(self, project: str, name: str) -> bool:
        """Begin to delete an application and everything that it deployed; it goes last. False: there is none."""
        query = {"project": project, "cascade": "true", "propagationPolicy": "foreground"}
        try:
            self._ask("DELETE", _path(name), query)
        except NotFound:
            return False
        return True

    def _ask(self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None) -> Json:
        import urllib3

        url = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "tenantctl"}
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            answer = self._pool.request(
                method, url, body=None if body is None else json.dumps(body).encode(),
                headers=headers | {"Authorization": f"Bearer {self._token}"}, timeout=timeout, redirect=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            raise unavailable(self.url, error) from error
        if answer.status >= 300:
            raise failure(f"{self.url}: {method} {path}", answer.status, answer.data)
        return _read(self.url, answer.data)


def _path(name: str, rest: str = "") -> str:
    return f"{APPLICATIONS}/{quote(name, safe='')}{rest}"


def _read(url: str, data: bytes) -> Json:
    try:
        found = json.loads(data or b"{}")
    except ValueError as error:
        raise unavailable(url, error) from error
    if not isinstance(found, dict):
        raise unavailable(url, ValueError("no JSON object"))
    return found


def checked(url: str, token: str, authority: str) -> ArgoCD:
    """The client that these make. Raises UsageError where they cannot make one."""
    import ssl

    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("Argo CD's token is none: one line of letters, digits and dots is expected")
    try:
        return ArgoCD(url, token, authority)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(f"the certificate of Argo CD's signer is none (PEM is expected): {error}") from error


def connect(url: str, folder: str) -> ArgoCD:
    """The client with the token, and the certificate if any, in the files of a folder. Raises UsageError."""
    authority = Path(folder) / AUTHORITY
    try:
        token = (Path(folder) / TOKEN).read_text("utf-8")
        trusted = authority.read_text("utf-8") if authority.exists() else ""
    except (OSError, ValueError) as error:
        raise UsageError(f"Argo CD's token cannot be read ({Path(folder) / TOKEN}): {error}") from error
    return checked(url, token, trusted)
