"""Outages begin and end with their block."""

import secrets
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from tests.cluster import cluster, outage
from tests.cluster.kubectl import kubectl

pytestmark = pytest.mark.cluster


def test_a_silent_cluster_is_there_again_afterwards(running):
    where = urlsplit(running.api)
    with outage.silent(running), pytest.raises(OSError, match=r"unreachable|No route"):
        socket.create_connection((where.hostname, where.port), 3)
    assert cluster.node_ready(running.name)


def test_what_pods_cannot_reach_others_can(running, store):
    with outage.without(running, urlsplit(store.endpoint).hostname):
        assert _in_a_pod(running, store) != "0"
        urllib.request.urlopen(f"{store.endpoint}/health", timeout=3).close()
    assert _in_a_pod(running, store) == "0"


def _in_a_pod(running, store):
    """The exit code of asking the object store; from the log, since a pod may be over before anybody attaches."""
    name = f"e2e-outage-{secrets.token_hex(4)}"
    ask = f"wget -q -O - {store.endpoint}/health >/dev/null 2>&1; echo $?"
    kubectl(running, "run", name, f"--image={running.busybox}", "--restart=Never", "--command", "--", "sh", "-c", ask)
    kubectl(running, "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    try:
        return kubectl(running, "logs", name).split()[-1]
    finally:
        kubectl(running, "delete", "pod", name, "--wait=false")
