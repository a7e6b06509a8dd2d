"""Where archives are: what is accepted, what is refused with which words, and that no secret is ever repeated."""

import pytest

from reconciler.adapters.objectstore import read_credentials, read_location
from reconciler.adapters.objectstore.location import Scheme
from reconciler.core.errors import UsageError

GOOGLE = '{"type": "service_account", "private_key": "S3CRET"}'


@pytest.mark.parametrize(
    ("text", "scheme", "bucket", "prefix", "options"),
    [
        ("s3://archives", "s3", "archives", "", {}),
        ("s3://a-b.c/one/two/?region=eu-west-1", "s3", "a-b.c", "one/two", {"region": "eu-west-1"}),
        ("s3://box/p?endpoint=http://10.0.0.1:7070", "s3", "box", "p", {"endpoint": "http://10.0.0.1:7070"}),
        ("gs://My_Bucket/p", "gs", "My_Bucket", "p", {}),
        ("az://container/p?account_name=acme", "az", "container", "p", {"account_name": "acme"}),
    ],
)
def test_read(text, scheme, bucket, prefix, options):
    found = read_location(text)
    assert (found.scheme, found.bucket, found.prefix, found.options) == (scheme, bucket, prefix, options)
    assert found.where == f"{scheme}://{bucket}" + (f"/{prefix}" if prefix else "")
    assert found.plain_http is (options.get("endpoint", "").startswith("http://"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is none that is known; write s3://BUCKET"),
        ("archives", "is none that is known"),
        (" s3://box/p", "is none that is known"),
        ("s3://box/p\n", "is none that is known"),
        ("s3://bo\tx/p", "is none that is known"),
        ("ftp://b/p", "is none that is known"),
        ("s3://", "needs a bucket"),
        ("s3://box:99/p", "needs a bucket"),
        ("s3://box/../p", "needs a bucket"),
        ("s3://box/a//b", "needs a bucket"),
        ("s3://box/{{p}}", "needs a bucket"),
        ("s3://box/p?regoin=x", "'regoin' is not known for s3://; known are endpoint, region"),
        ("gs://box?region=x", "'region' is not known for gs://"),
        ("s3://box?region=", "the value of 'region' is empty"),
        ("s3://box?region={{x}}", "the value of 'region'"),
        ("s3://AKIA:S3CRET@box/p", "holds no credentials"),
        ("s3://box/p#S3CRET", "holds no credentials"),
        ("s3://box/p?secret_access_key=S3CRET", "'secret_access_key' is not known for s3://"),
        ("s3://[S3CRET/p", "is none that is known"),
    ],
)
def test_refused(text, said):
    with pytest.raises(UsageError) as caught:
        read_location(text)
    assert said in str(caught.value)
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "text", "found"),
    [
        ("s3", "", {}),
        ("s3", "  \n", {}),
        (
            "s3",
            "[default]\n# comment\n\naws_access_key_id = AK\nAWS_SECRET_ACCESS_KEY=a/b+c==\n",
            {"aws_access_key_id": "AK", "aws_secret_access_key": "a/b+c=="},
        ),
        ("az", 'export AZURE_STORAGE_ACCOUNT_KEY="k="', {"azure_storage_account_key": "k="}),
        ("gs", GOOGLE, {"service_account_key": GOOGLE}),
    ],
)
def test_credentials(scheme, text, found):
    assert read_credentials(Scheme(scheme), text) == found


@pytest.mark.parametrize(
    ("scheme", "text", "said"),
    [
        ("s3", "A=1\nS3CRET", "line 2: write NAME=value"),
        ("s3", "A=", "line 1: write NAME=value"),
        ("s3", "[production]\nA=S3CRET", "line 1: write NAME=value"),
        ("s3", GOOGLE, "JSON is the key of a Google service account, for gs:// only"),
        ("gs", '{"S3CRET": 1}', "JSON is the key of a Google service account"),
        ("gs", "{S3CRET", "JSON is the key of a Google service account"),
    ],
)
def test_credentials_that_are_none(scheme, text, said):
    with pytest.raises(UsageError) as caught:
        read_credentials(Scheme(scheme), text)
    assert said in str(caught.value)
    assert "S3CRET" not in str(caught.value)
