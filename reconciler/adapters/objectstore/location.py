"""Where archives are: a URL without any secret, and credentials from a file beside it. Pure.

    s3://BUCKET/PREFIX?region=eu-west-1&endpoint=https://minio.example.com
    gs://BUCKET/PREFIX
    az://CONTAINER/PREFIX?account_name=ACCOUNT

Credentials are lines `NAME=value` with the names of the environment variables that the clouds' own tools read, or, for
Google, the JSON key of a service account. Without any, the client finds what its pod was given (workload identity).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from reconciler.core.errors import UsageError

EXAMPLE = "s3://BUCKET/PREFIX?region=REGION, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX?account_name=ACCOUNT"
TEXT = re.compile(r"[!-~]+")  # the library's parser would drop line breaks and go on
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
VALUE = re.compile(r"[A-Za-z0-9._:/\[\]-]+")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Scheme(StrEnum):
    """Which kind of object store."""

    S3 = "s3"
    GCS = "gs"
    AZURE = "az"

    @property
    def options(self) -> frozenset[str]:
        """What a URL may say about it; nothing of this is secret."""
        return {
            Scheme.S3: frozenset({"region", "endpoint", "virtual_hosted_style_request"}),
            Scheme.GCS: frozenset({"base_url"}),
            Scheme.AZURE: frozenset({"account_name", "endpoint"}),
        }[self]


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket (Azure: a container) and the prefix of all keys in it; `text` is the URL that was read."""

    text: str
    scheme: Scheme
    bucket: str
    prefix: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """What to call it in messages."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def plain_http(self) -> bool:
        """Whether an endpoint without TLS was named."""
        return any(value.startswith("http://") for value in self.options.values())


def read_location(text: str) -> Location:
    """Read the URL. Raises UsageError with what to write instead; the message never repeats a password."""
    try:
        parts = urlsplit(text if TEXT.fullmatch(text) else "")
        scheme = Scheme(parts.scheme)
        plain = parts.hostname is not None and parts.port is None
    except ValueError as error:
        raise UsageError(f"the URL of archives is none that is known; write {EXAMPLE}") from error
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise UsageError("the URL of archives holds no credentials; they come from a file (docs/operations.md)")
    bucket, prefix = parts.netloc, parts.path.strip("/")
    if not plain or not BUCKET.fullmatch(bucket) or (prefix and not PREFIX.fullmatch(prefix)):
        raise UsageError(f"the URL of archives needs a bucket, and a prefix of plain words; write {EXAMPLE}")
    return Location(text, scheme, bucket, prefix, _options(scheme, parts.query))


def _options(scheme: Scheme, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - scheme.options)
    if unknown:
        known = ", ".join(sorted(scheme.options))
        raise UsageError(
            f"the URL of archives: '{unknown[0]}' is not known for {scheme}://; known are {known} (credentials come"
            " from a file)"
        )
    wrong = [name for name, value in options.items() if not VALUE.fullmatch(value)]
    if wrong:
        raise UsageError(f"the URL of archives: the value of '{wrong[0]}' is empty or has characters that none has")
    return options


def read_credentials(scheme: Scheme, text: str) -> dict[str, str]:
    """The client's settings from a credentials file. Raises UsageError naming the line, never what it holds."""
    if not text.strip():
        return {}
    if text.lstrip().startswith("{"):
        return {"service_account_key": _google_key(scheme, text)}
    return dict(_lines(text))


def _google_key(scheme: Scheme, text: str) -> str:
    try:
        known = isinstance(json.loads(text).get("private_key"), str)
    except (ValueError, AttributeError):
        known = False
    if scheme is not Scheme.GCS or not known:
        raise UsageError("credentials: JSON is the key of a Google service account, for gs:// only")
    return text


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith(("#", ";")) or words == "[default]":
            continue
        name, separator, value = words.removeprefix("export ").partition("=")
        if not separator or not NAME.fullmatch(name.strip()) or not value.strip():
            raise UsageError(f"credentials, line {number}: write NAME=value, for example AWS_ACCESS_KEY_ID=…")
        yield name.strip().lower(), value.strip().strip("\"'")
