"""The client against an HTTP server that answers what a real Argo CD cannot be made to; that is in tests/e2e."""

import http.server
import json
import threading

import pytest

from reconciler.adapters.argocd import ArgoCD, checked, connect
from reconciler.core.errors import (
    AlreadyExists,
    Conflict,
    NotAllowed,
    NotFound,
    TenantctlError,
    Unavailable,
    Unprocessable,
    UsageError,
)


class Answers(http.server.BaseHTTPRequestHandler):
    status, body = 200, b"{}"
    seen: list

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        type(self).seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    class Own(Answers):
        pass

    Own.seen = []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield Own, f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def client(server):
    made = ArgoCD(server[1], "secret-token")
    yield made
    made.close()


def said(message, code=7):
    return json.dumps({"error": message, "code": code, "message": message}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, said("app path does not exist", 3), Unprocessable, "400: app path does not exist"),
        (401, said("invalid session", 16), NotAllowed, "invalid session"),
        (403, said("permission denied"), NotAllowed, "permission denied"),
        (403, b"<html>a proxy</html>", NotAllowed, "no answer of Argo CD"),
        (404, said("not found", 5), NotFound, "not found"),
        (404, b"404 page not found", Unavailable, "no answer of Argo CD"),
        (429, said("slow down", 8), Unavailable, "slow down"),
        (500, said("error creating application: admission webhook", 2), TenantctlError, "admission webhook"),
        (500, b"oops", Unavailable, "no answer of Argo CD"),
        (502, b"bad gateway", Unavailable, "bad gateway"),
        (503, said("no connection", 14), Unavailable, "no connection"),
        (400, said("another operation is already in progress", 9), Conflict, "already in progress"),
        (400, said("existing application spec is different, use upsert flag", 3), AlreadyExists, "is different"),
        (302, b"login", Unavailable, "302"),
    ],
)
def test_the_type_of_an_error_is_its_retry_policy(server, client, status, body, kind, words):
    server[0].status, server[0].body = status, body
    with pytest.raises(kind) as raised:
        client.create({"metadata": {"name": "a"}})
    assert type(raised.value) is kind
    assert words in str(raised.value)
    assert "secret-token" not in str(raised.value)


def test_a_missing_application_is_not_an_unanswered_question(server, client):
    server[0].status, server[0].body = 404, said("not found", 5)
    assert client.find("tenants", "a") is None
    assert client.delete("tenants", "a") is False
    server[0].status, server[0].body = 403, said("permission denied")
    with pytest.raises(NotAllowed):
        client.find("tenants", "a")


@pytest.mark.parametrize("body", [b"not json", b"[]"])
def test_an_answer_that_is_none_of_argo_cd_is_no_answer(server, client, body):
    server[0].body = body
    with pytest.raises(Unavailable, match="does not answer"):
        client.find("tenants", "a")


def test_names_cannot_leave_their_place_in_the_path(server, client):
    client.find("tenants", "../../projects/x?y")
    _, path, headers, _ = server[0].seen[-1]
    assert path == "/api/v1/applications/..%2F..%2Fprojects%2Fx%3Fy?project=tenants"
    assert headers["Authorization"] == "Bearer secret-token"


def test_applications_are_selected_by_project_and_labels(server, client):
    server[0].body = json.dumps({"items": [{"metadata": {"name": "a"}}]}).encode()
    assert [item["metadata"]["name"] for item in client.select("tenants", {"tenant": "acme", "env": "p"})] == ["a"]
    assert server[0].seen[-1][1] == "/api/v1/applications?projects=tenants&selector=tenant%3Dacme%2Cenv%3Dp"
    server[0].body = b'{"items": null}'
    assert client.select("tenants", {}) == []


def test_a_sync_prunes_and_carries_its_mark(server, client):
    client.sync("tenants", "a", ("tenantctl", "run-1"))
    method, path, _, body = server[0].seen[-1]
    assert (method, path) == ("POST", "/api/v1/applications/a/sync")
    sent = json.loads(body)
    assert sent["infos"] == [{"name": "tenantctl", "value": "run-1"}]
    assert (sent["prune"], sent["project"]) == (True, "tenants")


def test_nobody_listens():
    with pytest.raises(Unavailable, match=r"^Argo CD at http://127\.0\.0\.1:9 does not answer: Connection refused$"):
        ArgoCD("http://127.0.0.1:9", "t").version()


def test_credentials_are_read_from_files(server, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    server[0].body = b'{"Version": "v3.2.6"}'
    assert connect(server[1], str(tmp_path)).version() == "v3.2.6"
    assert server[0].seen[-1][2]["Authorization"] == "Bearer from-file"


@pytest.mark.parametrize("token", ["", "\n", "two words", "two\nlines", "café"])
def test_what_is_no_token(token):
    with pytest.raises(UsageError, match="token"):
        checked("https://argocd.example.com", token, "")


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read \(.*token\)"):
        connect("https://argocd.example.com", str(tmp_path))
    with pytest.raises(UsageError, match="certificate"):
        checked("https://argocd.example.com", "token", "no certificate")
