"""Logs: live, untrusted, and read to the end whatever breaks in between."""

from typing import Any

import pytest

from reconciler.bridge.logs import LINE_MAX, Logs, lines
from reconciler.core.errors import Unavailable

Json = dict[str, Any]


def stamp(second: int) -> bytes:
    return f"2026-01-01T00:00:{second:02}.000000000Z ".encode()


def pod(*containers: str, state: str = "running", name: str = "p") -> Json:
    statuses = [{"name": c, "restartCount": 0, "state": {state: {}}} for c in containers]
    spec = {"containers": [{"name": c} for c in containers]}
    return {"metadata": {"name": name}, "spec": spec, "status": {"containerStatuses": statuses}}


def printed(kube: Any, capfd: pytest.CaptureFixture[str], *pods: Json, alive: Any = ()) -> list[str]:
    logs = Logs(kube, "billing")
    logs.follow(pods, alive)
    logs.close(5)
    return capfd.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([[stamp(1) + b"one\n" + stamp(2) + b"two\n"], []], ["one", "two"]),
        # what follows a stream's clean end is asked for again, and what was printed is not printed twice
        ([[stamp(1) + b"one\n"], [stamp(1) + b"one\n" + stamp(2) + b"two\n"]], ["one", "two"]),
        # two lines of one moment, the stream broken between them
        ([[stamp(1) + b"a\n"], [stamp(1) + b"a\n" + stamp(1) + b"b\n"]], ["a", "b"]),
        # broken in the middle of a line: the whole line comes with the next stream
        ([[stamp(1) + b"on", Unavailable("broken")], [stamp(1) + b"one\n"], []], ["one"]),
        # the last line has no end
        ([[stamp(1) + b"one\n" + stamp(2) + b"end"], [stamp(2) + b"end"]], ["one", "end"]),
        ([[stamp(1) + b"\n"], []], [""]),
        ([[b"failed to read log\n"], []], ["failed to read log"]),
        ([[stamp(1) + b"\x1b[31mred\x1b[0m \x1b]0;t\x07\xff\r\n"], []], ["red \\x1b]0;t\\x07\ufffd"]),
    ],
)
def test_what_is_printed(kube: Any, capfd: pytest.CaptureFixture[str], script: list[Any], expected: list[str]) -> None:
    kube.logs["p"] = script
    assert printed(kube, capfd, pod("main", state="terminated")) == expected


def test_a_stream_is_taken_up_after_its_last_line(kube: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kube.logs["p"] = [[stamp(1) + b"one\n"], [stamp(2) + b"two\n"]]
    logs = Logs(kube, "billing")
    logs.follow([pod("main")], {("p", "main", 0)})
    logs.follow([pod("main", state="terminated")], set())
    logs.close(5)
    assert capfd.readouterr().out == "one\ntwo\n"
    final = kube.log_queries[-1]
    assert (final["follow"], final["sinceTime"]) == ("false", stamp(1).decode().strip())


def test_several_containers_are_told_apart(kube: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kube.logs["p"] = [[stamp(1) + b"x\n"], [stamp(1) + b"x\n"], [], []]
    assert sorted(printed(kube, capfd, pod("a", "b", state="terminated"))) == ["[a] x", "[b] x"]


def test_pods_side_by_side_are_told_apart(kube: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kube.logs |= {"p": [[stamp(1) + b"x\n"], []], "q": [[stamp(1) + b"x\n"], []]}
    alive = {("p", "a", 0), ("q", "a", 0)}
    assert sorted(printed(kube, capfd, pod("a"), pod("a", name="q"), alive=alive)) == ["[p] x", "[q] x"]


def test_a_log_that_never_ends_is_said_to_be_incomplete(kube: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kube.logs["p"] = [[Unavailable("broken")] for _ in range(9)]
    logs = Logs(kube, "billing")
    logs.follow([pod("main", state="terminated")], ())
    logs.close(0.01)
    assert "may be incomplete" in capfd.readouterr().out


def test_lines_without_an_end_are_given_in_pieces() -> None:
    chunks = [b"x" * 20_000, b"x" * 20_000, b"y\nz"]
    assert [len(text) for text in lines(chunks, partial=False)] == [40_000, 1]
    assert list(lines(chunks, partial=True))[-1] == "z"
    assert LINE_MAX < 40_000
