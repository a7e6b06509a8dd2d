"""Marks: what is written is read back, and whatever people write by hand may be a pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.mark import Mark
from reconciler.core.times import rfc3339

NOW = 1_800_000_000.0
TIMES = st.integers(0, 4_000_000_000).map(rfc3339)


@given(st.builds(Mark, st.text(), TIMES, st.text(), st.just("") | TIMES, st.booleans()))
def test_a_mark_is_read_back_as_it_was_written(mark: Mark) -> None:
    assert Mark.load(mark.dump()) == mark


@pytest.mark.parametrize(
    ("mark", "held"),
    [
        (Mark(), True),
        (Mark(until=rfc3339(NOW + 1)), True),
        (Mark(until=rfc3339(NOW)), False),
        (Mark(lifted=True), False),
        (Mark(until=rfc3339(NOW + 1), lifted=True), False),
    ],
)
def test_in_force(mark: Mark, held: bool) -> None:
    assert mark.in_force(NOW) is held


@pytest.mark.parametrize("text", ["yes", "maintenance until tomorrow", "{", "[]", "1", '{"until": "tomorrow"}', "{}"])
def test_what_somebody_wrote_by_hand_holds_without_end(text: str) -> None:
    mark = Mark.load(text)
    assert mark.in_force(NOW)
    assert mark.until == ""
    assert mark.reason == ("" if text.startswith("{") and text != "{" else text)


def test_as_people_read_it() -> None:
    mark = Mark("ada", "2027-01-15T08:00:00.123456Z", "upgrade", "2027-01-15T10:00:00Z")
    assert str(mark) == "by ada at 2027-01-15T08:00:00Z until 2027-01-15T10:00:00Z: upgrade"
    assert str(Mark()) == "by somebody"
