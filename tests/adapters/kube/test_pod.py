"""A process in a pod: it reaches the API server with what every pod is given, and imports no client library for it."""

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.adapters.kube import Kube, connect, pod
from reconciler.adapters.kube.resources import NAMESPACES
from reconciler.core.errors import TenantctlError, UsageError
from tests.cluster.certificates import Authority


class Server(BaseHTTPRequestHandler):
    """Answers with the header that it was asked with."""

    def do_GET(self) -> None:
        body = json.dumps({"asked": self.headers.get("Authorization")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a pod's account, and a server with a certificate that its authority vouches for."""
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("server", "api", hosts=["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    (tmp_path / "ca.crt").write_text(authority.certificate.read_text())
    (tmp_path / "token").write_text("first\n")
    monkeypatch.setattr(pod.PodConfiguration.__init__, "__defaults__", (tmp_path,))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.server_address[1]))
    yield tmp_path
    server.shutdown()
    server.server_close()


def asked(kube: Kube) -> str:
    return str(kube.get(NAMESPACES, None, "x")["asked"])


def test_the_accounts_token_is_sent_and_read_anew_when_it_was_renewed(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube = connect()
    assert asked(kube) == "Bearer first"
    (account / "token").write_text("second")
    assert asked(kube) == "Bearer first", "the file is read once a minute"
    monkeypatch.setattr(pod, "FRESH", 0.0)
    assert asked(kube) == "Bearer second"
    kube.close()


def test_a_server_that_the_cluster_does_not_vouch_for_is_refused(account: Path, tmp_path: Path) -> None:
    (account / "ca.crt").write_text(Authority(tmp_path / "another").certificate.read_text())
    kube = connect()
    with pytest.raises(TenantctlError, match=r"certificate"):
        asked(kube)
    kube.close()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("token", None, "token: No such file or directory; does the pod mount its service account?"),
        ("token", " \n", "token is empty"),
        ("ca.crt", None, "ca.crt: No such file or directory; does the pod mount its service account?"),
    ],
)
def test_what_a_pod_lacks_is_named(account: Path, name: str, text: str | None, said: str) -> None:
    (account / name).unlink()
    if text is not None:
        (account / name).write_text(text)
    with pytest.raises(UsageError) as raised:
        connect()
    assert str(raised.value) == f"no cluster: {account}/{said}"


def test_a_port_that_is_missing_is_named(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "")
    with pytest.raises(UsageError, match="KUBERNETES_SERVICE_PORT"):
        connect()


def test_an_address_of_ipv6_is_bracketed(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert pod.PodConfiguration().host == "https://[fd00::1]:443"


def test_a_bridge_imports_no_client_library(account: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from reconciler.adapters.kube import Kube, connect, pod
from reconciler.adapters.kube.resources import NAMESPACES
import reconciler.bridge.__main__, reconciler.bridge.job, reconciler.bridge.discover
pod.PodConfiguration.__init__.__defaults__ = (Path({str(account)!r}),)
kube = connect()
kube.get(NAMESPACES, None, "x")
print([name for name in ("kubernetes", "requests", "oauthlib", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "[]"
