"""The bench runs and prints its ratio; how fast is for people to judge, never for a test."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).with_name("validate.py")


def test_the_bench_prints_a_ratio() -> None:
    done = subprocess.run([sys.executable, str(BENCH), "25"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("26 files: validate ")
    assert "ratio" in done.stdout
