"""The demo itself, on a cluster of its own, and what the README's tour says to do after it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import cluster
from tests.cluster import objectstore
from tests.cluster.addresses import of
from tests.cluster.leftovers import snapshot
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
    before = _of_demo(place), _of_store()
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
    assert cluster.find(NAME) is None
    assert _of_demo(place) - before[0] == frozenset()
    if not objectstore.users():  # the last user's down ends it, and others may use it meanwhile
        assert _of_store() - before[1] == frozenset()


def _of_demo(place: Place) -> frozenset[str]:
    return snapshot(of(NAME), of(second_name(NAME)), folders=[place.folder])


def _of_store() -> frozenset[str]:
    return snapshot(objectstore.OWN, folders=[objectstore.note().parent])


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
