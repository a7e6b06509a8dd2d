"""`/healthz`, `/readyz` and `/metrics`, for probes and Prometheus; nothing else is served here."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


class HealthServer:
    """A small HTTP server. `ready` returns what is missing, or an empty text."""

    def __init__(
        self,
        address: tuple[str, int],
        ready: Callable[[], str],
        registry: CollectorRegistry,
        collect: Callable[[], None],
    ) -> None:
        self._server = ThreadingHTTPServer(address, _handler(ready, registry, collect))
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port that it listens on; useful when asked for port 0."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self._server.shutdown()
        self._server.server_close()


def _handler(
    ready: Callable[[], str], registry: CollectorRegistry, collect: Callable[[], None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, b"ok\n")
            elif self.path == "/readyz":
                missing = ready()
                self._answer(503 if missing else 200, f"{missing or 'ok'}\n".encode())
            elif self.path == "/metrics":
                collect()
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            else:
                self._answer(404, b"not found\n")

        def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are no news."""

    return Handler
