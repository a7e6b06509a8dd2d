"""The lines of files that findings are about, for people to see."""

import re
import stat
from pathlib import Path

from reconciler.report.annotations import Placed

# What GitHub's runner takes for a command wherever it is printed (ActionCommand.cs in actions/runner): the hook prints
# lines of a pull request in CI.
COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)")
READ_MOST, SHOWN_MOST = 64 * 1024, 200


def line_of(finding: Placed) -> str | None:
    """The line that a finding is about, as far as it can be shown; None where there is no file (a link, a pipe)."""
    try:
        if not stat.S_ISREG(Path(finding.path).lstat().st_mode):
            return None
        with Path(finding.path).open("rb") as file:
            lines = file.read(READ_MOST).decode(errors="replace").split("\n")
    except OSError:
        return None
    return shown(lines[finding.line - 1].rstrip("\r") if finding.line <= len(lines) else "")


def shown(text: str) -> str:
    """A line of somebody's file as it can be shown: nothing that a terminal or GitHub's runner would obey."""
    clean = "".join(letter if letter.isprintable() or letter == "\t" else "\ufffd" for letter in text)
    return COMMAND.sub(lambda found: f"{found[1] or ''}\ufffd", clean)[:SHOWN_MOST]
