"""Answers of Argo CD as the project's own errors, with Argo CD's own message; no body and no token leaks whole."""

import json

from reconciler.core.errors import (
    AlreadyExists,
    Conflict,
    NotAllowed,
    NotFound,
    TenantctlError,
    Unavailable,
    Unprocessable,
    causes,
)
from reconciler.core.text import cut, printable

MESSAGE_MAX = 600
# Of two refusals that share a code with others only the words tell (Argo CD 3.2, util/argo and server/application).
BUSY = "another operation is already in progress"
EXISTS = "existing application spec is different"
NO_OPERATION = "No operation is in progress"


def failure(where: str, status: int, body: bytes) -> TenantctlError:
    """The error for an HTTP status that is none of success."""
    message = _message(body)
    if message is None:  # a proxy, or something else that is not Argo CD
        text = cut(printable(body[:MESSAGE_MAX].decode("utf-8", "replace")).strip(), MESSAGE_MAX)
        kind = NotAllowed if status in (401, 403) else Unavailable
        return kind(f"{where}: {status}, and no answer of Argo CD: {text}")
    return _kind(status, message)(f"{where}: {status}: {cut(printable(message), MESSAGE_MAX)}")


def _kind(status: int, message: str) -> type[TenantctlError]:
    if BUSY in message:
        return Conflict
    if EXISTS in message:
        return AlreadyExists
    if NO_OPERATION in message:
        return NotFound
    kinds: dict[int, type[TenantctlError]] = {
        400: Unprocessable, 401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict,
        429: Unavailable, 502: Unavailable, 503: Unavailable, 504: Unavailable,
    }  # fmt: skip
    return kinds.get(status, TenantctlError)


def _message(body: bytes) -> str | None:
    """Argo CD's own words: its gateway answers `{"error": …, "code": …, "message": …}`."""
    try:
        said = json.loads(body)
        return str(said.get("message") or said.get("error") or "") if "code" in said else None
    except (ValueError, AttributeError, TypeError):
        return None


def unavailable(url: str, error: Exception) -> Unavailable:
    """The error for a connection that failed, went silent or answered something else."""
    return Unavailable(f"Argo CD at {url} does not answer: {_why(error)}")


def _why(error: BaseException) -> str:
    """The innermost reason, in the words of the system or of the library that saw it."""
    chain = list(causes(error))
    for cause in reversed(chain):
        verify, system = getattr(cause, "verify_message", ""), getattr(cause, "strerror", "")
        if verify:
            return f"its certificate is not trusted: {verify}"
        if isinstance(system, str) and system:
            return system
    words = str(chain[-1]).rpartition(": ")[2] or type(chain[-1]).__name__
    return cut(printable(words), MESSAGE_MAX)
