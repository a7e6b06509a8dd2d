"""Expected failures. The type of an error is its retry policy and its exit code (docs/cli.md).

Adapters translate what their libraries raise into these, with `raise … from error`; they are caught in two places only:
the loop, which decides when to try again, and the command line, which prints the message and exits.
"""

from collections.abc import Iterator


class TenantctlError(Exception):
    """An expected failure with a message for people: what is wrong, where, and what to do next."""

    exit_code = 1
    transient = False


class SourceUnavailable(TenantctlError):
    """The repository could not be read now; what it declares is unknown, which is not the same as absent."""

    transient = True


class Invalid(TenantctlError):
    """Declarations are invalid."""

    exit_code = 3


class NotAllowed(TenantctlError):
    """The caller lacks a right (401, 403)."""

    exit_code = 4


class TimedOut(TenantctlError):
    """A wait ended before what was waited for."""

    exit_code = 5


class Refused(TenantctlError):
    """A guard refused, or the plan is stale."""

    exit_code = 6


class Damaged(TenantctlError, ValueError):
    """State of ours that cannot be read: neither present nor absent."""


class UsageError(TenantctlError):
    """The command line makes no sense."""

    exit_code = 64


class Unavailable(TenantctlError):
    """A cluster did not answer, or asked us to come back later (429, 5xx)."""

    transient = True


class NotFound(TenantctlError):
    """The object does not exist (404): a real answer, not a failure to answer."""


class Conflict(TenantctlError):
    """Somebody else wrote first (409): read again, then decide again."""

    transient = True


class AlreadyExists(TenantctlError):
    """A create met an object of that name (409)."""


class Gone(TenantctlError):
    """A watch is too old to be continued (410): list again."""

    transient = True


class Unprocessable(TenantctlError):
    """The API server refused the object, or the `test` of a JSON Patch failed (422)."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it wraps or follows from, from the outermost to the innermost."""
    while error is not None:
        yield error
        wrapped = next((item for item in error.args if isinstance(item, BaseException)), None)
        error = wrapped or error.__cause__ or error.__context__
