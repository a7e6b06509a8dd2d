"""`make test`: lint, the tests without a cluster, then those on real clusters, so that the quickest answer comes first.

`python -m tests.suite` says how long the last run took, builds in the background what the clusters need (a quarter of
an hour on a new machine, no time afterwards), and ends with a table: what passed in each tier, how long it took, how
busy the processors were. The first tier that fails ends the run with its exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests import timing
from tests.cluster.folders import REPOSITORY, cache, locked
from tests.cluster.progress import duration

PYTEST = (sys.executable, "-m", "pytest")
BUILD = (sys.executable, "-m", "tests.cluster", "build")
QUICK_PROCESSES = 2  # as many as the project's machine has cores: nothing here waits
CLUSTER_PROCESSES = 3  # more than cores, since scenarios wait
TRIES = ("--reruns", "1", "--max-suite-reruns", "4", "--rerun-show-tracebacks")
GROUPED = ("--dist", "loadgroup", "--no-loadscope-reorder")


@dataclass(frozen=True)
class Tier:
    """One stage of the run: a name, and the command that decides it."""

    name: str
    command: tuple[str, ...]
    grace: str = ""  # what is said when it begins


@dataclass(frozen=True)
class Result:
    """How a tier ended. `seconds` are wall clock, `busy` is the share of all cores that worked meanwhile."""

    tier: str
    code: int
    seconds: float
    busy: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reruns: int = 0


def tiers() -> list[Tier]:
    """What `make test` checks, in order."""
    quick = (*PYTEST, "-m", "not cluster", "-n", str(QUICK_PROCESSES), *GROUPED, "tests")
    clusters = (*PYTEST, "-v", "-m", "cluster", "-n", str(CLUSTER_PROCESSES), *GROUPED, *TRIES, "tests")
    return [
        Tier("lint", (str(Path(sys.executable).parent / "pre-commit"), "run", "--all-files")),
        Tier("without a cluster", quick),
        Tier("on real clusters", clusters),
    ]


def run(chosen: list[Tier]) -> int:
    """Run the tiers until one fails; returns its exit code, or 0."""
    _say_last_time()
    results: list[Result] = []
    with _building():
        for tier in chosen:
            print(f"==> {tier.name}", flush=True)
            results.append(_run(tier))
            if results[-1].code:
                break
    _report(results)
    if len(results) == len(tiers()) and not results[-1].code:
        _remember(results)
    return results[-1].code


def _run(tier: Tier) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        load = timing.Load()
        load.start()
        begin = time.time()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, timing.FILE: folder}
        code = subprocess.run(tier.command, cwd=REPOSITORY, env=environment, check=False).returncode
        load.stop()
        end = time.time()
        counted = [json.loads(file.read_text())["outcomes"] for file in Path(folder).glob("*.json")]
    return Result(tier.name, code, end - begin, load.busy(begin, end), **(counted[0] if counted else {}))


@contextlib.contextmanager
def _building() -> Iterator[None]:
    """Build the clusters' programs in the background, behind everything else; whoever needs them waits for them."""
    log = cache() / "logs" / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(("nice", *BUILD), cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()  # the tests that needed something have waited for it
        process.wait()


def _report(results: list[Result]) -> None:
    print(f"{'tier':<20}{'passed':>8}{'failed':>8}{'skipped':>9}{'2nd tries':>11}{'time':>10}{'busy':>7}")
    for each in results:
        counts = f"{each.passed:>8}{each.failed:>8}{each.skipped:>9}{each.reruns:>11}"
        print(f"{each.tier:<20}{counts}{duration(each.seconds):>10}{each.busy:>7.0%}")
    total = sum(each.seconds for each in results)
    print(f"{'together':<20}{sum(each.passed for each in results):>8}{duration(total):>46}", flush=True)


def _say_last_time() -> None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none, or one of another version
        last = [Result(**each) for each in json.loads(_file().read_text())]
        parts = ", ".join(f"{each.tier} {duration(each.seconds)}" for each in last)
        print(f"==> last time: {duration(sum(each.seconds for each in last))} ({parts})", flush=True)


def _remember(results: list[Result]) -> None:
    with locked(_file().with_suffix(".lock")):
        _file().write_text(json.dumps([asdict(each) for each in results]))


def _file() -> Path:
    return cache() / "last-test.json"


def main() -> int:
    """The command line."""
    names = [tier.name for tier in tiers()]
    parser = argparse.ArgumentParser(prog="python -m tests.suite", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, help="only this tier; can be repeated")
    only = parser.parse_args().only
    try:
        return run([tier for tier in tiers() if not only or tier.name in only])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
