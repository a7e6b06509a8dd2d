"""CPU time of `tenantctl --help`, against an interpreter that only imports click. Goal: 150 ms of CPU."""

import os
import subprocess
import sys

ROUNDS = 7


def cpu(arguments: list[str]) -> float:
    """The least CPU seconds (user and system) of a few rounds of one command."""
    spent = []
    for _ in range(ROUNDS):
        before = os.times()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(spent)


def main() -> None:
    """Print both and their ratio."""
    floor = cpu([sys.executable, "-c", "import click"])
    ours = cpu([sys.executable, "-m", "reconciler", "--help"])
    print(f"--help {ours * 1000:.0f} ms CPU, importing click alone {floor * 1000:.0f} ms, ratio {ours / floor:.2f}")


if __name__ == "__main__":
    main()
