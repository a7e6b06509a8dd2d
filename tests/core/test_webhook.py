"""Which requests are genuine, and which are worth a look."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.webhook import Hint, genuine, hint

SECRET = "a secret of some length"
BODY = b'{"ref": "refs/heads/main"}'
PUSH = {"x-github-event": "push", "content-type": "application/json"}


def signed(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_the_signature_is_the_one_that_github_documents() -> None:
    """docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation"."""
    said = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert genuine({"x-hub-signature-256": said}, b"Hello, World!", "It's a Secret to Everybody")


@pytest.mark.parametrize("headers", [signed(), {"x-gitlab-token": SECRET}], ids=["GitHub", "GitLab"])
def test_who_knows_the_secret_is_let_in(headers: dict[str, str]) -> None:
    assert genuine(headers, BODY, SECRET)


def test_a_token_may_have_any_letters() -> None:
    secret = "gehëim, schlüssel"  # as the bytes of UTF-8 come through a header
    assert genuine({"x-gitlab-token": secret.encode().decode("latin-1")}, BODY, secret)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(secret=SECRET + "!"),
        signed(BODY + b" "),
        {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()},
        {"x-hub-signature-256": signed()["x-hub-signature-256"].removeprefix("sha256=")},
        {"x-hub-signature-256": signed()["x-hub-signature-256"].upper()},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=ü\udcff"},
        {"x-gitlab-token": ""},
        {"x-gitlab-token": SECRET[:-1]},
        {"x-gitlab-token": SECRET + " "},
        {"x-hub-signature-256": "sha256=0", "x-gitlab-token": SECRET},
        {"authorization": f"Bearer {SECRET}"},
    ],
)
def test_who_does_not_is_not(headers: dict[str, str]) -> None:
    assert not genuine(headers, BODY, SECRET)


@pytest.mark.parametrize("secret", ["", "short", "x" * 15])
def test_a_secret_that_can_be_guessed_lets_nobody_in(secret: str) -> None:
    assert not genuine(signed(secret=secret), BODY, secret)
    assert not genuine({"x-gitlab-token": secret}, BODY, secret)


def event(payload: Any, **headers: str) -> tuple[dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PUSH | named, json.dumps(payload).encode()


@pytest.mark.parametrize(
    ("pushed", "reference", "expected"),
    [
        ("refs/heads/main", "main", Hint.LOOK),
        ("refs/heads/main", "refs/heads/main", Hint.LOOK),
        ("refs/heads/main", "heads/main", Hint.LOOK),
        ("refs/heads/team/main", "team/main", Hint.LOOK),
        ("refs/tags/v1", "v1", Hint.LOOK),
        ("refs/heads/maintenance", "main", Hint.OTHER_REFERENCE),
        ("refs/heads/team/main", "main", Hint.OTHER_REFERENCE),
        ("refs/tags/v2", "v1", Hint.OTHER_REFERENCE),
        ("refs/tags/main", "refs/heads/main", Hint.OTHER_REFERENCE),
        ("refs/heads/x", "main~2", Hint.LOOK),
        ("refs/heads/x", "0123456789abcdef", Hint.LOOK),
        ("refs/changes/01/1", "main", Hint.LOOK),
        ("main", "main", Hint.LOOK),
        ("", "main", Hint.LOOK),
        ("refs/heads/--upload-pack=x\n", "main", Hint.OTHER_REFERENCE),
    ],
)
def test_a_push_is_worth_a_look_where_it_may_change_what_is_reconciled(
    pushed: str, reference: str, expected: Hint
) -> None:
    assert hint(*event({"ref": pushed}), reference) is expected


@pytest.mark.parametrize("where", ["repository", "project"])
@pytest.mark.parametrize(
    ("pushed", "default", "expected"),
    [
        ("refs/heads/main", "main", Hint.LOOK),
        ("refs/heads/other", "main", Hint.OTHER_REFERENCE),
        ("refs/heads/other", None, Hint.OTHER_REFERENCE),
        ("refs/tags/main", "main", Hint.OTHER_REFERENCE),
    ],
)
def test_head_is_the_default_branch(where: str, pushed: str, default: str | None, expected: Hint) -> None:
    assert hint(*event({"ref": pushed, where: {"default_branch": default}}), "HEAD") is expected


def test_head_may_be_anything_where_no_default_branch_is_told() -> None:
    assert hint(*event({"ref": "refs/heads/x", "repository": "x"}), "HEAD") is Hint.LOOK


def test_the_payload_may_be_a_field_of_a_form() -> None:
    """GitHub's own default."""
    headers = PUSH | {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert hint(headers, urlencode({"payload": BODY.decode()}).encode(), "main") is Hint.LOOK


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-github-event": "ping"}, Hint.OTHER_EVENT),
        ({"x-github-event": "pull_request"}, Hint.OTHER_EVENT),
        ({"x-gitlab-event": "Merge Request Hook"}, Hint.OTHER_EVENT),
        ({}, Hint.OTHER_EVENT),
        ({"x-gitlab-event": "Push Hook"}, Hint.LOOK),
        ({"x-gitlab-event": "Tag Push Hook"}, Hint.LOOK),
        ({"x-gitlab-event": "System Hook"}, Hint.LOOK),
    ],
)
def test_only_pushes_are_looked_into(headers: dict[str, str], expected: Hint) -> None:
    assert hint(headers, BODY, "main") is expected


def test_other_events_of_a_system_hook_are_none() -> None:
    assert hint({"x-gitlab-event": "System Hook"}, b'{"event_name": "user_create"}', "main") is Hint.OTHER_EVENT


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 500_000, "application/json"),
        (b'{"a":' * 150_000, "application/json"),
        (b"9" * 1_000_000, "application/json"),
        (b'["refs/heads/main"]', "application/json"),
        (b'{"ref": 1}', "application/json"),
        (b'{"ref": {"a": 1}}', "application/json"),
        (b"nothing=1", "application/x-www-form-urlencoded"),
        (b"payload=a&payload=b", "application/x-www-form-urlencoded"),
        (b"&".join([b"a=1"] * 250_000), "application/x-www-form-urlencoded"),
        (b"payload=%ff%", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_push_is_malformed(body: bytes, kind: str) -> None:
    assert hint(PUSH | {"content-type": kind}, body, "main") is Hint.MALFORMED


@given(
    st.binary(max_size=300),
    st.text(max_size=20),
    st.sampled_from(["application/json", "x", "application/x-www-form-urlencoded"]),
)
def test_whatever_comes_is_judged(body: bytes, reference: str, kind: str) -> None:
    assert hint(PUSH | {"content-type": kind}, body, reference) in Hint
    assert not genuine({"x-hub-signature-256": body.decode("latin-1")}, body, SECRET)
