"""Text of others: printable, and cut by bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.text import cut, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nsecond", "plain\ttext\nsecond"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("50 %\r100 %", "50 %\\x0d100 %"),
        ("end\r\n", "end\n"),
        ("\u202egnihton", "\\u202egnihton"),
        ("\ud800", "\\ud800"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(alphabet=st.characters(), max_size=40))
def test_whatever_comes_can_be_written(text: str) -> None:
    assert "\x1b" not in printable(text)
    printable(text).encode()


@given(text=st.text(), limit=st.integers(3, 30))
def test_never_more_bytes_than_the_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit).encode()) <= limit


def test_what_fits_is_not_cut() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abc…"
