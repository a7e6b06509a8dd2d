"""What the library raises, as the project's own errors: its text is searched for the answer's status, never repeated.

Its messages hold addresses and whole answers, and some stores put signatures into addresses.
"""

import re

from reconciler.core.errors import NotAllowed, TenantctlError, Unavailable

STATUS = re.compile(r"status code: (\d{3})")
CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
ABSENT = frozenset({"NoSuchKey", "BlobNotFound"})
SLOW_DOWN = frozenset({408, 429})


def absent(error: FileNotFoundError) -> bool:
    """Whether it is the object that is not there; a bucket or a user that is not there is a 404 too."""
    code = CODE.search(str(error))
    return code is None or code[1] in ABSENT


def translated(what: str, error: Exception) -> TenantctlError:
    """The error for a call that failed: whether repeating helps, and what the store answered, if it did."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text = str(error)
    answered, code = STATUS.search(text), CODE.search(text)
    status = int(answered[1]) if answered else 0
    said = " ".join(filter(None, [str(status or ""), code[1] if code else ""]))
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in (401, 403):
        return NotAllowed(f"{what}: its credentials are refused ({said or 'no right'})")
    if status and status < 500 and status not in SLOW_DOWN:
        return TenantctlError(f"{what}: refused ({said})")
    if status:
        return Unavailable(f"{what}: it has trouble ({said})")
    if _unsent(text):
        return Unavailable(f"{what}: it does not answer")
    return TenantctlError(f"{what}: {type(error).__name__}; look at its URL and credentials")


def _unsent(text: str) -> bool:
    return any(word in text for word in ("error sending request", "kind: Timeout", "kind: Connect", "timed out"))
