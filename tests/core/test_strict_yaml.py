"""The strict reader: any document round-trips, any bytes are a value, and attacks cost nothing."""

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.strict_yaml import MAX_BYTES, MAX_PROBLEMS, read

text = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp"), exclude_characters="{\ufeff"), max_size=20
)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text
scalars |= st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=20
)


@settings(deadline=None)
@given(documents)
def test_a_json_document_round_trips(document: Any) -> None:
    reading = read(json.dumps(document, ensure_ascii=False).encode())
    assert (reading.problems, reading.value) == ((), document)


@settings(deadline=None)
@given(st.dictionaries(text.filter(bool), text, max_size=5))
def test_what_pyyaml_writes_reads_back(document: dict[str, str]) -> None:
    written = yaml.safe_dump(document, allow_unicode=True, default_style='"')
    assert read(written.encode()).value == document


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda said: said.encode(errors="surrogatepass")))
@example(b"\xff\xfea\x00")
@example(b"a: \xc2\x85")
@example(b"%TAG ! tag:x,2000:\n---\na: b")
@example(b"--- >\n a\n...\n...\n")
@example(b"? \n: \n? \n")
@example(b"[[]]: a")
@example(b"{*a : b}")
def test_any_bytes_are_a_value_and_never_an_exception(data: bytes) -> None:
    reading = read(data)
    assert reading.sound == (not reading.problems)
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in reading.problems)


@pytest.mark.parametrize("opening", [b"[", b"{", b"- ", b"? ", b"{a: [", b"!a ", b"&a "])
def test_deep_nesting_is_refused_at_once(opening: bytes) -> None:
    start = time.monotonic()
    reading = read(opening * (MAX_BYTES // len(opening) - 1))
    assert "flatten it" in "".join(problem.message for problem in reading.problems) or opening[:1] in b"!&"
    assert time.monotonic() - start < 5  # libyaml alone would take the stack, or minutes


def test_a_bomb_of_aliases_is_refused_without_being_expanded() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    reading = read(f"l0: &l0 lol\n{levels}".encode())
    assert {problem.code for problem in reading.problems} == {"alias", "anchor"}
    assert len(reading.problems) == MAX_PROBLEMS


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read() -> None:
    assert read(b"a: " + b"x" * (MAX_BYTES - 3)).sound
    assert [problem.code for problem in read(b"a: " + b"x" * (MAX_BYTES - 2)).problems] == ["too-large"]


def test_every_problem_of_a_file_is_found_in_one_go() -> None:
    reading = read(b"a: yes\nb: &x 1\nb: !t 2\nc: '{{x}}'\n")
    found = [(problem.line, problem.column, problem.code) for problem in reading.problems]
    assert found == [(1, 4, "ambiguous"), (2, 4, "anchor"), (3, 1, "duplicate-key"), (3, 4, "tag"), (4, 4, "template")]


@pytest.mark.parametrize("data", [b'"{\\x7b a }}"', b'"{\\u007b"', b"? '{{'\n: 1", b"a: |\n  {{x}}\n"])
def test_templates_are_seen_through_escapes_and_in_keys(data: bytes) -> None:
    assert "template" in {problem.code for problem in read(data).problems}


def test_windows_line_breaks_are_fine() -> None:
    assert read(b"a: 1\r\nb: |\r\n  x\r\n").value == {"a": 1, "b": "x\n"}


def test_columns_count_characters() -> None:
    assert read("ä: 'é' \nöö: yes".encode()).problems[0].column == 5
