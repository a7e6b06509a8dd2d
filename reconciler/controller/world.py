"""The world as it is known now: stores that reflectors keep, and what they say of one environment."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.adapters.kube.client import Kube
from reconciler.adapters.kube.reflector import NOT_LISTED_YET, Reflector
from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, WORKFLOWS
from reconciler.adapters.kube.state import RegionState
from reconciler.adapters.kube.store import Store
from reconciler.controller.applications import ApplicationWatch
from reconciler.controller.fleet_rollouts import FleetRollouts
from reconciler.controller.rollouts import RegionRollouts
from reconciler.core import labels
from reconciler.core.application import WELL
from reconciler.core.declaration import Declaration
from reconciler.core.discovery import hashes_of
from reconciler.core.fleet import EVERYTHING, Fleet, Scope, read_fleet
from reconciler.core.job_copy import Copy, genuine, read_copy
from reconciler.core.lifecycle_job import LifecycleJob, read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.observed import Observed, Run, Site, read_run
from reconciler.core.placement import Placement, read_placement
from reconciler.core.record import Record, read_record
from reconciler.core.region import Region
from reconciler.core.step import Step, Verb
from reconciler.core.wanted import LAST, LAST_SECONDS, of_verb

Json = dict[str, Any]
Ask = Callable[[], Mapping[str, Json]]
LIFECYCLE_JOBS = "lifecycle jobs"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A ConfigMap of ours that cannot be read: neither present nor absent."""

    key: Key | None
    why: str


@dataclass(frozen=True)
class Listeners:
    """Whom changes are told to. `service` gets region and namespace; `freed` the region where a claim was closed;
    `paused` what was suspended or resumed, everything when a source was approved; `rolled` the region whose rollouts
    may have gone on.
    """

    key: Callable[[Key], None] = lambda key: None
    service: Callable[[str, str], None] = lambda region, namespace: None
    freed: Callable[[str], None] = lambda region: None
    region: Callable[[str, str], None] = lambda region, trouble: None
    control: Callable[[str], None] = lambda trouble: None
    paused: Callable[[set[Scope]], None] = lambda scopes: None
    rolled: Callable[[str], None] = lambda region: None


