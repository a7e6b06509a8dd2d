"""Snapshots: the state of all clusters in one file, so that a plan can be made where no cluster can be reached.

It holds no secrets and no pod templates: of lifecycle Jobs only name, verbs, hash and owner.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reconciler.adapters.kube.client import Kube
from reconciler.adapters.kube.recorded import Recorded, cut, list_name
from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, WORKFLOWS, Resource
from reconciler.controller.world import Listeners, RegionWatch, World
from reconciler.core import labels
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError, UsageError
from reconciler.core.explain import KNOWN_VERSION
from reconciler.core.lifecycle_job import LifecycleJob, is_copy, read_lifecycle_job
from reconciler.core.region import Region
from reconciler.core.times import parse_rfc3339, rfc3339

Json = dict[str, Any]
KIND = "Snapshot"


def take(control: Kube, regions: Mapping[Region, Kube], annotations: Sequence[str], now: float) -> Json:
    """Write down what a plan reads. A region that does not answer is written down as that; a silent control plane
    raises.
    """
    own = ((CONFIG_MAPS, labels.selects(kind)) for kind in ("record", "fleet"))
    return {
        "apiVersion": KNOWN_VERSION,
        "kind": KIND,
        "at": rfc3339(now),
        "control": dict(_listed(control, *each, labels.CONTROL_NAMESPACE) for each in own),
        "regions": {region.name: _region(region, kube, annotations) for region, kube in regions.items()},
    }


def _region(region: Region, kube: Kube, annotations: Sequence[str]) -> Json:
    namespace = region.workflow_namespace
    try:
        raws = list(kube.list(JOBS))
        jobs = [job for raw in raws if (job := read_lifecycle_job(raw, annotations))]
        return {
            "lists": dict(
                [
                    _listed(kube, CONFIG_MAPS, labels.selects("placement"), namespace),
                    _listed(kube, WORKFLOWS, "", namespace),
                    _listed(kube, NAMESPACES, labels.TRUSTED, None),
                    (list_name(JOBS, ""), [cut(JOBS, raw) for raw in raws if is_copy(raw["metadata"])]),
                ]
            ),
            "lifecycleJobs": [asdict(job) for job in sorted(jobs, key=lambda job: (job.namespace, job.name))],
        }
    except TenantctlError as error:
        return {"trouble": str(error)}


def _listed(kube: Kube, resource: Resource, selector: str, namespace: str | None) -> tuple[str, list[Json]]:
    query = {"labelSelector": selector} if selector else {}
    return list_name(resource, selector), [cut(resource, raw) for raw in kube.list(resource, namespace, **query)]


class RecordedRegion(RegionWatch):
    """A region of a snapshot: its lifecycle Jobs were read when it was taken, and are not read again."""

    def __init__(self, region: Region, kube: Kube, jobs: Sequence[LifecycleJob]) -> None:
        super().__init__(region, kube, Listeners(), ())
        self._recorded = list(jobs)

    def discovered(self) -> list[LifecycleJob]:
        """All lifecycle Jobs, as they were then."""
        return self._recorded


def read_snapshot(document: Any, where: str, desired: Desired) -> tuple[World, float]:
    """The world of a snapshot, and its time in seconds since the epoch. Raises UsageError when it is none.

    A region that was declared after it was taken counts as silent: what it holds is unknown.
    """
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise UsageError(f"{where} is no snapshot; make one with 'tenantctl snapshot > {where}'")
    if document.get("apiVersion") != KNOWN_VERSION:
        version = document.get("apiVersion")
        raise UsageError(f"{where} is a snapshot of {version}; this tenantctl reads {KNOWN_VERSION}: take it again")
    try:
        world = World(Recorded(document["control"], where), labels.CONTROL_NAMESPACE, Listeners())
        world.control.sync()
        world.fleet_watch.sync()
        regions = document["regions"]
        world.regions = {name: _watch(each, regions.get(name), where) for name, each in desired.regions.items()}
        return world, parse_rfc3339(document["at"])
    except (KeyError, TypeError, ValueError, AttributeError, TenantctlError) as error:
        raise UsageError(f"{where} is damaged ({type(error).__name__}: {error}); take the snapshot again") from error


def _watch(region: Region, recorded: Json | None, where: str) -> RecordedRegion:
    found: Json = {"trouble": f"{where} does not know it"} if recorded is None else recorded
    jobs = [_job(item) for item in found.get("lifecycleJobs", ())]
    watch = RecordedRegion(region, Recorded(found.get("lists", {}), where), jobs)
    for reflector in watch.reflectors:
        _fill(reflector.sync, reflector, str(found.get("trouble", "")))
    return watch


def _fill(sync: Callable[[], None], reflector: Any, trouble: str) -> None:
    if trouble:
        reflector.trouble = trouble
    else:
        sync()


def _job(item: Json) -> LifecycleJob:
    return LifecycleJob(**{**item, "verbs": tuple(item["verbs"]), "unknown": tuple(item["unknown"])})
