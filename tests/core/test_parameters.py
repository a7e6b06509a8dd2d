"""What may be given to an admin process, and what is refused by name."""

import json
from typing import Any

import pytest

from reconciler.core.parameters import COUNT_MAX, TOTAL_MAX, VALUE_MAX, read_parameters


@pytest.mark.parametrize("text", ["", "{}"])
def test_none_are_given(text: str) -> None:
    assert read_parameters(text) == {}


def test_scalars_are_kept_as_they_are() -> None:
    given = {"since": "2027-01-01", "dry-run": True, "seats": 250, "ratio": 0.5, "lines": "a\n\tb", "empty": ""}
    assert read_parameters(json.dumps(given)) == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "not a JSON object"),
        ("text", "not a JSON object"),
        ({"Seats": 1}, "'Seats': a name has lower-case letters"),
        ({"a_b": 1}, "'a_b': a name"),
        ({"1st": 1}, "'1st': a name"),
        ({"a" * 41: 1}, "at most 40 characters"),
        ({"": 1}, "'': a name"),
        ({"a": None}, "'a': a value is a string, a number, true or false"),
        ({"a": []}, "'a': a value"),
        ({"a": "{{workflow.name}}"}, "'a': '{{' is Argo's own"),
        ({"a": "x\u0000y"}, "'a': a control character"),
        ({"a": "\u202e"}, "'a': a control character"),
        ({"a": "é" * (VALUE_MAX // 2 + 1)}, f"at most {VALUE_MAX} may be"),
        ({"a": 2**53}, "'a': the number is too large"),
        ({f"p{number}": 1 for number in range(COUNT_MAX + 1)}, f"at most {COUNT_MAX} may be"),
        ({f"p{number}": "x" * VALUE_MAX for number in range(8)}, f"at most {TOTAL_MAX} may be"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_refused_says_which_and_why(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_parameters(json.dumps(given))


@pytest.mark.parametrize("text", ["seats=250", "{", '{"a": NaN}', '{"a": 1e999}', '{"a": {"b": 1}}', "[" * 100000])
def test_what_is_no_object_of_scalars(text: str) -> None:
    with pytest.raises(ValueError, match="a JSON object of scalars like"):
        read_parameters(text)


def test_the_bounds_themselves_are_fine() -> None:
    given = {"a" * 40: "x" * VALUE_MAX, "b": 2**53 - 1}
    assert read_parameters(json.dumps(given)) == given
