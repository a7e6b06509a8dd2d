"""`make test`: the first tier that fails ends it, what passed is counted, and the next run says how long it took."""

import sys
from pathlib import Path

import pytest

from tests import suite
from tests.suite import Tier

GOOD = "def test_good(): pass\ndef test_good_again(): pass\n"
PLUGIN = """
from tests.timing import FixtureTimes, Timing

def pytest_configure(config):
    config.pluginmanager.register(FixtureTimes())
    config.pluginmanager.register(Timing())
"""
BAD = "def test_bad(): assert False\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(suite, "BUILD", (sys.executable, "-c", ""))


def exits(name: str, code: int) -> Tier:
    return Tier(name, (sys.executable, "-c", f"raise SystemExit({code})"))


def tier_of(name: str, folder: Path, text: str) -> Tier:
    """A tier of one file of tests."""
    file = folder / name / "test_it.py"
    file.parent.mkdir()
    file.write_text(text)
    (file.parent / "conftest.py").write_text(PLUGIN)
    return Tier(name, (*suite.PYTEST, "-p", "no:cacheprovider", f"--rootdir={file.parent}", str(file)))


def test_the_first_tier_that_fails_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    assert suite.run([exits("one", 0), exits("two", 3), exits("three", 0)]) == 3
    told = capfd.readouterr().out
    assert "==> two" in told
    assert "==> three" not in told


def test_what_passed_and_failed_is_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good, bad = tier_of("good", tmp_path, GOOD), tier_of("bad", tmp_path, BAD)
    assert suite.run([good, bad]) == 1
    rows = {line.split()[0]: line.split()[1:5] for line in capfd.readouterr().out.splitlines() if line}
    assert rows["good"] == ["2", "0", "0", "0"]
    assert rows["bad"] == ["0", "1", "0", "0"]


def test_the_next_run_says_how_long_the_last_took(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [exits("one", 0), exits("two", 0)]
    monkeypatch.setattr(suite, "tiers", lambda: chosen)
    assert suite.run(chosen) == 0
    assert "last time" not in capfd.readouterr().out
    assert suite.run(chosen[:1]) == 0
    assert "==> last time: 0 s (one 0 s, two 0 s)" in capfd.readouterr().out


def test_what_was_remembered_by_another_version_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "last-test.json").write_text('[{"other": 1}]')
    assert suite.run([exits("one", 0)]) == 0
