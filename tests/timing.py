"""Where the minutes of a test run go: the slowest tests and fixtures, and how long the processors waited meanwhile.

A pytest plugin, registered by `tests/conftest.py`; `make test` prints its report. Wall seconds are pytest's own. How
busy the machine was comes from the kernel's counters (`/proc/stat`, `cpuacct` or `cpu.stat` of each local cluster's
cgroup), sampled once a second, so a test that waits and a test that works are told apart.
"""

from __future__ import annotations

import bisect
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

INTERVAL = 1.0  # seconds between two samples
PULSE = 60.0  # seconds between two lines that say which tests run
ROWS = 25
SHORT = 20.0  # a run shorter than this many seconds gets no report
PROC_STAT = Path("/proc/stat")
TICKS = os.sysconf("SC_CLK_TCK")
FILE = "TENANTCTL_TEST_TIMES"  # a folder for the report as JSON, when set
OUTCOMES = {"passed": "passed", "failed": "failed", "skipped": "skipped", "reruns": "rerun"}  # ours: pytest's
IDLE = slice(3, 5)  # idle and iowait, in a line of /proc/stat


@dataclass(frozen=True)
class Sample:
    """Processor seconds since the boot, of all cores."""

    at: float  # since the epoch, as in pytest's reports
    idle: float
    total: float


