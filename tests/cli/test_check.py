"""How findings are printed."""

import io
import sys

import pytest

from reconciler.cli.check import _line
from reconciler.core.errors import NotAllowed, Unavailable
from reconciler.manifests.checks import Finding, Verdict, run


@pytest.mark.parametrize(
    ("encoding", "sign"),
    [("utf-8", "✔"), ("ascii", "ok")],
)
def test_a_sign_that_the_terminal_can_show(encoding, sign, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert _line(Finding("x", Verdict.OK, "it is")) == f"{sign} it is"


def test_the_remedy_is_on_the_next_line():
    assert _line(Finding("x", Verdict.FAILED, "it is not", "make it")) == "✗ it is not\n    -> make it"


@pytest.mark.parametrize(
    ("error", "verdict"), [(NotAllowed("403"), Verdict.UNKNOWN), (Unavailable("gone"), Verdict.FAILED)]
)
def test_a_failure_to_look_is_a_finding(error, verdict):
    def check():
        raise error

    (finding,) = run("x", check)
    assert finding.verdict is verdict
    assert str(error) in finding.message
