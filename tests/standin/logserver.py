"""The kubelet's HTTPS server, as far as `pods/log` needs it: the API server asks it for containers' logs."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cluster.certificates import Pair

from .output import Output

PORT = 10250
Find = Callable[[str, str, str, bool], Output | None]


class LogServer(ThreadingHTTPServer):
    """Serves `/containerLogs/NAMESPACE/POD/CONTAINER` to the API server's own certificate."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, pair: Pair, authority: str, find: Find) -> None:
        self.find = find
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pair.certificate, pair.key)
        self._tls.load_verify_locations(authority)
        self._tls.verify_mode = ssl.CERT_REQUIRED
        super().__init__((address, PORT), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        """A connection; its handshake is made in its own thread."""
        connection, address = self.socket.accept()
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away is none."""

    def serve(self) -> None:
        """In a thread of its own."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LogServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        words = url.path.strip("/").split("/")
        previous = query.get("previous") == "true"
        found = self.server.find(words[1], words[2], words[3], previous) if len(words) == 4 else None
        if found is None:
            self._refuse(f"container {words[-1]!r} in pod {words[-2]!r} is not available")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in _printed(found, query):
            self._chunk(data)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _refuse(self, text: str) -> None:
        data = text.encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Requests are not logged."""


def _printed(output: Output, query: dict[str, str]) -> Iterator[bytes]:
    tail = int(query["tailLines"]) if "tailLines" in query else None
    stamped = query.get("timestamps") == "true"
    for stamp, line in output.read(follow=query.get("follow") == "true", since=query.get("sinceTime", ""), tail=tail):
        if line:
            yield stamp.encode() + b" " + line if stamped else line
