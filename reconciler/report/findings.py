"""What is wrong with declarations, in the forms that people and programs read.

Renderers stand behind one table, `FORMATS`; each is a function from a validation to text, without a last line
break.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.core.finding import Finding
from reconciler.report.annotations import Placed, annotations

Lines = Callable[[Placed], str | None]


@dataclass(frozen=True)
class Validation:
    """The outcome of a validation: what is wrong, and how many environments of how many tenants are valid."""

    findings: tuple[Finding, ...]
    environments: int
    tenants: int

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def text(validation: Validation) -> str:
    """A line per finding: `path:line:column: code message`."""
    return "\n".join(map(str, validation.findings))


def text_with_lines(findings: Sequence[Placed], line_of: Lines) -> str:
    """For people: below each finding its line, with a caret where the trouble begins."""
    return "\n".join(_with_line(finding, line_of(finding)) for finding in findings)


def _with_line(finding: Placed, line: str | None) -> str:
    if not line:
        return str(finding)
    before = "".join("\t" if letter == "\t" else " " for letter in line[: finding.column - 1])
    return f"{finding}\n    {line}\n    {before}^"


def document(validation: Validation) -> dict[str, Any]:
    """The validation as plain data: the same for JSON and YAML."""
    return {
        "valid": validation.valid,
        "environments": validation.environments,
        "tenants": validation.tenants,
        "findings": [asdict(finding) for finding in validation.findings],
    }


def as_json(validation: Validation) -> str:
    """One JSON object."""
    return json.dumps(document(validation), indent=2)


def as_yaml(validation: Validation) -> str:
    """The same as YAML."""
    import yaml

    dumped: str = yaml.safe_dump(document(validation), sort_keys=False, allow_unicode=True)
    return dumped.rstrip("\n")


def name(validation: Validation) -> str:
    """The paths of the bad files, each once: for other programs."""
    return "\n".join(dict.fromkeys(finding.path for finding in validation.findings))


def github(validation: Validation) -> str:
    """Workflow commands, which GitHub shows at the lines of a pull request."""
    return annotations(("error", finding) for finding in validation.findings)


def summary(validation: Validation) -> str:
    """One sentence for people."""
    good = f"{_count(validation.environments, 'environment')} of {_count(validation.tenants, 'tenant')}"
    verb = "is" if validation.environments == 1 else "are"
    if validation.valid and not validation.environments:
        return "no environment is declared here"
    if validation.valid:
        return f"{good} {verb} valid"
    files = len({finding.path for finding in validation.findings})
    return f"{_count(len(validation.findings), 'problem')} in {_count(files, 'file')}; {good} {verb} valid"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


FORMATS: Mapping[str, Callable[[Validation], str]] = {
    "text": text,
    "json": as_json,
    "yaml": as_yaml,
    "github": github,
    "name": name,
}
