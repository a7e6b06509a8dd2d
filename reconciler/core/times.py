"""Moments: seconds since the epoch inside, RFC 3339 in UTC wherever people or Kubernetes read them."""

import re
from datetime import UTC, datetime

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")


def rfc3339(seconds: float) -> str:
    """`2027-01-31T00:00:00Z`, whole seconds, as Kubernetes writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch. Raises ValueError, also for a time without a zone, which is another one elsewhere."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' says no zone; write it like 2027-01-31T06:00:00Z")
    return moment.timestamp()


def parse_duration(text: str) -> int:
    """Seconds of a duration such as `90s`, `2h`, `1h30m` or `7d`. Raises ValueError with what to write instead."""
    found = DURATION.fullmatch(text)
    numbers = found.groups("0") if found else ()
    seconds = sum(int(number) * size for number, size in zip(numbers, UNITS.values(), strict=False))
    if not seconds:
        raise ValueError(f"'{text}' is no duration; write for example 90s, 30m, 2h, 1h30m or 7d")
    return seconds


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
