"""What `jobs lint` says, in the forms that people and programs read; `FORMATS` is the table of renderers."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from reconciler.core.job_contract import Level
from reconciler.report.annotations import annotations

SIGNS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}


@dataclass(frozen=True, order=True, slots=True)
class JobFinding:
    """One piece of advice and its place; lines and columns count from 1."""

    path: str
    line: int
    column: int
    level: Level
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.level} {self.code} {self.message}"


def text(findings: Sequence[JobFinding]) -> str:
    """A line per finding: `path:line:column: level code message`."""
    return "\n".join(map(str, findings))


def as_json(findings: Sequence[JobFinding]) -> str:
    """A list of objects."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def github(findings: Sequence[JobFinding]) -> str:
    """Workflow commands, which GitHub shows at the lines of a pull request."""
    return annotations((SIGNS[finding.level], finding) for finding in findings)


def summary(findings: Sequence[JobFinding], jobs: int) -> str:
    """One sentence for people."""
    if not jobs and not findings:
        return "no lifecycle Job is in here"
    counts = Counter(finding.level for finding in findings)
    parts = [_count(counts[level], noun) for level, noun in NOUNS if counts[level]]
    return f"{_count(jobs, 'lifecycle Job')}: {', '.join(parts) or 'nothing to mend'}"


NOUNS = ((Level.ERROR, "error"), (Level.WARNING, "warning"), (Level.INFO, "note"))
FORMATS: Mapping[str, Callable[[Sequence[JobFinding]], str]] = {"text": text, "json": as_json, "github": github}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
