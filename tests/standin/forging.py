"""Forging: starts the forge, asks it for containers' processes, and tells whoever waits for one that it ended."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.folders import REPOSITORY

from .forge import LONGEST

Json = dict[str, Any]


@dataclass
class Process:
    """A container's process; `ended` is called with its exit code, once."""

    number: int
    ended: Callable[[int], None]
    pid: int = 0
    started: threading.Event = field(default_factory=threading.Event)


class Forging:
    """Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._channel, other):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        words = [sys.executable, "-m", "tests.standin.forge", str(other.fileno()), str(folder)]
        self._forge = subprocess.Popen(words, cwd=REPOSITORY, pass_fds=[other.fileno()])
        other.close()
        self._numbers = itertools.count(1)
        self._processes: dict[int, Process] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, request: Json, output: int, ended: Callable[[int], None]) -> Process:
        """Start a process whose output goes to the pipe `output`, which is closed here."""
        process = Process(next(self._numbers), ended)
        self._processes[process.number] = process
        data = json.dumps(request | {"id": process.number}).encode()
        socket.send_fds(self._channel, [data], [output])
        os.close(output)
        process.started.wait()
        return process

    def signal(self, process: Process, number: int) -> None:
        """Send it a signal, unless it has ended."""
        self._channel.send(json.dumps({"id": process.number, "signal": number}).encode())

    def _listen(self) -> None:
        while data := self._channel.recv(LONGEST):
            said = json.loads(data)
            process = self._processes[said["id"]]
            if "pid" in said:
                process.pid = said["pid"]
                process.started.set()
            else:
                del self._processes[process.number]
                process.ended(said["code"])
        os._exit(1)  # without a forge there is nothing that we can do
