"""Outages begin and end with their block."""

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
    """The exit code of asking the object store."""
    words = ["run", "e2e-outage", f"--image={running.busybox}", "--restart=Never", "--rm", "--attach", "--quiet"]
    ask = f"wget -q -T 3 -O /dev/null {store.endpoint}/health; echo $?"
    return kubectl(running, *words, "--command", "--", "sh", "-c", ask).split()[-1]
