"""Moments: seconds since the epoch inside, RFC 3339 in UTC wherever people or Kubernetes read them."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """`2027-01-31T00:00:00Z`, whole seconds, as Kubernetes writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def seconds_between(earlier: str, now: float) -> float:
    """How long ago a moment was, at least 0; 0 for a text that is no moment."""
    try:
        return round(max(0.0, now - parse_rfc3339(earlier)), 1)
    except ValueError:
        return 0.0


def age(text: str, now: float) -> str:
    """How long ago, as kubectl writes it: `42s`, `5m`, `3h`, `9d`."""
    seconds = int(seconds_between(text, now))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
