"""The plan action's step: annotations and a summary for GitHub, and a folder with what the comment is made of.

Exit code: tenantctl's; 3 when what the pull request declares is invalid, which the folder then shows.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

INVALID = 3
DESTRUCTIVE = ("DECOMMISSION", "MIGRATE")


def main() -> int:
    """Plan once for each reader: GitHub, this step, and people."""
    github = _plan("github", stdout=None)
    if github.returncode not in (0, INVALID):
        return github.returncode
    document = json.loads(_plan("json").stdout)
    folder = Path(os.environ["RUNNER_TEMP"]) / "tenantctl-plan"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.md").write_text(_plan("markdown").stdout, encoding="utf-8")
    (folder / "number").write_text(_number(), encoding="utf-8")
    changes = document["actions"] + document["holds"]
    told = {
        "id": document["id"],
        "changes": len({(each["tenant"], each["environment"]) for each in changes}),
        "destructive": sum(map(_is_destructive, changes)),
        "folder": folder,
    }
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.writelines(f"{name}={value}\n" for name, value in told.items())
    return github.returncode


def _plan(form: str, stdout: int | None = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    """Only for GitHub may it add to the job's summary."""
    words = ["tenantctl", "plan", f"--from={os.environ['FROM']}", f"--to={os.environ['TO']}", "--output", form]
    return subprocess.run(words, stdout=stdout, text=True, encoding="utf-8", check=False)


def _is_destructive(change: dict[str, Any]) -> bool:
    return change["action"] in DESTRUCTIVE or bool(change.get("removals"))


def _number() -> str:
    """The pull request's number; empty for other events."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    return str(event.get("pull_request", {}).get("number", ""))


if __name__ == "__main__":
    sys.exit(main())
