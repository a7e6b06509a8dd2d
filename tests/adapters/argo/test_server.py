"""Argo Server through the published client: against a server that answers as Argo does, and against Argo's own."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from reconciler.adapters.argo import ArgoServer
from reconciler.core.errors import NotAllowed, NotFound, TenantctlError, Unavailable


@pytest.fixture
def answer():
    """A server with one answer; returns its URL, and what it was asked."""
    servers = []

    def start(status, body):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                asked.append((self.command, self.path, self.headers.get("Authorization"), self.rfile.read(length)))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


VERSION = dict.fromkeys(
    ("version", "buildDate", "compiler", "gitCommit", "gitTag", "gitTreeState", "goVersion", "platform"), "v3.7.18"
)


def test_version_with_a_token(answer):
    url, asked = answer(200, VERSION | {"anythingNew": {"x": 1}})
    server = ArgoServer(url, "t")
    assert server.version() == "v3.7.18"
    server.close()
    assert asked[0][:3] == ("GET", "/api/v1/version", "Bearer t")


def test_lint_sends_the_template_as_it_is(answer):
    url, asked = answer(200, {"metadata": {}, "spec": {}})
    template = {"metadata": {"name": "x"}, "spec": {"fieldOfTomorrow": [1]}}
    server = ArgoServer(url)
    server.lint(template)
    server.close()
    assert json.loads(asked[0][3]) == {"template": template}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAllowed), (403, NotAllowed), (404, NotFound), (500, TenantctlError), (503, Unavailable)],
)
def test_errors_are_the_projects_own(answer, status, kind):
    url, _ = answer(status, {"code": 2, "message": "templates.x is wrong"})
    server = ArgoServer(url)
    with pytest.raises(kind, match=r"templates\.x is wrong"):
        server.lint({})
    server.close()


def test_somebody_else(answer):
    url, _ = answer(200, {})
    server = ArgoServer(url)
    with pytest.raises(TenantctlError, match="no answer of an Argo Server"):
        server.version()
    server.close()


def test_nobody_there():
    server = ArgoServer("http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="no answer"):
        server.version()
    server.close()
