"""A region that takes connections and never answers: what it costs a merge in another region.

Half of the fleet is declared there. The peer is the same merge in the same run without that region. Goal: nothing.
Uses the tests' cluster (`python -m tests.cluster up --name test`) and leaves nothing in it.
"""

import contextlib
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests import cluster
from tests.bench.merge import ROUNDS, merged
from tests.e2e.conftest import NAME, install
from tests.e2e.controller import start
from tests.e2e.fleet import regions
from tests.e2e.lab import Json, Lab
from tests.e2e.repository import Repository
from tests.e2e.service import QUICK, lifecycle_job

SILENT = "eu-silent"
THERE = 50


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """The URL of a server to which one can connect, and that says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def kubeconfig(given: Path, url: str, folder: Path) -> Path:
    """The cluster's kubeconfig with a context for the silent region."""
    content = yaml.safe_load(given.read_text())
    content["clusters"].append({"name": SILENT, "cluster": {"server": url}})
    content["users"].append({"name": SILENT, "user": {"token": "none"}})
    content["contexts"].append({"name": SILENT, "context": {"cluster": SILENT, "user": SILENT}})
    made = folder / "kubeconfig"
    made.touch(mode=0o600)
    made.write_text(yaml.safe_dump(content))
    return made


def merges(lab: Lab, listed: list[Json], keys: Path, folder: Path) -> list[float]:
    """The seconds from merges to Workflows in the region that answers, with a controller of its own."""
    lab.sweep()  # another repository in which the environments of before are missing would be held, and rightly so
    service = lab.service("bench")
    lab.add_job(service, lifecycle_job(service, "bench", QUICK))
    folder.mkdir()
    repository = Repository(folder / "repository", listed)
    for number in range(THERE if len(listed) > 1 else 0):
        spec = {"region": SILENT, "services": [service]}
        repository.write_environment(f"{lab.name('silent')}/environment-{number}", spec)
    repository.commit("What is there already")
    controller = start(repository.folder, keys, lab.cluster.context, folder / "log")
    try:
        controller.wait_ready()
        return [merged(lab, repository, service) for _ in range(ROUNDS)]
    finally:
        controller.stop()


def main() -> int:
    """Print both medians and their ratio."""
    lab = Lab(cluster.find(NAME) or cluster.up(NAME))
    install(lab.cluster)
    answering = regions(lab.cluster.context)[:1]
    silent = {"name": SILENT, "context": SILENT, "workflowNamespace": "tenantctl-workflows"}
    with tempfile.TemporaryDirectory() as name, silence() as url:
        folder = Path(name)
        keys = kubeconfig(lab.cluster.kubeconfig, url, folder)
        try:
            alone = merges(lab, answering, keys, folder / "alone")
            beside = merges(lab, [*answering, silent], keys, folder / "beside")
        finally:
            lab.sweep()
    one, two = statistics.median(alone), statistics.median(beside)
    print(
        f"merge to Workflow beside a silent region of {THERE}: {two:.2f} s (worst {max(beside):.2f}), "
        f"without it {one:.2f} s (worst {max(alone):.2f}), ratio {two / one:.2f} (goal: about 1)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
