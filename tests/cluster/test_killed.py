"""A start that is killed at any moment: `down` leaves nothing of it, and another `up` starts anew."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import Cluster, containerd, find, network, owner
from tests.cluster.addresses import of
from tests.cluster.api import wait
from tests.cluster.folders import REPOSITORY, state
from tests.cluster.kubectl import kubectl
from tests.cluster.leftovers import snapshot

CONTAINERD = Path("/run/containerd")  # where its shims and runc keep things unless they are told another place
BUILD = 1800  # a cold start builds Kubernetes and Argo
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(BUILD + 300),
    pytest.mark.skipif("CONTEXT" in os.environ, reason="a cluster that was named is not started here"),
]

MOMENTS: dict[str, Callable[[str], Path]] = {  # each with the file that appears at that moment
    "network": lambda name: network.NAMESPACES / of(name).netns,
    "etcd": lambda name: state(name) / "processes" / "etcd",
    "containerd": lambda name: containerd.endpoint(state(name)),
}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.cluster", *words]


def run(*words: str) -> None:
    done = subprocess.run(command(*words), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def down_at_last(name: str) -> Iterator[None]:
    run("down", "--name", name)
    assert snapshot(of(name)) == frozenset()
    try:
        yield
    finally:
        run("down", "--name", name)


def kill_start(name: str, moment: str, log: Path) -> None:
    """Start a cluster, and kill that start with SIGKILL as soon as the file of `moment` exists."""
    file = MOMENTS[moment](name)
    with log.open("w") as said:
        start = subprocess.Popen(command("up", "--name", name, "--no-image"), cwd=REPOSITORY, stdout=said, stderr=said)
    with start:
        try:
            wait(
                str(file),
                file.exists,
                seconds=BUILD,
                watch=lambda: pytest.fail(log.read_text()) if start.poll() else None,
            )
        finally:
            start.kill()
    assert start.returncode == -9, log.read_text()


@pytest.mark.parametrize("moment", MOMENTS)
def test_down_leaves_nothing_of_a_start_that_was_killed(moment: str, tmp_path: Path) -> None:
    name = f"leftover-{moment}"
    with down_at_last(name):
        kill_start(name, moment, tmp_path / "log")
        left = {line.split()[0] for line in snapshot(of(name))}
        assert left >= ({"namespace"} if moment == "network" else {"namespace", "process", "cgroup", "folder"})
        run("down", "--name", name)
        assert snapshot(of(name)) == frozenset()


def test_up_starts_anew_after_a_start_that_was_killed(tmp_path: Path) -> None:
    """Until then the killed start belongs to this test run. Nothing is left of the new one either, pods included."""
    name = "leftover"
    with down_at_last(name):
        kill_start(name, "containerd", tmp_path / "log")
        assert owner.of(name) == [owner.current(f"make cluster-up NAME={name}")]
        run("up", "--name", name, "--no-image")
        found = find(name)
        assert found is not None
        containers = run_pod(found)
    assert snapshot(of(name)) == frozenset()
    assert [path for path in CONTAINERD.rglob("*") if path.name in containers] == []


def run_pod(cluster: Cluster) -> set[str]:
    """Returns when a pod runs; its containers' ids."""
    accounts = lambda: "default" in kubectl(cluster, "get", "serviceaccounts", "--output=name")  # noqa: E731
    wait("the account of pods", accounts, seconds=30, watch=lambda: None)
    kubectl(
        cluster, "run", "sleeping", f"--image={cluster.busybox}", "--restart=Never", "--command", "--", "sleep", "60"
    )
    kubectl(cluster, "wait", "pod/sleeping", "--for=condition=Ready", "--timeout=60s")
    tasks = (state(cluster.name) / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*")
    found = {path.name for path in tasks}
    assert len(found) == 2, "a pod has a sandbox and a container"
    return found
