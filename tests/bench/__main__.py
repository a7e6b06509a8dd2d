"""All measurements, one line each, as ratios to a stated floor or peer of the same run: `make bench`.

Nothing is asserted: how fast is fast enough is for people to judge (the goals are printed beside the numbers).
"""

import subprocess
import sys
from pathlib import Path

BENCHES = ("start", "validate", "review", "decide", "rollouts", "merge", "silent", "moves")


def main() -> int:
    """Run every bench; the exit code is 1 when one of them could not run."""
    failed = 0
    for name in BENCHES:
        print(f"== {name}", flush=True)
        failed += (
            subprocess.run([sys.executable, str(Path(__file__).with_name(f"{name}.py"))], check=False).returncode != 0
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