class RegionWatch:
    """What one region holds: its placements, runs, lifecycle Jobs, copies and enabled namespaces."""

    def __init__(
        self,
        region: Region,
        kube: Kube,
        listeners: Listeners,
        annotations: Sequence[str],
        ask: Ask = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.region = region
        self.name = region.name
        self.kube = kube
        self.state = RegionState(kube, region.workflow_namespace)
        self._listeners = listeners
        self._generation = 0
        self._offers: tuple[int, Mapping[Step, str], Mapping[Step, str]] = (-1, {}, {})
        self._clock = clock
        self._away: dict[tuple[str, str], tuple[LifecycleJob, float]] = {}
        self.rollouts = RegionRollouts()
        self.placements: Store[Placement | Damaged] = Store(_placement, _key, self._placement_changed)
        self.runs: Store[Run] = Store(read_run, _key, self._keyed)
        self.jobs: Store[LifecycleJob | Copy] = Store(
            _job_reader(annotations), _job_group, self._job_changed, self._job_leaves
        )
        self.namespaces: Store[str] = Store(lambda raw: str(raw["metadata"]["name"]), lambda name: None, self._enabled)
        self.reflectors = self._reflectors(region.workflow_namespace)
        self.applications = ApplicationWatch(region.name, self._placed, ask, listeners.key)

    def _reflectors(self, namespace: str) -> list[Reflector]:
        told = self._trouble_changed
        return [
            Reflector(self.kube, CONFIG_MAPS, self.placements, namespace, labels.selects("placement"), told),
            Reflector(self.kube, WORKFLOWS, self.runs, namespace, "", told),
            Reflector(self.kube, NAMESPACES, self.namespaces, None, labels.TRUSTED, told),
            Reflector(self.kube, JOBS, self.jobs, None, "", told),
        ]

    @property
    def trouble(self) -> str:
        """Why the region is not known now; empty when it answers."""
        return next((reflector.trouble for reflector in self.reflectors if reflector.trouble), "")

    @property
    def unheard(self) -> bool:
        """Whether anything of it was not heard of at all yet, neither well nor ill."""
        return any(reflector.trouble == NOT_LISTED_YET for reflector in self.reflectors)

    @property
    def offers(self) -> Mapping[Step, str]:
        """Every step of the trusted lifecycle Jobs, of all verbs: step → hash.

        With the hash "" those that are `away`.
        """
        return self._offered()[0]

    @property
    def upserts(self) -> Mapping[Step, str]:
        """Those of the verb `upsert`."""
        return self._offered()[1]

    def _offered(self) -> tuple[Mapping[Step, str], Mapping[Step, str]]:
        """Kept until a Job or a namespace changes, or one that is away is waited for no more."""
        self._wait_no_more()
        generation = self._generation
        kept_at, found, upserts = self._offers
        if kept_at != generation:
            live = hashes_of(self.trusted())  # first: what goes meanwhile is in both
            found = {**dict.fromkeys(self.away, ""), **live}
            upserts = of_verb(found, Verb.UPSERT)
            self._offers = (generation, found, upserts)  # another thread may put an older one there: give back our own
        return found, upserts

    @property
    def away(self) -> dict[Step, float]:
        """What has to run before anything is taken away and whose Job went a moment ago: until when it is waited for.

        Argo CD replaces a Job by deleting it first, and what is away just then is not what never was.
        """
        now, found = self._clock(), list(self._away.values())
        jobs = [(job, until) for job, until in found if now < until and self.namespaces.get("", job.namespace)]
        return {job.step(verb): until for job, until in jobs for verb in LAST if job.has(verb)}

    def _wait_no_more(self) -> None:
        now = self._clock()
        for name, (job, until) in list(self._away.items()):
            if until <= now and self._away.get(name) == (job, until):
                self._away.pop(name, None)
                self._generation += 1

    def watches(self, region: Region) -> bool:
        """Whether this is the place that the region now is at."""
        return (self.region.context, self.region.workflow_namespace) == (region.context, region.workflow_namespace)

    def discovered(self) -> list[LifecycleJob]:
        """All lifecycle Jobs, also those of namespaces that do not take part."""
        return [job for job in self.jobs.grouped(LIFECYCLE_JOBS) if isinstance(job, LifecycleJob)]

    def trusted(self) -> list[LifecycleJob]:
        """The lifecycle Jobs of enabled namespaces."""
        return [job for job in self.discovered() if self.namespaces.get("", job.namespace)]

    def copies(self, key: Key, record: Record | None) -> list[Copy]:
        """The copies of one environment, of steps that are claimed or have an outcome."""
        said = [copy for copy in self.jobs.grouped(key) if isinstance(copy, Copy)]
        if not said:
            return []
        steps = self.steps(key, record)
        return [copy for copy in said if genuine(copy, steps)]

    def steps(self, key: Key, record: Record | None) -> set[Step]:
        """The steps that may have copies: bridges write an outcome before a copy runs, claims name theirs before."""
        placement = self.placement(key)
        claimed = record.claim.steps if record and record.claim else ()
        return {*claimed, *(placement.outcomes if isinstance(placement, Placement) else ())}

    def placement(self, key: Key) -> Placement | Damaged | None:
        """The placement of one environment."""
        return self.placements.get(self.state.namespace, key.dotted)

    def _placed(self) -> list[Placement]:
        return [found for found in self.placements.values() if isinstance(found, Placement)]

    def recorded(self, key: Key) -> None:
        """The record of an environment changed, by which it may take part in rollouts, or not, or be held."""
        self.rollouts.touch(key)
        self._listeners.rolled(self.name)

    def _placement_changed(self, before: Placement | Damaged | None, after: Placement | Damaged | None) -> None:
        key = _key(after or before)
        if key:
            self.rollouts.touch(key)
            self._listeners.rolled(self.name)
        self._keyed(before, after)

    def _keyed(self, before: Any, after: Any) -> None:
        key = (after or before).key
        if key:
            self._listeners.key(key)

    def _job_changed(self, before: LifecycleJob | Copy | None, after: LifecycleJob | Copy | None) -> None:
        if after is not None:
            self._away.pop((after.namespace, after.name), None)
        for job in {item for item in (before, after) if item is not None}:
            if isinstance(job, Copy):
                self._listeners.key(job.key)
            else:
                self._offer_changed(job.namespace)

    def _job_leaves(self, job: LifecycleJob | Copy) -> None:
        if isinstance(job, LifecycleJob):
            self._away[job.namespace, job.name] = (job, self._clock() + LAST_SECONDS)

    def _enabled(self, before: str | None, after: str | None) -> None:
        self._offer_changed(str(after or before))

    def _offer_changed(self, namespace: str) -> None:
        self._generation += 1
        self.rollouts.touch_held()
        self._listeners.service(self.name, namespace)

    def _trouble_changed(self, trouble: str) -> None:
        self._listeners.region(self.name, trouble)


class World:
    """Records and the fleet of the control plane, and the watches of all regions."""

    def __init__(
        self, control: Kube, namespace: str, listeners: Listeners, clock: Callable[[], float] = time.time
    ) -> None:
        self._listeners = listeners
        self._namespace = namespace
        self.control_kube = control
        self.records: Store[Record | Damaged] = Store(_record, _claimed_region, self._record_changed)
        records = labels.selects("record")
        self.control = Reflector(control, CONFIG_MAPS, self.records, namespace, records, listeners.control)
        self.fleets: Store[Fleet] = Store(read_fleet, lambda fleet: None, self._fleet_changed)
        fleets = labels.selects("fleet")
        self.fleet_watch = Reflector(control, CONFIG_MAPS, self.fleets, namespace, fleets, listeners.control)
        self.regions: dict[str, RegionWatch] = {}  # replaced, never changed: others are going through it
        self.rollouts = FleetRollouts(lambda: self.regions, self._readable, lambda: self.fleet, clock)

    def reflectors(self) -> list[Reflector]:
        """All reflectors."""
        return [
            self.control,
            self.fleet_watch,
            *(item for region in self.regions.values() for item in region.reflectors),
        ]

    def stop(self) -> None:
        """Stop every reflector."""
        for reflector in self.reflectors():
            reflector.stop()
        for region in self.regions.values():
            region.applications.stop()

    def record(self, key: Key) -> Record | Damaged | None:
        """The record of one environment."""
        return self.records.get(self._namespace, key.dotted)

    def _readable(self, key: Key) -> Record | None:
        record = self.record(key)
        return record if isinstance(record, Record) else None

    def keys(self) -> set[Key]:
        """The keys of all records, and of placements, which may lack theirs."""
        return {item.key for item in self.records.values() if item.key} | self.placed_keys()

    def placed_keys(self) -> set[Key]:
        """The keys of all placements."""
        regions = self.regions.values()
        return {item.key for region in regions for item in region.placements.values() if item.key}

    @property
    def fleet(self) -> Fleet:
        """What holds for many environments at once."""
        return self.written_fleet or Fleet()

    @property
    def written_fleet(self) -> Fleet | None:
        """The same, None where its ConfigMap is missing."""
        return self.fleets.get(self._namespace, labels.FLEET)

    def places(self) -> list[Region]:
        """The regions that are watched; one that is in the control plane's own cluster without a context."""
        watches = self.regions.values()
        return [
            replace(each.region, context=None) if each.kube is self.control_kube else each.region for each in watches
        ]

    def in_flight(self, region: str) -> int:
        """How many claims are open in a region."""
        return len(self.records.grouped(region))

    def observe(self, key: Key, declaration: Declaration | None, made_again: Record | None = None) -> Observed:
        """What is known of one environment now. `made_again`: a record that is not stored yet."""
        found = made_again or self.record(key)
        record = found if isinstance(found, Record) else None
        region = self._region_of(key, found, declaration)
        placement = region.placement(key) if region else None
        regions = self.regions.values()
        silent = {each.name: each.trouble for each in regions if each.trouble}
        return Observed(
            record=record,
            region=region.name if region else "",
            placement=placement if isinstance(placement, Placement) else None,
            upserts=region.upserts if region else {},
            active=self._active(key, region, record),
            silent=silent,
            damaged=self._damage(key, found, declaration),
            fleet=self.fleet,
            sites={name: self._site(key, each, record) for name, each in self.regions.items() if name not in silent},
            rollouts=self.rollouts,
            applications=region.applications.stand(placement) if region and isinstance(placement, Placement) else WELL,
        )

    def _site(self, key: Key, region: RegionWatch, record: Record | None) -> Site:
        placement = region.placement(key)
        known = placement if isinstance(placement, Placement) else None
        return Site(known, region.offers, self._active(key, region, record), region.away)

    def _damage(self, key: Key, record: Record | Damaged | None, declaration: Declaration | None) -> str:
        """Why the record, or a placement where the environment is or may be, cannot be read."""
        names = {declaration.region} if declaration else set()
        if isinstance(record, Record):
            names |= {record.region, record.move.to if record.move else "", record.move.source if record.move else ""}
        elif record is None:
            names = set(self.regions)
        placements = (self.regions[name].placement(key) for name in sorted(names) if name in self.regions)
        return next((item.why for item in (record, *placements) if isinstance(item, Damaged)), "")

    def _region_of(
        self, key: Key, record: Record | Damaged | None, declaration: Declaration | None
    ) -> RegionWatch | None:
        """Where the environment is; where it is to be, while nothing was placed anywhere yet."""
        recorded = self.regions.get(record.region) if isinstance(record, Record) else None
        if isinstance(record, Record) and record.gone and declaration:
            return self.regions.get(declaration.region)
        if isinstance(record, Record) and (record.applied_digest or record.claim or record.move or declaration is None):
            return recorded
        if recorded and recorded.placement(key):
            return recorded
        return self.regions.get(declaration.region) if declaration else None

    def _active(self, key: Key, region: RegionWatch | None, record: Record | None) -> tuple[str, ...]:
        if region is None:
            return ()
        runs = {run.name for run in region.runs.grouped(key) if not run.completed}
        runs |= {copy.run for copy in region.copies(key, record) if not copy.finished}
        return tuple(sorted(runs))

    def _fleet_changed(self, before: Fleet | None, after: Fleet | None) -> None:
        old, new = (before or Fleet()).pauses, (after or Fleet()).pauses
        for region in self.regions.values() if old != new else ():
            region.rollouts.touch_all()
            self._listeners.rolled(region.name)
        changed = {scope for scope in {*old, *new} if old.get(scope) != new.get(scope)}
        approved = after is not None and after.source not in ("", before.source if before else "")
        self._listeners.paused(changed | {EVERYTHING} if approved else changed)

    def _record_changed(self, before: Record | Damaged | None, after: Record | Damaged | None) -> None:
        old, new = _claimed_region(before), _claimed_region(after)
        if old and old != new:
            self._listeners.freed(str(old))
        key = (after or before).key  # type: ignore[union-attr]  # a store never tells of None becoming None
        if key:
            for region in self.regions.values():
                region.recorded(key)
            self._listeners.key(key)


def _record(raw: Json) -> Record | Damaged:
    try:
        return read_record(raw)
    except ValueError as error:
        return Damaged(_name_key(raw), str(error))


def _placement(raw: Json) -> Placement | Damaged:
    try:
        return read_placement(raw)
    except ValueError as error:
        return Damaged(_name_key(raw), str(error))


def _job_reader(annotations: Sequence[str]) -> Callable[[Json], LifecycleJob | Copy | None]:
    def read(raw: Json) -> LifecycleJob | Copy | None:
        copy = read_copy(raw)
        trial = copy is not None and copy.kind == labels.TRIAL  # of a made-up environment, though it may have our names
        return None if trial else copy or read_lifecycle_job(raw, annotations)

    return read


def _job_group(job: LifecycleJob | Copy) -> Key | str:
    return job.key if isinstance(job, Copy) else LIFECYCLE_JOBS


def _key(item: Any) -> Key | None:
    key: Key | None = item.key
    return key


def _claimed_region(item: Record | Damaged | None) -> str | None:
    return item.claim.region if isinstance(item, Record) and item.claim else None


def _name_key(raw: Json) -> Key | None:
    try:
        return Key.parse(raw["metadata"]["name"])
    except ValueError:
        return None
