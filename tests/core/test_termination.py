"""Termination messages: the contract, its limits, and text that keeps no contract at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.outcome import FailureClass
from reconciler.core.termination import MESSAGE_MAX, OUTPUTS_MAX, Termination, read_termination


def test_the_whole_contract() -> None:
    said = {"class": "transient", "message": "away", "retryAfter": 30, "outputs": {"url": "x"}}
    assert read_termination(json.dumps(said)) == Termination(FailureClass.TRANSIENT, "away", 30, {"url": "x"})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"class": "user"}, Termination(FailureClass.USER)),
        ({"class": "needs-human"}, Termination(FailureClass.NEEDS_HUMAN)),
        ({"class": "fatal", "message": "m"}, Termination(message="m")),
        ({"class": ["user"], "message": "m"}, Termination(message="m")),
        ({"message": 5}, Termination(message="5")),
        ({"message": "a\x1b[2J"}, Termination(message="a\\x1b[2J")),
        ({"message": "m", "retryAfter": 1.9}, Termination(message="m", retry_after=1)),
        ({"message": "m", "retryAfter": -5}, Termination(message="m")),
        ({"message": "m", "retryAfter": True}, Termination(message="m")),
        ({"message": "m", "retryAfter": "5"}, Termination(message="m")),
        ({"message": "m", "retryAfter": 10**9}, Termination(message="m", retry_after=86400)),
        ({"outputs": [1]}, Termination(refused="outputs must be a JSON object")),
        ({"outputs": {"x": "y" * OUTPUTS_MAX}}, Termination(refused="outputs are 2056 bytes; at most 2048 are kept")),
        ({"outputs": {"x": "y" * (OUTPUTS_MAX - 8)}}, Termination(outputs={"x": "y" * (OUTPUTS_MAX - 8)})),
        ({"outputs": {"x": "é" * 1024}}, Termination(refused="outputs are 2056 bytes; at most 2048 are kept")),
    ],
)
def test_fields(said: dict[str, Any], expected: Termination) -> None:
    assert read_termination(json.dumps(said)) == expected


@pytest.mark.parametrize(
    "text", ["boom", "[1]", "5", '{"status": "bad"}', '{"outputs": {"x": NaN}}', '{"message": "cut of']
)
def test_other_text_is_the_message(text: str) -> None:
    assert read_termination(text) == Termination(message=text)


def test_a_log_tail_gives_its_last_line() -> None:
    assert read_termination("one\ntwo\n\n", "FallbackToLogsOnError").message == "two"
    assert read_termination('{"class": "user"}', "FallbackToLogsOnError").failure is FailureClass.USER


def test_messages_are_cut() -> None:
    assert len(read_termination("é" * 2000).message.encode()) <= MESSAGE_MAX
    assert len(read_termination(json.dumps({"message": "é" * 900})).message.encode()) <= MESSAGE_MAX


@pytest.mark.parametrize("text", ["[" * 4096, '{"message":' * 300, ""])
def test_nothing_breaks_the_reader(text: str) -> None:
    assert read_termination(text).failure is None


@given(st.text())
def test_any_text_can_be_kept(text: str) -> None:
    said = read_termination(text)
    json.dumps([said.message, dict(said.outputs)]).encode()
    said.message.encode()
