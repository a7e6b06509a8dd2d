"""The comment action's step: one comment at the pull request that a run was for, made once and then edited in place.

The folder may come from a fork's run, so nothing in it is trusted: the number must be of a pull request whose head is
the commit that the run was for, and the text must begin with the marker and fit. Only the standard library.
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARKER = "<!-- tenantctl plan -->"
LIMIT = 65_536
PAGE = 100
PAGES_MOST = 50
TRIES = 3
PAUSE_SECONDS = float(os.environ.get("RETRY_SECONDS", "2"))
NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class Refused(Exception):
    """What the folder says is not taken, or GitHub's answer was no."""


def main() -> int:
    """Comment, or say why not; a pull request that has moved on gets none: its next run brings one."""
    folder = Path(os.environ["FOLDER"])
    run = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
    try:
        number = _number(folder / "number")
        text = _text(folder / "plan.md", run)
        pull = _call("GET", f"/pulls/{number}")
        if pull["head"]["sha"] != run["head_sha"]:
            print(f"::notice::pull request {number} is at another commit than this run's: not commented")
            return 0
        _put(number, text)
    except Refused as error:
        print(f"::error::{error}")
        return 1
    return 0


def _number(file: Path) -> str:
    text = _read(file, 20).strip()
    if not NUMBER.fullmatch(text):
        raise Refused("the artifact names no pull request")
    return text


def _text(file: Path, run: dict[str, Any]) -> str:
    """The comment: the plan, with the run that made it. Raises Refused for anything that is no plan."""
    text = _read(file, 4 * LIMIT).rstrip()
    if not text.startswith(f"{MARKER}\n"):
        raise Refused("the artifact holds no plan")
    made = f"{text}\n<sub>Made by [this run]({run['html_url']}) of {run['head_sha'][:7]}.</sub>"
    if len(made.encode("utf-16-le")) // 2 > LIMIT:
        raise Refused("the plan is longer than a comment can be")
    return made


def _read(file: Path, most: int) -> str:
    """A file that is one: what a link points at would be published."""
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > most:
            raise Refused(f"{file.name} of the artifact is no file of a fitting size")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file.name} of the artifact cannot be read: {error}") from error


def _put(number: str, text: str) -> None:
    """Edit our comment, or make it; other people's comments may hold the marker too, and stay as they are."""
    ours = next((each for each in _comments(number) if _is_ours(each)), None)
    if ours is None:
        _call("POST", f"/issues/{number}/comments", {"body": text})
        print(f"commented on pull request {number}")
    elif ours["body"] != text:
        _call("PATCH", f"/issues/comments/{ours['id']}", {"body": text})
        print(f"edited the comment at pull request {number}")
    else:
        print(f"the comment at pull request {number} says this already")


def _is_ours(comment: dict[str, Any]) -> bool:
    return comment["user"]["type"] == "Bot" and (comment["body"] or "").startswith(MARKER)


def _comments(number: str) -> Iterator[dict[str, Any]]:
    for page in range(1, PAGES_MOST + 1):
        found = _call("GET", f"/issues/{number}/comments?per_page={PAGE}&page={page}")
        yield from found
        if len(found) < PAGE:
            return


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One call of GitHub's API, tried again when the server is at fault. Raises Refused."""
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}{path}"
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = json.dumps(body).encode() if body is not None else None
    for attempt in range(1, TRIES + 1):
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == TRIES:
                raise Refused(f"{method} {path}: {error.code} {_said(error)}") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
            if attempt == TRIES:
                raise Refused(f"{method} {path}: {error}") from error
        time.sleep(PAUSE_SECONDS * attempt)
    raise AssertionError("a try either returns or raises")


def _said(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read()).get("message", ""))
    except (ValueError, AttributeError, OSError):
        return str(error.reason)


if __name__ == "__main__":
    sys.exit(main())
