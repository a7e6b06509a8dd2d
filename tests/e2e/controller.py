"""The controller as a process of its own, with the rights of its service account."""

import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.cluster.command import end_with_parent
from tests.e2e.command import PROGRAM, ROOT, environment
from tests.e2e.waiting import eventually

RETRY_WAIT = "0.2"
LOG_TAIL = 40


@dataclass(frozen=True)
class Controller:
    """A process of `tenantctl run` and where it can be asked."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of its HTTP server; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        status, text = self.get("/metrics")
        assert status == 200, text  # else what is not known would count as 0
        lines = (line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def wait_ready(self) -> None:
        """Wait until it has read the repository and the records."""

        def ready() -> bool:
            assert self.process.poll() is None, f"the controller ended with {self.process.returncode}"
            return self.get("/readyz")[0] == 200

        eventually(ready, "the controller to be ready", 180, self.tail)

    def stop(self) -> None:
        """End it as Kubernetes does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:])


def start(
    repository: Path,
    kubeconfig: Path,
    context: str,
    log: Path,
    program: Sequence[str] = PROGRAM,
    further: Sequence[str] = (),
    **more: str,
) -> Controller:
    """Start a controller. It ends with the thread that started it, so that a killed test run leaves none behind.

    `further` are options that override those that are always given; `more` are environment variables.
    """
    port = free_port()
    options = {
        "--repository": str(repository),
        "--ref": "main",
        "--context": context,
        "--kubeconfig": str(kubeconfig),
        "--listen": f"127.0.0.1:{port}",
        "--retry-wait": RETRY_WAIT,
        "--applications-interval": "1",
        "--log-format": "json",
    }
    words = [*program, "run", *(word for option in options.items() for word in option), *further]
    with log.open("ab") as output:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment(**more),
            stdout=output,
            stderr=output,
            preexec_fn=partial(end_with_parent, signal.SIGKILL),
        )
    return Controller(process, log, port)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
