"""Moments and durations as people write them."""

import pytest

from reconciler.core.times import parse_duration, parse_rfc3339, rfc3339


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("7d", 604800), ("1d1s", 86401)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "0s", "30m1h", "2w", "1.5h", "9999999d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write for example"):
        parse_duration(text)


def test_a_moment_is_read_back() -> None:
    assert parse_rfc3339(rfc3339(1_800_000_000)) == 1_800_000_000
    assert parse_rfc3339("2027-01-15T09:00:00+01:00") == 1_800_000_000


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-01-15", "2027-01-15T08:00:00"])
def test_a_time_needs_a_zone(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)
