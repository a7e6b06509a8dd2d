"""The demo itself, on a cluster of its own, and what the README's tour says to do after it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import cluster
from tests.cluster.addresses import of
from tests.cluster.folders import state
from tests.cluster.leftovers import leftovers
from tests.demo.place import Place, second_name
from tests.test_docs import BLOCK

ROOT = Path(__file__).parents[2]
NAME = "demo-test"
SECONDS = 1800  # a cold start builds Kubernetes and Argo
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(2 * SECONDS),
    pytest.mark.skipif("CONTEXT" in os.environ, reason="a cluster that was named has other tests in it"),
]


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.demo", "--name", NAME, *words]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=SECONDS, check=False)


@pytest.fixture
def place() -> Iterator[Place]:
    demo("--down")
    yield Place(NAME)
    demo("--down")


def test_from_nothing_to_ready_and_back(place: Place) -> None:
    done = demo()
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr}"
    assert "### tenantctl plan" in done.stdout
    assert "hooli/production is Ready" in done.stdout
    assert "hooli.production: plan=premium seats=120" in done.stdout
    for line in (
        "rows before: eu-west 1000",
        "rows before: us-east -",
        "rows after: eu-west -",
        "rows after: us-east 1000",
        "search: Synced, Healthy",
        "no field changed: a lifecycle Job was new or changed",
        "application acme.staging.portal.eu-west: Synced, Healthy",
    ):
        assert line in done.stdout
    _tour(place)
    assert demo("--down").returncode == 0
    for name in (NAME, second_name(NAME)):
        assert cluster.find(name) is None
        _nothing_is_left(name)
    assert not place.folder.exists()


def _nothing_is_left(name: str) -> None:
    assert leftovers(of(name)) == []
    assert str(state(name)) not in Path("/proc/self/mounts").read_text()
    assert not state(name).exists()


def _tour(place: Place) -> None:
    """What the README says to type, and then a change by git alone: the reconciler still reads the repository."""
    tour = next(text for _, text in BLOCK.findall((ROOT / "README.md").read_text()) if "source .demo" in text)
    change = """
        before=$(tenantctl get runs acme/staging -o name | wc -l)
        sed -i 's/seats: 25/seats: 26/' tenants/acme/staging.yaml
        git commit --quiet --all --message 'One more seat' && git push --quiet
        for i in $(seq 90); do [ $(tenantctl get runs acme/staging -o name | wc -l) -gt $before ] && exit; sleep 1; done
        exit 1
    """
    script = f"set -e\n{tour.replace('eu-west', place.name)}\n{change}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, text=True, capture_output=True, timeout=200, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
