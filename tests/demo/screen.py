"""Screen: steps with the time so far, commands before they are run, and what they say; colour on a terminal only."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from .failure import DemoError

BOLD, DIM, GREEN, RED, RESET = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"
TAIL = 15
INDENT = "        "


class Screen:
    """What the demo prints, all of it to stdout, so that it reads the same in a file."""

    def __init__(self, steps: int) -> None:
        self._steps, self._step = steps, 0
        self._begin = time.monotonic()
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.title = "the beginning"

    def step(self, title: str) -> None:
        """A new step of the story."""
        self._step, self.title = self._step + 1, title
        self._print(f"\n[{self.elapsed()}] {self._styled(BOLD, f'{self._step}/{self._steps}  {title}')}")

    def say(self, text: str = "") -> None:
        """A line of the story."""
        self._print(f"{INDENT}{text}" if text else "")

    def detail(self, text: str) -> None:
        """A line of what a program says."""
        self._print(f"{INDENT}{self._styled(DIM, text)}")

    def good(self, text: str) -> None:
        """Something that was hoped for."""
        self._print(f"[{self.elapsed()}] {self._styled(GREEN, text)}")

    def bad(self, error: object) -> None:
        """The failure of the present step."""
        head, _, rest = str(error).partition("\n")
        where = f"step {self._step} of {self._steps}, {self.title}" if self._step else self.title
        self._print(f"\n[{self.elapsed()}] {self._styled(RED, 'failed')} in {where}\nerror: {head}\n{rest}")

    def command(self, *words: str) -> None:
        """Show a command as a user types it."""
        self.line(shlex.join(words))

    def line(self, text: str) -> None:
        """Show a line of a shell: commands that are joined, or write into a file."""
        self._print(f"{INDENT}{self._styled(BOLD, f'$ {text}')}")

    def run(self, *words: str, cwd: Path, environment: Mapping[str, str], remedy: str) -> str:
        """Show a command, run it, show what it says while it says it; returns that. Raises DemoError if it fails."""
        self.command(*words)
        process = subprocess.Popen(
            list(words),
            cwd=cwd, env=dict(environment), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        lines = []
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                self.detail(lines[-1])
        if process.returncode:
            said = "\n".join(f"  | {line}" for line in lines[-TAIL:])
            raise DemoError(f"{shlex.join(words)}: exit code {process.returncode}", said=said, remedy=remedy)
        return "\n".join(lines)

    def elapsed(self) -> str:
        """Minutes and seconds since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self._begin), 60)
        return f"{minutes}:{seconds:02}"

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{RESET}" if self._colour else text

    def _print(self, text: str) -> None:
        print(text, flush=True)
