"""Wiring: which implementation stands behind which port. Only here, and only for the commands that need clusters."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.credentials import Credentials
from reconciler.adapters.git import Repository
from reconciler.adapters.kube import Kube, NoCluster, connect
from reconciler.adapters.kube.connect import in_cluster
from reconciler.adapters.kube.state import Fleets, Records
from reconciler.cli.applications import applications_of
from reconciler.controller.history import GitHistory
from reconciler.controller.reconciler import Reconciler
from reconciler.controller.settings import Settings
from reconciler.controller.world import Listeners, RegionWatch, World
from reconciler.core import labels
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError, UsageError
from reconciler.core.lifecycle_job import lifecycle_annotations
from reconciler.core.region import Region


@dataclass(frozen=True)
class Place:
    """Where the control plane is: a kubeconfig's context, or the cluster that we run in."""

    context: str | None = None
    kubeconfig: str | None = None
    local_region: str = ""

    def control(self) -> Kube:
        """The control plane's cluster. Raises UsageError when there is none."""
        return connect(self.context, self.kubeconfig)


def default_cache() -> Path:
    """Where mirrors of remote repositories are kept."""
    base = os.environ.get("TENANTCTL_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "tenantctl" / "mirrors"


def credentials() -> Credentials:
    """How to log in at remote repositories: the folder that TENANTCTL_CREDENTIALS names. Raises UsageError."""
    folder = os.environ.get("TENANTCTL_CREDENTIALS")
    if folder and not Path(folder).is_dir():
        raise UsageError(f"TENANTCTL_CREDENTIALS: {folder} is no folder; docs/operations.md says what belongs there")
    return Credentials(Path(folder) if folder else None)


@contextmanager
def repository(location: str) -> Iterator[Repository]:
    """The repository, open and up to date."""
    with Repository.open(location, cache=default_cache(), credentials=credentials()) as opened:
        opened.fetch()
        yield opened


def read_desired(location: str, ref: str) -> Desired:
    """What is declared at a ref now."""
    with repository(location) as opened:
        return opened.desired(opened.resolve(ref))


def region_cluster(place: Place, control: Kube, region: Region) -> Kube:
    """The cluster of a region; one that cannot be addressed answers every call with the reason."""
    if region.context is None or (
        in_cluster() and place.kubeconfig is None and place.local_region in ("", region.name)
    ):
        return control
    try:
        return connect(region.context, place.kubeconfig)
    except TenantctlError as error:
        return NoCluster(str(error))


def region_factory(place: Place, control: Kube, listeners: Listeners) -> Callable[[Region], RegionWatch]:
    """How a region that was declared becomes one that is watched."""
    annotations = lifecycle_annotations(os.environ)

    def watch(region: Region) -> RegionWatch:
        kube = region_cluster(place, control, region)
        return RegionWatch(region, kube, listeners, annotations, applications_of(kube, region.workflow_namespace))

    return watch


def synced_world(place: Place, desired: Desired, listeners: Listeners | None = None) -> tuple[World, Records]:
    """The world, listed once. A region that does not answer is marked so; a silent control plane raises."""
    from concurrent.futures import ThreadPoolExecutor

    control = place.control()
    told = listeners or Listeners()
    world = World(control, labels.CONTROL_NAMESPACE, told)
    world.control.sync()
    world.fleet_watch.sync()
    factory = region_factory(place, control, told)
    world.regions.update({region.name: factory(region) for region in desired.regions.values()})
    reflectors = [item for region in world.regions.values() for item in region.reflectors]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(_sync, reflectors))
        list(pool.map(lambda region: region.applications.look(), world.regions.values()))
    return world, Records(control, labels.CONTROL_NAMESPACE)


def _sync(reflector: object) -> None:
    try:
        reflector.sync()  # type: ignore[attr-defined]
    except TenantctlError as error:
        reflector.trouble = str(error)  # type: ignore[attr-defined]


def reader_of(location: str, world: World, clock: Callable[[], float]) -> Reconciler:
    """For previews of a world that was written down: whatever it would write has no place to go."""
    nowhere = NoCluster("a snapshot is no cluster")
    records, fleets = Records(nowhere, labels.CONTROL_NAMESPACE), Fleets(nowhere, labels.CONTROL_NAMESPACE)
    with Repository.open(location, cache=default_cache()) as past:
        return Reconciler(world, records, Settings(), clock, GitHistory(past, world.record), fleets)


def reconciler_of(place: Place, location: str, world: World, records: Records, settings: Settings) -> Reconciler:
    """One pass at a time over a world; `location` is the repository whose history is asked."""
    fleets = Fleets(place.control(), labels.CONTROL_NAMESPACE)
    with Repository.open(location, cache=default_cache()) as past:
        return Reconciler(world, records, settings, time.time, GitHistory(past, world.record), fleets)
