"""A real git server over HTTP: `git http-backend` behind Python's own web server. For the demo and for tests.

Reading only: without a login git's backend refuses pushes. `python -m tests.gitserver ROOT --host H --port P` serves
every repository under ROOT; `serving` does so within a test, over https and for one login where that is asked for.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

CHUNK_MAX = 64 * 1024 * 1024


class GitServer(ThreadingHTTPServer):
    """Serves the repositories under `root`; with a `login` (NAME:PASSWORD) to nobody else.

    `requests` are the paths that were asked for, `logins` what clients logged in with; `elsewhere` is where every
    request is sent to instead, if anywhere.
    """

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], root: Path, tls: ssl.SSLContext | None = None, login: str = ""
    ) -> None:
        super().__init__(address, Handler)
        self.root = root.resolve()
        self.scheme = "https" if tls else "http"
        self.login = login
        self.elsewhere = ""
        self.requests: list[str] = []
        self.logins: list[str] = []
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def url(self, repository: str) -> str:
        """The URL of a repository, for example `fleet.git`."""
        return f"{self.scheme}://{self.server_address[0]}:{self.server_port}/{repository}"


class Handler(BaseHTTPRequestHandler):
    """One request, handed to git's CGI program (git-http-backend(1))."""

    server: GitServer
    protocol_version = "HTTP/1.1"
    headers_passed: ClassVar[dict[str, str]] = {
        "Content-Type": "CONTENT_TYPE",
        "Content-Encoding": "HTTP_CONTENT_ENCODING",
        "Git-Protocol": "GIT_PROTOCOL",
    }

    def do_GET(self) -> None:
        """Answer what git asks first: which refs there are."""
        if self._admitted():
            self._answer(b"")

    def do_POST(self) -> None:
        """Answer what git asks then: objects."""
        body = self._body()
        if self._admitted():
            self._answer(body)

    def _admitted(self) -> bool:
        self.server.requests.append(self.path)
        if self.server.elsewhere:
            self._refuse(HTTPStatus.MOVED_PERMANENTLY, "Location", self.server.elsewhere + self.path)
            return False
        login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if login:
            self.server.logins.append(login)
        if self.server.login not in ("", login):
            self._refuse(HTTPStatus.UNAUTHORIZED, "WWW-Authenticate", 'Basic realm="fleet"')
            return False
        return True

    def _refuse(self, status: HTTPStatus, header: str, value: str) -> None:
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of what went well: a reconciler asks every few seconds."""
        if not str(int(code) if isinstance(code, HTTPStatus) else code).startswith(("2", "3")):
            super().log_request(code, size)

    def _answer(self, body: bytes) -> None:
        done = subprocess.run(["git", "http-backend"], input=body, env=self._environment(body), capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        if done.returncode or not fields:
            self.log_error("%s", done.stderr.decode(errors="replace").strip())
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in (fields | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _environment(self, body: bytes) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        passed = {name: self.headers[header] for header, name in self.headers_passed.items() if header in self.headers}
        return passed | {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": self.client_address[0],
        }

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return b"".join(self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        while size := min(int(self.rfile.readline().split(b";")[0], 16), CHUNK_MAX):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()


@contextlib.contextmanager
def serving(
    root: Path, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None, login: str = ""
) -> Iterator[GitServer]:
    """A server in a thread, for the time of the block."""
    with GitServer((host, port), root, tls, login) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main() -> int:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gitserver", description=__doc__)
    parser.add_argument("root", type=Path, help="the folder with the repositories")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with GitServer((arguments.host, arguments.port), arguments.root) as server:
        print(server.url(""), flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
