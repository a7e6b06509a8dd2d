"""How many admin processes are shown while they run: a line per change, or one bar on a terminal."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.cli.admin_follow import GOOD, Asked, Follower
from reconciler.cli.output import note
from reconciler.core.admin_progress import Stage

Show = Callable[[Asked], None]


@contextmanager
def screen(follower: Follower) -> Iterator[Show]:
    """What is told of every change: a bar for several environments on a terminal, else lines."""
    if len(follower.targets) == 1 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lines
        return
    with _bar(follower) as show:
        yield show


def lines(asked: Asked) -> None:
    """A line, and where the log of a failure is."""
    note(str(asked))
    if asked.log:
        note(f"  {asked.log}")


@contextmanager
def _bar(follower: Follower) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=len(follower.targets))

        def show(asked: Asked) -> None:
            if asked.progress.stage not in GOOD:
                bar.console.print(
                    "\n".join(filter(None, (str(asked), f"  {asked.log}" if asked.log else ""))), markup=False
                )
            over = len(follower.asked) - len(follower.unfinished)
            bar.update(task, completed=over, description=_counts(follower))

        yield show


def _counts(follower: Follower) -> str:
    stages = (Stage.RUNNING, Stage.WAITING, Stage.FAILED, Stage.REFUSED, Stage.LOST)
    return ", ".join(f"{follower.stages[stage]} {stage}" for stage in stages if follower.stages[stage])
