"""A stand-in for an API server, over real HTTP, for what a real one cannot be made to do: 410, broken streams, 429.

`script` is a list of answers, one per request: a status and a body; a list body is a stream of watch events.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kubernetes.client import ApiClient, Configuration

from reconciler.adapters.kube.client import Kube


@contextmanager
def api_server(script: list[tuple[int, Any]]) -> Iterator[tuple[Kube, list[str]]]:
    """Serve the script; yields a client and the paths that were asked for. After the script, requests get a 503."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script, asked))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_address[1]}"
    kube = Kube(ApiClient(configuration).rest_client.pool_manager, configuration, "stand-in")
    try:
        yield kube, asked
    finally:
        kube.close()
        server.shutdown()
        server.server_close()


def _handler(script: list[tuple[int, Any]], asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = script.pop(0) if script else (503, {"reason": "ServiceUnavailable", "message": "the end"})
            if isinstance(body, list):
                self.stream(body)
                return
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def stream(self, events: list[Any]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in events:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
