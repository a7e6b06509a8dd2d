"""What the report of a test run says of the processors and of fixtures."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.timing import Load, Sample

HALF = [Sample(0, 0, 0), Sample(10, 10, 20), Sample(20, 10, 40)]  # two cores: half busy, then wholly
ROOT = Path(__file__).parents[1]
PLUGIN = """
from tests import timing

timing.SHORT = 0

def pytest_configure(config):
    config.pluginmanager.register(timing.FixtureTimes())
    config.pluginmanager.register(timing.Timing())
"""
SLOW = """
import time, pytest

@pytest.fixture(scope="session")
def inner():
    time.sleep(0.3)

@pytest.fixture
def outer(inner):
    pass

def test_it(outer):
    pass
"""


@pytest.mark.parametrize(("begin", "end", "busy"), [(0, 10, 0.5), (10, 20, 1.0), (0, 20, 0.75), (12, 13, 1.0)])
def test_how_busy_the_cores_were(begin: float, end: float, busy: float) -> None:
    assert Load(list(HALF)).busy(begin, end) == pytest.approx(busy)


def test_the_kernel_counts_on() -> None:
    load = Load()
    load.start()
    sum(range(1_000_000))
    load.stop()
    assert load.samples[-1].total >= load.samples[0].total > 0
    assert all(0 <= share <= 1 for share in load.shares())


def test_a_fixture_has_its_own_seconds_only(tmp_path: Path) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW)
    (tmp_path / "conftest.py").write_text(PLUGIN)
    words = ("-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path))
    done = subprocess.run([sys.executable, *words], cwd=ROOT, text=True, capture_output=True, check=True)
    listed = done.stdout.partition("slowest fixtures")[2].splitlines()
    seconds = {line.split()[2]: float(line.split()[0]) for line in listed if " s  " in line}
    assert seconds["inner"] >= 0.3
    assert seconds["outer"] < 0.3