@dataclass
class Load:
    """How busy the machine was, once a second."""

    samples: list[Sample] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Sample in the background until `stop`."""
        threading.Thread(target=self._sample, name="load", daemon=True).start()

    def stop(self) -> None:
        """The last sample."""
        self._done.set()
        self.samples.append(read_sample())

    def busy(self, begin: float, end: float) -> float:
        """The share of all cores that worked between two moments: 0 to 1."""
        times = [sample.at for sample in self.samples]
        first = self.samples[max(0, bisect.bisect_right(times, begin) - 1)]
        last = self.samples[min(len(times) - 1, bisect.bisect_left(times, end))]
        total = last.total - first.total
        return 1 - (last.idle - first.idle) / total if total > 0 else 0.0

    def shares(self) -> list[float]:
        """Busy shares of the intervals between samples."""
        pairs = zip(self.samples, self.samples[1:], strict=False)
        return [1 - (b.idle - a.idle) / (b.total - a.total) for a, b in pairs if b.total > a.total]

    def _sample(self) -> None:
        while not self._done.is_set():
            self.samples.append(read_sample())
            self._done.wait(INTERVAL)


def read_sample() -> Sample:
    """What the kernel counts now."""
    fields = [int(word) / TICKS for word in PROC_STAT.read_text().split("\n", 1)[0].split()[1:9]]
    return Sample(time.time(), sum(fields[IDLE]), sum(fields))


class Timing:
    """Collects what each phase of each test took."""

    def __init__(self) -> None:
        self.load = Load()
        self.phases: list[dict[str, Any]] = []
        self.fixtures: dict[str, float] = defaultdict(float)
        self.cgroups: dict[str, float] = {}
        self.running: dict[str, float] = {}
        self.done = threading.Event()
        self.begin = time.time()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.cgroups = cluster_seconds()
        self.load.start()
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        threading.Thread(target=self._tell, args=(reporter,), name="running", daemon=True).start()

    def _tell(self, reporter: pytest.TerminalReporter) -> None:
        """Say from time to time which tests run, so that a long silence is told from one that has no end."""
        while not self.done.wait(PULSE):
            now = time.time()
            running = sorted(dict(self.running).items(), key=lambda item: item[1])
            if running:
                shown = ", ".join(f"{test.partition('@')[0]} ({now - begin:.0f} s)" for test, begin in running)
                reporter.write_line(f"... after {now - self.begin:.0f} s: {shown}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node = getattr(report, "node", None)
        phase = {"test": report.nodeid, "when": report.when, "begin": report.start, "end": report.stop}
        self.phases.append(phase | {"worker": node.gateway.id if node else "", "outcome": report.outcome})
        for name, seconds in getattr(report, "fixture_seconds", ()):
            self.fixtures[name] += seconds

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.running[nodeid] = time.time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.running.pop(nodeid, None)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        end = time.time()
        self.done.set()
        self.load.stop()
        if folder := os.environ.get(FILE):
            stats = terminalreporter.stats
            outcomes = {name: len(stats.get(key, ())) for name, key in OUTCOMES.items()}
            outcomes["failed"] += len(stats.get("error", ()))
            self._write(Path(folder), end, outcomes)
        if end - self.begin < SHORT:
            return
        terminalreporter.section("where the time went")
        for line in self.lines(end):
            terminalreporter.write_line(line)

    def lines(self, end: float) -> Iterator[str]:
        """The report."""
        wall, cores = end - self.begin, os.cpu_count() or 1
        busy = self.load.busy(self.begin, end)
        yield f"{wall:.0f} s on {cores} cores, {busy:.0%} busy: {busy * wall * cores:.0f} s of work"
        shares = self.load.shares()
        if shares:
            below, above = (sum(map(test, shares)) / len(shares) for test in (lambda s: s < 0.5, lambda s: s > 0.9))
            yield f"below half busy in {below:.0%} of the seconds, above 90 % in {above:.0%}"
        used = {name: seconds - self.cgroups.get(name, 0.0) for name, seconds in cluster_seconds().items()}
        for name, seconds in sorted(used.items(), key=lambda item: -item[1]):
            if seconds >= 1:
                yield f"{seconds:9.1f} s of work in {name}"
        yield from self._slowest()
        yield "slowest fixtures, all their set-ups together:"
        for name, seconds in sorted(self.fixtures.items(), key=lambda item: -item[1])[:ROWS]:
            yield f"{seconds:9.1f} s  {name}"

    def _slowest(self) -> Iterator[str]:
        yield "slowest, with how busy the cores were meanwhile:"
        longest = sorted(self.phases, key=lambda phase: phase["begin"] - phase["end"])[:ROWS]
        for phase in longest:
            busy = self.load.busy(phase["begin"], phase["end"])
            yield f"{phase['end'] - phase['begin']:9.1f} s  {busy:4.0%}  {phase['when']:<8} {phase['test']}"

    def _write(self, folder: Path, end: float, outcomes: dict[str, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        samples = [(sample.at, sample.idle, sample.total) for sample in self.load.samples]
        content = {"begin": self.begin, "end": end, "outcomes": outcomes, "phases": self.phases, "samples": samples}
        content |= {"fixtures": self.fixtures, "clusters": cluster_seconds(), "clusters_before": self.cgroups}
        (folder / f"{int(self.begin)}.json").write_text(json.dumps(content))


class FixtureTimes:
    """Measures fixtures where the tests run, which may be another process; the times travel with the reports."""

    def __init__(self) -> None:
        self._taken: list[tuple[str, float]] = []
        self._inner: list[float] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """A fixture's own seconds: those that it waits for fixtures that it asks for itself are theirs."""
        begin = time.monotonic()
        self._inner.append(0.0)
        try:
            return (yield)
        finally:
            took = time.monotonic() - begin
            own = took - self._inner.pop()
            if self._inner:
                self._inner[-1] += took
            self._taken.append((f"{fixturedef.argname} ({fixturedef.baseid or fixturedef.scope})", own))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[pytest.TestReport]:
        report: pytest.TestReport = yield
        report.fixture_seconds = self._taken  # type: ignore[attr-defined]
        self._taken = []
        return report


def cluster_seconds() -> dict[str, float]:
    """Processor seconds of each local cluster so far: of its programs, and of its pods."""
    found = {}
    for kind, name, scale in (("cpuacct", "cpuacct.usage", 1e9), (".", "cpu.stat", 1e6)):
        for folder in sorted(Path("/sys/fs/cgroup", kind).glob("tenantctl[-.]*")):
            total, programs = (_seconds(each / name, scale) for each in (folder, folder / "programs"))
            if total:
                found[f"{folder.name} programs"] = programs
                found[f"{folder.name} pods"] = total - programs
    return found


def _seconds(file: Path, scale: float) -> float:
    try:
        text = file.read_text().split()
    except OSError:
        return 0.0
    number = text[text.index("usage_usec") + 1] if "usage_usec" in text else text[0]
    return int(number) / scale if number.isdigit() else 0.0
