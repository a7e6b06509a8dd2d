"""A real SSH server for tests: Debian's sshd as an own process, with its own key, for one public key.

Where sshd is missing it is installed as the local clusters install what they need (tests/cluster/requirements.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import requirements
from tests.cluster.progress import Progress

SSHD = Path("/usr/sbin/sshd")
SSH = (
    requirements.Tool(str(SSHD), "openssh-server", "a git server over ssh"),
    requirements.Tool("ssh", "openssh-client", "git over ssh"),
)
SEPARATION = Path("/run/sshd")  # sshd(8): must be there, and root's; Debian makes it when its service starts
START_SECONDS = 20
PR_SET_PDEATHSIG = 1
CONFIGURATION = """\
ListenAddress {host}
Port {port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
"""


@dataclass(frozen=True)
class SshServer:
    """Where it listens, the private key that it lets in, and the line by which its own key is known."""

    host: str
    port: int
    key: Path
    known_hosts: str
    log: Path

    def url(self, repository: Path) -> str:
        """The URL of a repository, by its path on this machine."""
        return f"ssh://{getpass.getuser()}@{self.host}:{self.port}{repository}"


@contextlib.contextmanager
def serving(folder: Path, host: str = "127.0.0.1") -> Iterator[SshServer]:
    """A server for the time of the block; its keys are made in `folder`."""
    requirements.install(SSH, Progress(print))
    folder.mkdir(parents=True, exist_ok=True)
    own, user = make_key(folder / "host"), make_key(folder / "user")
    shutil.copy(user.with_suffix(".pub"), folder / "authorized")
    if os.geteuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    port = _free_port(host)
    (folder / "sshd.conf").write_text(CONFIGURATION.format(host=host, port=port, folder=folder))
    log = folder / "sshd.log"
    words = [SSHD, "-D", "-E", log, "-f", folder / "sshd.conf"]
    process = subprocess.Popen(words, preexec_fn=_die_with_parent)
    try:
        _await(process, (host, port), log)
        known = " ".join(own.with_suffix(".pub").read_text().split()[:2])
        yield SshServer(host, port, user, f"[{host}]:{port} {known}\n", log)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def make_key(file: Path, kind: str = "ed25519") -> Path:
    """A new private key in `file`, without a passphrase; the public one is beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    return file


def _die_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _await(process: subprocess.Popen[bytes], address: tuple[str, int], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(address, 1) as probe:
            if probe.recv(4) == b"SSH-":
                return
    raise AssertionError(f"sshd did not begin to serve: {log.read_text()}")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
