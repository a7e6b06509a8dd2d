"""A life for the loop: git, service teams, Argo, bridges and people, each doing one thing at a time in memory.

`tests.controller.process` runs reconcilers in it, `test_model` and the scenarios of other tests say what happens.
"""

from collections.abc import Sequence
from typing import Any

from reconciler.core import labels
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.finding import Finding
from reconciler.core.fleet import ACCEPTED
from reconciler.core.names import Key
from reconciler.core.observed import read_run
from reconciler.core.placement import State
from reconciler.core.record import Record, read_record
from reconciler.core.region import Region
from reconciler.core.step import Verb
from tests.controller.bridges import CONTROL, HALF, Bridges
from tests.controller.memory import Cluster, Fuse, Json, Memory, Records, merged
from tests.controller.stores import Place
from tests.core.fleet import NOW, declaration

KEYS = (Key("acme", "a"), Key("acme", "b"), Key("beta", "a"))
REGIONS = ("eu-west", "us-east")
SERVICES = ("billing", "search")
LIMIT = 2
HELD = "invalid"
ALL = tuple(Verb)


class Past:
    """What git says, as somebody has it say: by itself, that all is as it should be."""

    def __init__(self) -> None:
        self.untrusted = ""
        self.not_shown: set[Key] = set()
        self.twins: dict[Key, Key] = {}

    def unreviewed(self, action: Any, record: Any, desired: Any) -> str:
        return f"no merge shows {action.kind}" if action.key in self.not_shown else ""

    def twin(self, key: Key, desired: Any, removed: Any) -> Key | None:
        return self.twins.get(key)

    def trust(self, desired: Any, fleet: Any, records: int) -> str:
        return self.untrusted

    def accepted(self, desired: Any, fleet: Any, records: int) -> dict[str, str | None]:
        return {} if self.untrusted or fleet.accepted == desired.revision else {ACCEPTED: desired.revision}


