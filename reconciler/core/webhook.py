"""A request of a webhook: whether it comes from somebody who knows the secret, and whether it is worth a look.

It is a hint and nothing more: what it says is never believed, only compared with the reference that is reconciled; what
is there is read from the repository itself. So a request that is sent again by somebody else costs a look, at most.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

BODY_MAX = 1024 * 1024
SECRET_MIN = 16
PUSHES = frozenset({"push", "Push Hook", "Tag Push Hook", "System Hook"})
FORM = "application/x-www-form-urlencoded"  # what GitHub sends unless told otherwise
PLAIN_NAME = re.compile(r"(?![0-9a-f]{7,64}$)[\w./+-]+")
FULL_NAME = re.compile(r"refs/(?:heads|tags)/(.+)", re.DOTALL)


class Hint(StrEnum):
    """What a request came to; the value is told in the answer, the log and the metric."""

    LOOK = "look"
    OTHER_EVENT = "other event"
    OTHER_REFERENCE = "other reference"
    MALFORMED = "malformed"


def genuine(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether who sent a request knows the secret. Names of headers are in small letters.

    GitHub (Gitea, Forgejo) signs the body: `X-Hub-Signature-256: sha256=<HMAC>`; an older signature by SHA-1 alone is
    none. GitLab sends the secret itself as `X-Gitlab-Token`. Compared in constant time; the body is not looked into.
    """
    signature, token = headers.get("x-hub-signature-256"), headers.get("x-gitlab-token")
    key = secret.encode()
    if len(key) < SECRET_MIN:
        return False
    if signature is not None:
        expected = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))
    return token is not None and hmac.compare_digest(key, token.encode("latin-1", "replace"))


def hint(headers: Mapping[str, str], body: bytes, reference: str) -> Hint:
    """What a genuine request is worth, where `reference` is reconciled."""
    if headers.get("x-github-event", headers.get("x-gitlab-event", "")) not in PUSHES:
        return Hint.OTHER_EVENT
    payload = _payload(headers.get("content-type", ""), body)
    pushed = payload.get("ref") if payload is not None else None
    if payload is None or not isinstance(pushed, str | None):
        return Hint.MALFORMED
    if pushed is None:  # GitLab's system hooks tell of much more than pushes, by the same header
        return Hint.OTHER_EVENT
    return Hint.LOOK if _concerns(pushed, reference, _default_branch(payload)) else Hint.OTHER_REFERENCE


def _payload(kind: str, body: bytes) -> Mapping[str, Any] | None:
    try:
        text = body.decode()
        if kind.partition(";")[0].strip().lower() == FORM:
            (text,) = parse_qs(text, strict_parsing=True, max_num_fields=10)["payload"]
        value = json.loads(text)
    except (ValueError, KeyError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _default_branch(payload: Mapping[str, Any]) -> object:
    described = payload.get("repository"), payload.get("project")
    return next(
        (item["default_branch"] for item in described if isinstance(item, dict) and "default_branch" in item), ""
    )


def _concerns(pushed: str, reference: str, default_branch: object) -> bool:
    """Whether a push may change what a reference names; where that cannot be told, it may."""
    full = FULL_NAME.fullmatch(pushed)
    if not full or not PLAIN_NAME.fullmatch(reference):
        return True
    if reference == "HEAD":
        return pushed.startswith("refs/heads/") and default_branch in ("", full[1])
    return reference in (pushed, pushed.removeprefix("refs/"), full[1])
