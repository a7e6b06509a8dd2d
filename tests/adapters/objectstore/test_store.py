"""Signed URLs of all three clouds, without any cloud; and everything else against the local S3 server."""

import base64
import json
import secrets
import socket
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.adapters.objectstore import ObjectStore, connect, read_location
from reconciler.core.archive import Stored
from reconciler.core.errors import NotAllowed, TenantctlError, Unavailable, UsageError
from tests.cluster.conftest import send

QUARTER = timedelta(minutes=15)
KEYS = {"aws_access_key_id": "AK", "aws_secret_access_key": "S3CRET"}


def google_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    names = {"private_key": pem.decode(), "private_key_id": "1", "client_email": "a@b.iam.gserviceaccount.com"}
    return json.dumps(names | {"type": "service_account", "client_id": "1"})


@pytest.mark.parametrize(
    ("url", "credentials", "host", "path", "lifetime"),
    [
        (
            "s3://box/p?region=eu-west-1",
            lambda: KEYS,
            "s3.eu-west-1.amazonaws.com",
            "/box/p/x/y",
            ("X-Amz-Expires", "900"),
        ),
        (
            "s3://box?region=r&endpoint=http://127.0.0.1:9",
            lambda: KEYS,
            "127.0.0.1:9",
            "/box/x/y",
            ("X-Amz-Expires", "900"),
        ),
        (
            "gs://box/p",
            lambda: {"service_account_key": google_key()},
            "storage.googleapis.com",
            "/box/p/x/y",
            ("X-Goog-Expires", "900"),
        ),
        (
            "az://can/p?account_name=acme",
            lambda: {"azure_storage_account_key": base64.b64encode(b"k" * 32).decode()},
            "acme.blob.core.windows.net",
            "/can/p/x/y",
            ("sp", "w"),
        ),
    ],
)
def test_urls_are_signed_without_asking_anybody(url, credentials, host, path, lifetime):
    store = connect(read_location(url), credentials())
    (signed,) = store.sign("PUT", ["x/y"], QUARTER)
    parts = urlsplit(signed)
    assert (parts.netloc, parts.path) == (host, path)
    assert parse_qs(parts.query)[lifetime[0]] == [lifetime[1]]
    assert "S3CRET" not in signed
    assert store.sign("GET", [], QUARTER) == []


def test_no_signature_is_longer_than_a_cloud_allows():
    (signed,) = connect(read_location("s3://box?region=r"), KEYS).sign("PUT", ["x"], timedelta(days=30))
    assert parse_qs(urlsplit(signed).query)["X-Amz-Expires"] == [str(7 * 86400)]


@pytest.mark.parametrize(
    ("url", "credentials", "said"),
    [
        ("s3://box?region=r", {"aws_acces_key": "S3CRET"}, "'aws_acces_key' is not valid"),
        ("gs://box", {"service_account_key": '{"private_key": "S3CRET"}'}, "cannot be used"),
    ],
)
def test_settings_that_make_no_sense(url, credentials, said):
    with pytest.raises(UsageError) as caught:
        connect(read_location(url), credentials)
    assert said in str(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_a_store_that_does_not_answer_is_unavailable():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and nobody listens
        place = f"s3://box/p?region=r&endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
        store = connect(read_location(place), KEYS)
        for call in (lambda: store.list("x"), lambda: store.read("x/y", 10), lambda: store.write("x/y", b"1")):
            with pytest.raises(
                Unavailable, match=r"^object store s3://box/p: (list|GET|PUT) x(/y)?: it does not answer$"
            ):
                call()


@pytest.fixture
def own(store) -> ObjectStore:
    """The local S3 server, below a prefix of the test's own."""
    made = connect(location(store, f"e2e-{secrets.token_hex(4)}"), credentials(store))
    yield made
    import obstore

    for page in obstore.list(made._store, made._location.prefix):
        obstore.delete(made._store, [item["path"] for item in page])


def location(store, prefix):
    return read_location(f"s3://{store.bucket}/{prefix}?region={store.region}&endpoint={store.endpoint}")


def credentials(store):
    return {"aws_access_key_id": store.access_key, "aws_secret_access_key": store.secret_key}


@pytest.mark.cluster
def test_what_was_put_by_url_is_listed_and_read(own):
    put, get = own.sign("PUT", ["a/b/c"], QUARTER)[0], own.sign("GET", ["a/b/c"], QUARTER)[0]
    assert send("PUT", put, b"rows")[0] == 200
    own.write("a/b/d", b"more")
    found = own.list("a/b")
    assert found["a/b/c"] == Stored("a/b/c", 4, found["a/b/c"].etag)
    assert set(found) == {"a/b/c", "a/b/d"}
    assert '"' not in found["a/b/c"].etag
    assert own.read("a/b/c", 4) == b"rows"
    assert send("GET", get) == (200, b"rows")
    assert own.read("a/b/nothing", 4) is None
    assert own.list("a/nothing") == {}


@pytest.mark.cluster
def test_an_object_that_was_replaced_has_another_etag(own):
    own.write("a/b", b"rows")
    before = own.list("a")["a/b"]
    own.write("a/b", b"swor")
    after = own.list("a")["a/b"]
    assert before.size == after.size
    assert before.etag != after.etag


@pytest.mark.cluster
def test_a_folder_is_not_its_namesake(own):
    own.write("run-1/archive", b"1")
    own.write("run-10/archive", b"2")
    assert set(own.list("run-1")) == {"run-1/archive"}


@pytest.mark.cluster
def test_what_is_too_large_is_not_read(own):
    own.write("a", b"12345")
    with pytest.raises(TenantctlError, match="a has 5 bytes; at most 4 are read"):
        own.read("a", 4)


@pytest.mark.cluster
@pytest.mark.parametrize("call", ["list", "read", "write"])
def test_refusals_say_what_the_store_said_and_no_secret(store, call):
    place = location(store, "p")
    wrong = connect(place, credentials(store) | {"aws_secret_access_key": "S3CRET"})
    nowhere = connect(replace(place, bucket="no-such-bucket"), credentials(store))
    calls = {"list": lambda s: s.list("x"), "read": lambda s: s.read("x/y", 9), "write": lambda s: s.write("x/y", b"1")}
    with pytest.raises(NotAllowed) as refused:
        calls[call](wrong)
    assert str(refused.value).endswith("its credentials are refused (403 SignatureDoesNotMatch)")
    with pytest.raises(TenantctlError) as missing:
        calls[call](nowhere)
    assert not missing.value.transient
    assert str(missing.value).endswith("refused (404 NoSuchBucket)")
    for error in (refused, missing):
        assert "S3CRET" not in str(error.value)
        assert "Signature=" not in str(error.value)
        assert error.value.__cause__ is None
