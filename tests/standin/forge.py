"""The forge: a process that has imported all that bridges need, and forks one child for every container.

It has one thread, so that a fork is safe. `python -m tests.standin.forge FD FOLDER` is started by `forging`, which
sends requests over the socket FD: JSON, and the end of a pipe for the output. It answers with pids and exit codes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from . import images, roots, syscalls

Json = dict[str, Any]
LONGEST = 1 << 20
IMPORTED = (  # whatever a bridge would import, also late
    "kubernetes.client",
    "kubernetes.config",
    "obstore.store",
    "urllib3",
    "yaml",
    "reconciler.adapters.kube.reflector",
    "reconciler.adapters.objectstore",
    "reconciler.bridge.__main__",
    "reconciler.bridge.application",
    "reconciler.bridge.discover",
    "reconciler.bridge.job",
)
NOT_STARTED = 128  # as runc's callers report what could not be started


def main(channel: socket.socket, folder: Path) -> None:
    """Serve until the other end is gone."""
    syscalls.die_with_parent()
    for name in IMPORTED:
        importlib.import_module(name)
    syscalls.private_mounts()
    host = folder / "host"
    roots.empty(host)
    roots.of_machine(host, images.OF_HOST)
    gc.collect()
    gc.freeze()  # else every fork would copy the pages that a collection touches
    Forge(channel, host, folder / "root").serve()


class Forge:
    """Children by the number of their request."""

    def __init__(self, channel: socket.socket, host: Path, root: Path) -> None:
        self._channel, self._host, self._root = channel, host, root
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        """Requests and ends of children, until the socket is closed."""
        waker, wakened = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakened)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(waker, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is waker:
                        os.read(waker, 4096)
                    elif not self._take():
                        return
                self._reap()

    def _take(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._channel, LONGEST, 1)
        if not data:
            return False
        request = json.loads(data)
        if "signal" in request:
            self._signal(request)
        else:
            self._start(request, fds[0])
        return True

    def _signal(self, request: Json) -> None:
        for pid, number in self._children.items():
            if number == request["id"]:
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if request["signal"] == signal.SIGKILL else os.kill)(pid, request["signal"])

    def _start(self, request: Json, output: int) -> None:
        own_pids = not request["bridge"] and request["firstProcess"]
        if own_pids:
            syscalls.unshare(syscalls.NEW_PIDS)
        pid = os.fork()
        if pid == 0:
            self._child(request, output, own_pids=own_pids)
        if own_pids:
            syscalls.rejoin_pids(self._own_pids)
        os.close(output)
        self._children[pid] = request["id"]
        self._say(id=request["id"], pid=pid)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # what it left behind
            code = os.waitstatus_to_exitcode(status)
            self._say(id=self._children.pop(pid), code=code if code >= 0 else 128 - code)

    def _say(self, **what: int) -> None:
        self._channel.send(json.dumps(what).encode())

    def _child(self, request: Json, output: int, *, own_pids: bool) -> None:
        code = NOT_STARTED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._channel.close()
            os.setsid()
            with Path(os.devnull).open() as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            self._enter(request, own_pids=own_pids)
            code = _bridge(request) if request["bridge"] else _execute(request)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _enter(self, request: Json, *, own_pids: bool) -> None:
        syscalls.private_mounts()
        root = self._host if request["tree"] is None else self._root
        if request["tree"] is not None:
            roots.empty(root)
            roots.of_tree(root, Path(request["tree"]))
        roots.add(root, request["binds"])
        roots.enter(root, own_pids=own_pids, read_only=request["readOnly"])
        os.chdir(request["folder"])
        os.setgroups(request["groups"])
        os.setgid(request["group"])
        os.setuid(request["user"])
        syscalls.die_with_parent()


def _execute(request: Json) -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored stays so
    environment = request["environment"]
    program = request["command"][0]
    (os.execve if "/" in program else os.execvpe)(program, request["command"], environment)
    return NOT_STARTED


def _bridge(request: Json) -> int:
    """The module that `python -m` would run, with the environment and the words of the container."""
    from reconciler.bridge.__main__ import main as run

    os.environ.clear()
    os.environ.update(request["environment"])
    random.seed()
    return run(request["command"][3:])


if __name__ == "__main__":
    number, place = sys.argv[1:]
    main(socket.socket(fileno=int(number)), Path(place))