class Life(Bridges):
    """The clusters and all that happens to them. `changes` counts what may be a reason to launch again."""

    def __init__(self) -> None:
        Bridges.__init__(self)
        self.now, self.mono = NOW, 0.0
        self.fuse = Fuse()
        self.control = Records(self.fuse)
        self.past = Past()
        self.put_fleet(0)
        self.regions = {name: Cluster(self.fuse, name) for name in REGIONS}
        self.listed = {name: Region(name, in_flight_limit=LIMIT) for name in REGIONS}
        self.specs: dict[Key, Any] = {}
        self.versions = 0
        self.damaged: dict[tuple[str, str, str], str] = {}
        self.changes = 0

    def settle_in(self, declared: int = 1, seats: int = 1) -> None:
        """Both regions have the services, billing's Job is there, and the first environments are declared."""
        for region in REGIONS:
            for service in SERVICES:
                self.put_namespace(region, service)
            self.put_job(region, "billing", 1)
        for key in KEYS[:declared]:
            self.specs[key] = {"seats": seats, "region": "eu-west"}
        self.commit()

    def place(self, where: str) -> Memory:
        return self.control if where == CONTROL else self.regions[where]

    def readable(self, raw: Json) -> Record | None:
        return None if (CONTROL, "record", raw["metadata"]["name"]) in self.damaged else read_record(raw)

    def put_fleet(self, records: int, **more: str) -> None:
        metadata = {"name": labels.FLEET, "namespace": labels.CONTROL_NAMESPACE}
        self.control.put("fleet", labels.FLEET, {"metadata": metadata, "data": {"records": str(records), **more}})

    # -- git -------------------------------------------------------------------------------------------------------

    def commit(self) -> None:
        self.changes += 1
        self.versions += 1
        found: dict[Key, Declaration] = {}
        findings = []
        for key, spec in self.specs.items():
            if spec == HELD:
                findings.append(Finding(f"tenants/{key.tenant}/{key.environment}.yaml", 1, 1, "yaml", "broken"))
            elif spec is not None:
                found[key] = declared(key, spec)
        held = frozenset(key for key, spec in self.specs.items() if spec == HELD)
        self.desired = Desired(f"{self.versions:040x}", found, dict(self.listed), tuple(findings), held)

    def change(self, key: Key, spec: Any) -> None:
        self.specs[key] = spec
        self.commit()

    def change_oddly(self, key: Key, spec: Any) -> None:
        base = {"seats": 1, "region": "eu-west"}
        self.specs[key] = base | spec if isinstance(spec, dict) else spec
        self.commit()

    # -- service teams ---------------------------------------------------------------------------------------------

    def put_namespace(self, region: str, service: str) -> None:
        self.regions[region].put("namespace", service, {"metadata": {"name": service}})

    def put_job(self, region: str, service: str, version: int, verbs: Sequence[str] = ALL) -> None:
        self.changes += 1
        self.regions[region].put("job", f"{service}/lifecycle", lifecycle_job(service, version, verbs))

    def release(self, region: str, service: str, version: int, verbs: Sequence[str] = ALL) -> None:
        self.put_job(region, service, version, verbs)

    def remove_job(self, region: str, service: str, again: bool) -> None:
        self.changes += 1
        memory, name = self.regions[region], f"{service}/lifecycle"
        raw = memory.read("job", name)
        if raw:
            memory.remove("job", name)
        if raw and again:
            memory.put("job", name, raw)

    def toggle_namespace(self, region: str, service: str) -> None:
        self.changes += 1
        if self.regions[region].read("namespace", service):
            self.regions[region].remove("namespace", service)
        else:
            self.put_namespace(region, service)

    # -- Argo and the bridges --------------------------------------------------------------------------------------

    def bridges_start(self, which: int, only_first: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            steps = self.start(memory, raw)
            for step in steps[:1] if only_first else steps:
                self.start_step(memory, raw, step)

    def job_ends(self, which: int, failure: str, lost: bool) -> None:
        for memory, copy in chosen(self.unfinished(), which):
            self.end(memory, copy, failure, lost and failure in ("plain", HALF))

    def pods_end(self, which: int, late: bool = False) -> None:
        for memory, copy in chosen(self.unfinished(), which):
            if copy.stopped:
                self.end_pods(memory, copy, late)

    def workflow_ends(self, which: int, bridges_lost: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            if bridges_lost or all(copy.finished for copy in memory.copies_of_now(read_run(raw).name)):
                self.complete(memory, raw)

    # -- people ----------------------------------------------------------------------------------------------------

    def stop_run(self, which: int, word: str, bridges_lost: bool) -> None:
        for memory, raw in chosen(self.runs(), which):
            stopped = merged(raw, {"spec": {"shutdown": word}, "status": {"phase": "Failed"}})
            memory.put("run", raw["metadata"]["name"], stopped)
            for copy in memory.copies_of_now(raw["metadata"]["name"]):
                if not copy.finished and not bridges_lost:
                    self.stop_copy(memory, f"{copy.namespace}/{copy.name}")

    def delete_run(self, which: int, completed: bool) -> None:
        for memory, raw in chosen(self.runs(completed=completed), which):
            memory.remove("run", raw["metadata"]["name"])

    def run_by_hand(self, key: Key, region: str, verb: str = Verb.UPSERT) -> None:
        self.versions += 1
        parameters = [{"name": "tenant", "value": key.tenant}, {"name": "environment", "value": key.environment}]
        metadata = {"name": f"hand-{self.versions}", "namespace": Memory.namespace}
        spec = {"workflowTemplateRef": {"name": f"tenant-{verb}"}, "arguments": {"parameters": parameters}}
        self.regions[region].put("run", metadata["name"], {"metadata": metadata, "spec": spec})

    def patch_record(self, key: Key, data: Json) -> None:
        raw = self.control.read("record", key.dotted)
        if raw:
            self.control.put("record", key.dotted, merged(raw, {"data": data}))

    def give_up(self, key: Key, services: Sequence[str] = SERVICES) -> None:
        """Somebody says that what is there may go: the stores that are there now, wherever they are."""
        places = (place for place in self.stores.content if place.key == key and place.service in services)
        self.stores.given_up |= set(places)

    def retry(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        if raw:
            self.changes += 1
            self.versions += 1
            self.control.put("record", key.dotted, merged(raw, {"data": {"retry": str(self.versions)}}))

    def delete_record(self, key: Key) -> None:
        if self.control.read("record", key.dotted):
            self.changes += 1
            self.damaged.pop((CONTROL, "record", key.dotted), None)
            self.control.remove("record", key.dotted)

    def delete_fleet(self) -> None:
        if self.control.read("fleet", labels.FLEET):
            self.control.remove("fleet", labels.FLEET)

    def delete_placement(self, key: Key, region: str) -> None:
        if self.regions[region].read("placement", key.dotted):
            for service in SERVICES:
                self.stores.orphan(Place(region, key, service))
            self.changes += 1
            self.damaged.pop((region, "placement", key.dotted), None)
            self.regions[region].remove("placement", key.dotted)

    def damage(self, key: Key, where: tuple[str, str]) -> None:
        memory, mark = self.place(where[0]), (*where, key.dotted)
        raw = memory.read(where[1], key.dotted)
        if raw and mark not in self.damaged:
            self.damaged[mark] = raw["data"]["epoch"]
            memory.put(where[1], key.dotted, merged(raw, {"data": {"epoch": "broken"}}))

    def repair(self) -> None:
        self.changes += bool(self.damaged)
        for (where, kind, name), epoch in self.damaged.items():
            memory = self.place(where)
            memory.put(kind, name, merged(memory.objects[kind, name], {"data": {"epoch": epoch}}))
        self.damaged.clear()

    def use(self, key: Key, service: str = "billing") -> None:
        """Users write where the environment lives, if it does."""
        raw = self.control.read("record", key.dotted)
        record = self.readable(raw) if raw else None
        placed = self.placed(self.regions[record.region], key) if record and record.region in self.regions else None
        if record and placed and placed.state is State.ACTIVE:
            self.stores.write(Place(record.region, key, service))


def declared(key: Key, spec: Json) -> Declaration:
    said = {name: value for name, value in spec.items() if name != "seats"}
    return declaration(key, parameters={"seats": spec["seats"]}, **said)


def lifecycle_job(service: str, version: int, verbs: Sequence[str] = ALL) -> Json:
    annotation = ",".join(verb if verb.startswith("admin.") else f"lifecycle.{verb}" for verb in verbs)
    metadata = {"namespace": service, "name": "lifecycle", "annotations": {labels.VERBS_ANNOTATION: annotation}}
    container = {"name": "main", "image": f"{service}:{version}"}
    return {"metadata": metadata, "spec": {"suspend": True, "template": {"spec": {"containers": [container]}}}}


def chosen(items: list[Any], which: int) -> list[Any]:
    return [items[which % len(items)]] if items else []


def word(life: Life, key: Key) -> str:
    """The fixed reason that the record of an environment says."""
    raw = life.control.read("record", key.dotted)
    assert raw
    return read_record(raw).conditions[0].reason
