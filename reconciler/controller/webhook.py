"""The receiver of webhooks: HTTP for strangers, so everything is limited: size, time, and how many at once.

A request that is genuine becomes a hint to look, and is answered with 202 before anybody looked (`core.webhook` judges
it, the source looks). Served apart from health and metrics, which are not for the outside.
"""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from prometheus_client import Counter

from reconciler.core.errors import TenantctlError
from reconciler.core.webhook import BODY_MAX, SECRET_MIN, Hint, genuine, hint

PATH = "/webhook"
AT_ONCE = 16
SECONDS = 20.0  # for a whole request, however slowly it comes
DRAIN = 4 * BODY_MAX  # of what is refused: read and dropped, so that the sender gets to hear why
QUIET_SECONDS = 60.0  # between two lines of the log about refused requests

log = structlog.get_logger()

Answer = tuple[HTTPStatus, str, str]  # the last is the metric's label


class Receiver:
    """What a request comes to. `secret` may raise TenantctlError, and returns None where there is none."""

    def __init__(
        self, secret: Callable[[], str | None], reference: str, look: Callable[[], None], requests: Counter
    ) -> None:
        self._secret = secret
        self._reference = reference
        self._look = look
        self._requests = requests
        self._quiet_until = 0.0

    def missing(self) -> str:
        """Why nobody can be let in; empty when somebody can."""
        return self._known()[1]

    def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a request, after the hint that it may be was given."""
        secret, missing = self._known()
        if missing:
            return HTTPStatus.SERVICE_UNAVAILABLE, missing, "no secret"
        if not genuine(headers, body, secret):
            said = "the signature (X-Hub-Signature-256) or the token (X-Gitlab-Token) is missing or wrong"
            return HTTPStatus.UNAUTHORIZED, said, "refused"
        found = hint(headers, body, self._reference)
        if found is Hint.MALFORMED:
            return HTTPStatus.BAD_REQUEST, "the body is no push event in JSON", found.value
        if found is Hint.LOOK:
            self._look()
        return HTTPStatus.ACCEPTED, found.value, found.value

    def note(self, answer: Answer, peer: str) -> None:
        """Count an answer; log it, refusals from time to time only, since strangers decide how many there are."""
        status, said, label = answer
        self._requests.labels(label).inc()
        if status is HTTPStatus.ACCEPTED:
            log.info("webhook heard", result=label)
        elif time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("webhook refused", status=int(status), why=said, peer=peer)

    def _known(self) -> tuple[str, str]:
        """The secret, and why there is none."""
        try:
            secret = self._secret()
        except TenantctlError as error:
            return "", str(error)
        if secret is None:
            return "", "there is no webhook-secret"
        short = len(secret.encode()) < SECRET_MIN
        return secret, f"the webhook-secret has less than {SECRET_MIN} characters" if short else ""


class WebhookServer(ThreadingHTTPServer):
    """Serves a receiver at one address; `start` in a thread of its own, `stop` ends it."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self.receiver = receiver
        self._places = threading.Semaphore(AT_ONCE)
        super().__init__(address, _Handler)

    @property
    def port(self) -> int:
        """The port that it listens on; useful when asked for port 0."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Take a connection while there is a place; the others are closed, and their senders try again."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.receiver.note((HTTPStatus.SERVICE_UNAVAILABLE, "too many at once", "too many"), _peer(client_address))
            self.shutdown_request(request)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve one connection within its time."""
        assert isinstance(request, socket.socket)
        end = threading.Timer(SECONDS, _cut_off, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke, or was cut off, is no news; anything else is a mistake of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("webhook failed", peer=_peer(client_address))


class _Handler(BaseHTTPRequestHandler):
    server: WebhookServer
    server_version, sys_version = "tenantctl", ""

    def do_POST(self) -> None:
        if self._wrong_place():
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "say Content-Length", "malformed")
        elif int(length[:10]) > BODY_MAX or len(length) > 10:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {BODY_MAX} bytes are read", "too large")
        else:
            self._receive(self.rfile.read(int(length)), int(length))

    def do_GET(self) -> None:
        """For people and `tenantctl check`: is it here, and could it let anybody in."""
        if not self._wrong_place():
            missing = self.server.receiver.missing()
            status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
            self._answer(status, missing or "tenantctl listens here for webhooks: POST")

    def _wrong_place(self) -> bool:
        if self.path.partition("?")[0] == PATH:
            return False
        self._answer(HTTPStatus.NOT_FOUND, f"nothing is here; webhooks go to {PATH}")
        return True

    def _receive(self, body: bytes, length: int) -> None:
        if len(body) < length:
            return  # the sender left, or its time was over
        answer = self.server.receiver.receive({name.lower(): value for name, value in self.headers.items()}, body)
        self.server.receiver.note(answer, _peer(self.client_address))
        self._answer(answer[0], answer[1])

    def _refuse(self, status: HTTPStatus, said: str, label: str) -> None:
        self.server.receiver.note((status, said, label), _peer(self.client_address))
        self._answer(status, said)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            left = DRAIN
            while left > 0 and (chunk := self.rfile.read1(64 * 1024)):
                left -= len(chunk)

    def _answer(self, status: HTTPStatus, said: str) -> None:
        body = json.dumps({"message": said}).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no request, or has another method, in our own form and without a word of what was sent."""
        self._answer(HTTPStatus(code), HTTPStatus(code).phrase)

    def log_message(self, format: str, *args: object) -> None:
        """The receiver says what there is to say."""


def _cut_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _peer(address: object) -> str:
    return str(address[0]) if isinstance(address, tuple) else ""
