"""Answers of an API server as the project's own errors, with the text cut so that no body or token leaks."""

import json
import ssl
from collections.abc import Mapping

import urllib3

from reconciler.core.errors import (
    AlreadyExists,
    Conflict,
    Gone,
    NotAllowed,
    NotFound,
    TenantctlError,
    Unavailable,
    Unprocessable,
    causes,
)

MESSAGE_MAX = 600


def failure(where: str, method: str, path: str, status: int, body: bytes, headers: Mapping[str, str]) -> TenantctlError:
    """The error for an HTTP status; the message is the server's own (`Status.message`)."""
    reason, message = _status(body)
    text = f"{where}: {method} {path}: {status} {reason}: {message[:MESSAGE_MAX]}"
    return _kind(status, reason)(text)


def _kind(status: int, reason: str) -> type[TenantctlError]:
    if status == 409:
        return AlreadyExists if reason == "AlreadyExists" else Conflict
    if status == 429 or status >= 500:
        return Unavailable
    kinds: dict[int, type[TenantctlError]] = {
        401: NotAllowed, 403: NotAllowed, 404: NotFound, 410: Gone, 422: Unprocessable,
    }  # fmt: skip
    return kinds.get(status, TenantctlError)


def _status(body: bytes) -> tuple[str, str]:
    try:
        status = json.loads(body)
        return str(status.get("reason", "")), str(status.get("message", ""))
    except (ValueError, AttributeError):
        return "", body[:MESSAGE_MAX].decode(errors="replace")


def unavailable(where: str, host: str, error: Exception) -> Unavailable:
    """The error for a connection that failed or went silent; a certificate that is refused is not silence."""
    place = host if where == host else f"{where}: {host}"
    if isinstance(error, urllib3.exceptions.SSLError):
        return Unavailable(f"{place}: no secure connection: {_why(error)}")
    return Unavailable(f"{place} does not answer: {_why(error)}")


def _why(error: BaseException) -> str:
    """What the system says of the failure, in its own few words; the library's wrapping is left out."""
    said = next(filter(None, map(_said, causes(error))), "")
    if not said and isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "the connection timed out"
    if not said and isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "it went silent"
    return (said or f"{type(error).__name__}: {error}")[:MESSAGE_MAX]


def _said(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    text = getattr(error, "strerror", None) if isinstance(error, OSError) else None
    return f"{text[0].lower()}{text[1:]}" if isinstance(text, str) and text else ""
