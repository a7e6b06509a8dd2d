"""A move of an environment with 1,000 rows between two real clusters: how long, beside the Jobs that do the work.

The floor is what the service's own Jobs take, by their start and completion; all else is the saga's overhead: reading
the commit, writes, runs' pods, bridges. Goal: under 30 s. Uses the tests' clusters and leaves nothing in them.
"""

import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests import cluster
from tests.cluster import objectstore
from tests.e2e.fleet import Fleet
from tests.e2e.lab import CONTROL, PREFIX, SERVICE_ACCOUNTS, Json, Lab
from tests.e2e.regions import EAST, RECONCILER, WEST, Regions
from tests.e2e.repository import Repository
from tests.e2e.tenant import Tenant
from tests.lanes import cluster_name, second_cluster_name

ROUNDS = 3
ROWS = 1000


def lasted(copy: Json) -> float:
    """The seconds that a copy ran, by its status (whole seconds)."""
    status = copy["status"]
    start, end = (datetime.fromisoformat(status[name]) for name in ("startTime", "completionTime"))
    return (end - start).total_seconds()


def copies(both: Regions, tenant: Tenant) -> dict[str, Json]:
    """The copies of all regions by uid."""
    found = (copy for lab in both.labs.values() for copy in lab.copies(tenant.key, tenant.service))
    return {copy["metadata"]["uid"]: copy for copy in found}


def move(fleet: Fleet, both: Regions, tenant: Tenant, region: str) -> tuple[float, float]:
    """From the commit to the source cleaned up, and what the Jobs in between took, in seconds."""
    before = copies(both, tenant)
    started = time.perf_counter()
    commit = fleet.repository.declare(tenant.key, fleet.spec(tenant.service) | {"region": region})
    settled = lambda: fleet.ready(tenant.key, commit).move is None  # noqa: E731
    fleet.eventually(tenant.key, settled, f"moved to {region}")
    spent = time.perf_counter() - started
    return spent, sum(lasted(copy) for uid, copy in copies(both, tenant).items() if uid not in before)


def measure(both: Regions, folder: Path) -> list[tuple[float, float]]:
    """Moves there and back, the reconciler as the tests run it."""
    both.install()
    repository = Repository(folder / "repository", both.declared())
    others = (both.east.cluster.kubeconfig,)
    fleet = Fleet(both.west, repository, both.kubeconfig_of(folder), folder / "log", others=others)
    service = both.add_ledger()
    fleet.start()
    try:
        tenant = Tenant(both, fleet.declare("tenant", service), service)
        fleet.ready(tenant.key)
        tenant.write(WEST, ROWS)
        return [move(fleet, both, tenant, (EAST, WEST)[number % 2]) for number in range(ROUNDS)]
    finally:
        fleet.stop()


def main() -> int:
    """Print the medians: all, Jobs, the rest."""
    west, east = (Lab(cluster.find(name) or cluster.up(name)) for name in (cluster_name(), second_cluster_name()))
    with tempfile.TemporaryDirectory() as name:
        both = Regions(west, east, objectstore.up(), f"{PREFIX}bench", Path(name) / "credentials")
        for lab in both.labs.values():
            lab.sweep()
            lab.kube.delete(SERVICE_ACCOUNTS, CONTROL, RECONCILER)  # tokens of a killed run's controller end
        try:
            moves = measure(both, Path(name))
        finally:
            both.sweep()
    spent, jobs = (statistics.median(column) for column in zip(*moves, strict=True))
    rest = [one - work for one, work in moves]
    print(
        f"a move of {ROWS} rows {spent:.1f} s, its Jobs {jobs:.1f} s, ratio {spent / jobs:.1f}; "
        f"all but the Jobs {statistics.median(rest):.1f} s (worst {max(rest):.1f}, goal: under 30)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
