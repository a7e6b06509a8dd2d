"""Finding a cluster: what is said when there is none."""

import json
import ssl
from pathlib import Path

import pytest
import urllib3

from reconciler.adapters.kube.connect import connect
from reconciler.adapters.kube.errors import unavailable
from reconciler.core.errors import UsageError


def kubeconfig(path: Path, *names: str, current: str = "") -> str:
    contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names]
    clusters = [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}]
    document = {
        "current-context": current,
        "contexts": contexts,
        "clusters": clusters,
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config"} | document))
    return str(path)


@pytest.fixture(autouse=True)
def _nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


def said(context: str | None, location: str | None) -> str:
    with pytest.raises(UsageError) as raised:
        connect(context, location)
    return str(raised.value)


def test_no_kubeconfig_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(None, None) == "no kubeconfig: set KUBECONFIG or name one with --kubeconfig"
    assert said(None, "/nope") == "/nope: no such file (--kubeconfig)"
    monkeypatch.setenv("KUBECONFIG", "/nope")
    assert said(None, "/nope") == said("x", None) == "/nope: no such file (KUBECONFIG)"


def test_a_context_that_is_not_there_and_those_that_are(tmp_path: Path) -> None:
    location = kubeconfig(tmp_path / "k", "a", "b")
    assert said("nope", location) == f"no context 'nope' in {location}; it has: a, b"
    assert said(None, location) == f"{location} has no current context; say --context; it has: a, b"
    assert connect("b", location).where == "context b"


def test_the_current_context_of_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = kubeconfig(tmp_path / "1", "a"), kubeconfig(tmp_path / "2", "b", current="b")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:/nope")
    assert connect().where == "context b"


def test_a_file_that_is_no_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("a: [")
    assert said(None, str(tmp_path / "k")).startswith(f"{tmp_path}/k: no kubeconfig: while parsing")


def test_a_certificate_that_is_not_trusted_is_no_silence() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    error = unavailable("context x", "https://h:6443", urllib3.exceptions.SSLError(cause))
    expected = "no secure connection: its certificate is not trusted: self-signed certificate"
    assert str(error) == f"context x: https://h:6443: {expected}"


def test_a_name_that_leads_nowhere_and_a_server_that_hangs() -> None:
    timeout = unavailable("h", "h", urllib3.exceptions.ReadTimeoutError(None, "", "Read timed out."))  # type: ignore[arg-type]
    assert str(timeout) == "h does not answer: it went silent"
    reset = urllib3.exceptions.ProtocolError(
        "Connection aborted.", ConnectionResetError(104, "Connection reset by peer")
    )
    assert str(unavailable("h", "h", reset)) == "h does not answer: connection reset by peer"
