"""The bench runs and prints its ratios; how fast is for people to judge, never for a test."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_bench_prints_ratios() -> None:
    words = [sys.executable, "-m", "tests.bench.review", "5", "10", "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["validate", "plan --from --to"]
    assert all("ratio" in line for line in lines)
