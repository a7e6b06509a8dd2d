"""Argo Events beside a local cluster: started once, found afterwards; its bus takes messages, and only from friends."""

import json
import ssl

import pytest

from tests.cluster import Cluster, argoevents, cluster
from tests.cluster.kubectl import kubectl

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def name(running: Cluster) -> str:
    argoevents.provide(running.name)
    return running.name


def test_it_is_started_once_and_the_cluster_stays_up(name: str) -> None:
    argoevents.provide(name, lambda line: pytest.fail(f"a second start: {line}"))
    assert cluster.find(name), "another one would be started in its place"


def test_its_bus_is_ready_and_speaks_tls(name: str, running: Cluster) -> None:
    words = ("get", "eventbus", "default", f"--namespace={argoevents.NAMESPACE}", "--output=json")
    config = json.loads(kubectl(running, *words))["status"]["config"]["jetstream"]
    assert config["url"] == argoevents.url(name)
    assert config["tls"]["caCertSecret"] == {"name": argoevents.TRUST, "key": "ca.crt"}


def test_it_takes_a_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    argoevents.publish(name, "tests.nobody", b"hello")
    assert not argoevents.subscribed(name, "tests.nobody")
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with pytest.raises(ssl.SSLCertVerificationError):
        argoevents.publish(name, "tests.nobody", b"to somebody else")
