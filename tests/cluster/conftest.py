"""What tests on a real cluster share: the cluster of the end-to-end tests, the object store, signed URLs."""

import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta

import obstore
import pytest
from obstore.store import S3Store

from reconciler.adapters.kube import Kube, connect
from tests import cluster
from tests.cluster import Cluster, objectstore
from tests.cluster.objectstore import ObjectStore
from tests.lanes import cluster_name

NAME = cluster_name()
Sign = Callable[[str, str], str]


@pytest.fixture(scope="session")
def running() -> Cluster:
    """The cluster of the end-to-end tests, without our own image."""
    if os.environ.get("CONTEXT"):
        pytest.skip("images and the object store are for local clusters")
    return cluster.up(NAME, with_image=False)


@pytest.fixture(scope="session")
def kube(running: Cluster) -> Iterator[Kube]:
    opened = connect(running.context, str(running.kubeconfig))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def store() -> ObjectStore:
    """It stays up, as the cluster does."""
    return objectstore.up()


@pytest.fixture(scope="session")
def client(store: ObjectStore) -> S3Store:
    return client_of(store)


def client_of(store: ObjectStore) -> S3Store:
    return S3Store(
        store.bucket,
        endpoint=store.endpoint,
        region=store.region,
        access_key_id=store.access_key,
        secret_access_key=store.secret_key,
        client_options={"allow_http": True},
    )


@pytest.fixture
def sign(client: S3Store) -> Iterator[Sign]:
    """Signs a method and a path; what the test stored under `e2e-…` goes at its end."""
    prefix = f"e2e-{secrets.token_hex(4)}"
    yield lambda method, path: obstore.sign(client, method, f"{prefix}/{path}", timedelta(minutes=15))
    for page in obstore.list(client, prefix):
        obstore.delete(client, [item["path"] for item in page])


def send(method, url, data=None):
    """Status and body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, method=method), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
