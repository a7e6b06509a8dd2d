"""One rule for plain scalars: what YAML 1.1, YAML 1.2 and JSON do not read alike is refused."""

import json
import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.scalar import NUMERIC, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-5", -5),
        ("0.5", 0.5),
        ("1e+20", 1e20),
        ("eu-west", "eu-west"),
        ("2027-01-31", "2027-01-31"),
        ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("24/7", "24/7"),
        ("-", "-"),
        ("norway", "norway"),
        ("Über", "Über"),
        ("٣", "٣"),
    ],
)
def test_reads_as(text: str, value: object) -> None:
    found, code, _ = plain(text)
    assert (found, type(found), code) == (value, type(value), "")


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "Yes",
        "YES",
        "no",
        "on",
        "Off",
        "n",
        "Y",
        "True",
        "FALSE",
        "Null",
        "~",
        "010",
        "0o10",
        "0x1F",
        "0b1",
        "1_000",
        "12:30",
        "1:30:00",
        ".inf",
        "-.INF",
        ".nan",
        "+1",
        ".5",
        "1.",
        "1__0",
        "-0x1",
    ],
)
def test_refuses_what_readers_disagree_about(text: str) -> None:
    assert plain(text)[1] == "ambiguous"


@pytest.mark.parametrize("text", ["1.10", "1e3", "-0", "1e999", "9007199254740993", "9" * 5000, "0." + "1" * 40])
def test_refuses_numbers_that_would_change(text: str) -> None:
    assert plain(text)[1] == "number"


@pytest.mark.parametrize("text", ["1" * 60000 + "x", "1_" * 30000 + "x", "1:1" * 20000 + "x", "." + "1" * 60000 + "x"])
def test_takes_no_long_time_for_long_text(text: str) -> None:
    assert plain(text) == (text, "", "")


@settings(deadline=None)
@given(st.text(string.ascii_letters + string.digits + "+-._:~", max_size=12) | st.from_regex(NUMERIC, fullmatch=True))
def test_an_accepted_scalar_is_what_yaml_1_1_reads(text: str) -> None:
    value, code, _ = plain(text)
    tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False)).rpartition(":")[2]
    if not code:
        expected = {str: {"str", "timestamp"}, float: {"float", "str"}}  # 1e+20 is a string in YAML 1.1
        assert tag in expected.get(type(value), {"int", "bool", "null"})


@settings(deadline=None)
@given(st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_as_json_spells_them_round_trip(number: float) -> None:
    text = json.dumps(number)
    assert plain(text)[:2] == ((number, "") if text != "-0" else (text, "number"))
