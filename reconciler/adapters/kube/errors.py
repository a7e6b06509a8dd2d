"""Answers of an API server as the project's own errors, with the text cut so that no body or token leaks."""

import json
from collections.abc import Mapping

from reconciler.core.errors import (
    AlreadyExists,
    Conflict,
    Gone,
    NotAllowed,
    NotFound,
    TenantctlError,
    Unavailable,
    Unprocessable,
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


def unavailable(where: str, method: str, path: str, error: Exception) -> Unavailable:
    """The error for a connection that failed or went silent."""
    return Unavailable(f"{where}: {method} {path}: no answer: {type(error).__name__}: {str(error)[:MESSAGE_MAX]}")
