"""A repository that asks for a login, over https and over ssh, in a cluster as users have it; merges told by webhook.

The interval is an hour: what is seen sooner was told.
"""

import base64
import hashlib
import hmac
import json
import secrets
import ssl
from collections.abc import Iterator

import pytest

from reconciler.adapters.kube.resources import PODS, SECRETS
from tests import gitserver, sshserver
from tests.cluster.certificates import Authority
from tests.e2e.conftest import install
from tests.e2e.fleet import REGION, Fleet
from tests.e2e.lab import CONTROL
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.cluster

TOKEN, WEBHOOK_SECRET = secrets.token_hex(20), secrets.token_hex(20)
SECRET = "tenantctl-reconciler"
HOOK = f"/api/v1/namespaces/{CONTROL}/services/tenantctl-webhook:webhook/proxy/webhook"


@pytest.fixture(scope="module")
def reachable(own_fleet: Fleet) -> Iterator[Fleet]:
    """A fleet whose cluster's pods reach this machine; afterwards the cluster is as other tests want it."""
    if not own_fleet.lab.cluster.host:
        pytest.skip("pods of this cluster cannot reach this machine")
    yield own_fleet
    own_fleet.lab.kube.delete(SECRETS, CONTROL, SECRET)
    install(own_fleet.lab.cluster)
    own_fleet.lab.await_uninstalled()


def deploy(fleet: Fleet, url: str, **credentials: str) -> None:
    """Install a controller for a URL, and wait until it has read the repository there."""
    fleet.lab.kube.delete(SECRETS, CONTROL, SECRET)
    data = {name: base64.b64encode(text.encode()).decode() for name, text in credentials.items()}
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "data": data}
    fleet.lab.kube.create(SECRETS, CONTROL, made)
    place = ("--repository", url, "--interval", "3600", "--region", REGION, "--webhook")
    fleet.tenantctl("install", "--image", fleet.lab.cluster.image, *place)


def push_event(fleet: Fleet, secret: str = WEBHOOK_SECRET) -> int:
    """What the receiver answers to GitHub's way of telling of a push to main."""
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    kube = fleet.lab.kube
    said = {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push", "Content-Type": "application/json"}
    answer = kube._pool.request(
        "POST", f"{kube._configuration.host}{HOOK}", body=body, headers=kube._headers(None) | said
    )
    return int(answer.status)


def log(fleet: Fleet) -> str:
    """What the controller wrote."""
    (pod,) = fleet.lab.kube.list(PODS, CONTROL, labelSelector="app.kubernetes.io/component=reconciler")
    return fleet.lab.log(pod, "reconciler")


def test_over_https_with_a_token(reachable: Fleet) -> None:
    fleet, folder = reachable, reachable.repository.folder
    host, private = str(fleet.lab.cluster.host), folder.parent
    authority = Authority(private / "authority")
    pair = authority.issue("server", "git", hosts=[host])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    with gitserver.serving(folder.parent, host, tls=tls, login=f"x-access-token:{TOKEN}") as server:
        url = server.url(f"{folder.name}/.git")
        trust = {"ca.crt": authority.certificate.read_text()}
        deploy(fleet, url, token=TOKEN, **trust, **{"webhook-secret": WEBHOOK_SECRET})
        key = fleet.declare("https")
        asked = len(server.requests)
        # The pod is Ready a moment before the Service leads to it.
        forged = lambda: push_event(fleet, "a forged secret, of some length") == 401  # noqa: E731
        eventually(forged, "the webhook to refuse what is forged")
        assert push_event(fleet) == 202
        eventually(lambda: fleet.lab.record(key), "the merge to be read")
        assert len(server.requests) > asked
        checked = fleet.tenantctl("check", code=None).stdout
    assert "webhooks are received (Service tenantctl/tenantctl-webhook)" in checked
    logged = log(fleet)
    assert "webhook heard" in logged
    assert TOKEN not in logged
    assert WEBHOOK_SECRET not in logged


def test_over_ssh_with_a_key(reachable: Fleet) -> None:
    fleet, folder = reachable, reachable.repository.folder
    with sshserver.serving(folder.parent / "ssh", str(fleet.lab.cluster.host)) as server:
        login = {"ssh-privatekey": server.key.read_text(), "known_hosts": server.known_hosts}
        deploy(fleet, server.url(folder), **login, **{"webhook-secret": WEBHOOK_SECRET})
        key = fleet.declare("ssh")
        eventually(lambda: push_event(fleet) == 202, "the webhook to answer")
        eventually(lambda: fleet.lab.record(key), "the merge to be read")
