"""Commands whose output goes to a log: a build ends with the start that began it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cluster import process
from tests.e2e.waiting import eventually

STARTS = """
import sys
from pathlib import Path
from tests.cluster.command import run
run(["sh", "-c", f"echo $$ >{sys.argv[1]}/pid; exec sleep 600"], remedy="", log=Path(sys.argv[1]) / "log")
"""
ROOT = Path(__file__).parents[2]


def test_a_command_with_a_log_ends_with_who_started_it(tmp_path: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTS, str(tmp_path)], cwd=ROOT)
    pid = int(eventually(lambda: (tmp_path / "pid").read_text(), "the command to run", 60))
    identity = process.identity(pid)
    assert identity
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait(60)
    eventually(lambda: not process.alive(identity), "the command to end", 60)
