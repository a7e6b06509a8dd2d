"""The fleet: the one ConfigMap about all environments together, and what of it holds a single one.

Its pauses are keys of their own (`pause.all`, `pause.tenant.<name>`, `pause.region.<name>`), written by the command
line, each write guarded by the version that was read, together with a line of the fleet's own history.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.core.mark import Mark
from reconciler.core.names import Key, is_name
from reconciler.core.record import Entry, Record, read_entries
from reconciler.core.region import Region

Json = dict[str, Any]

PAUSE = "pause."
ACCEPTED = "accepted"
SOURCE = "source"
RECORDS = "records"
REGIONS = "regions"
HISTORY = "history"
HISTORY_MAX = 20


class Reach(StrEnum):
    """How far a pause of the fleet reaches; also the name of the option that says so."""

    EVERYTHING = "all"
    TENANT = "tenant"
    REGION = "region"


@dataclass(frozen=True, order=True, slots=True)
class Scope:
    """What a pause of the fleet is about: everything, or the tenant or region of that name."""

    reach: Reach
    name: str = ""

    def __str__(self) -> str:
        return "everything" if self.reach is Reach.EVERYTHING else f"{self.reach} {self.name}"

    @property
    def option(self) -> str:
        """How the command line is told of it."""
        return f"--{self.reach} {self.name}".rstrip()

    @property
    def data_key(self) -> str:
        """The fleet's key of its pause."""
        return PAUSE + (f"{self.reach}.{self.name}" if self.name else self.reach)

    def covers(self, key: Key, regions: Collection[str]) -> bool:
        """Whether an environment that is, or is to be, in these regions is within it."""
        return {Reach.EVERYTHING: True, Reach.TENANT: self.name == key.tenant, Reach.REGION: self.name in regions}[
            self.reach
        ]

    @classmethod
    def of_data_key(cls, key: str) -> "Scope | None":
        """Read a key of the fleet; None when it is about something else."""
        reach, _, name = key.removeprefix(PAUSE).partition(".")
        known = key.startswith(PAUSE) and reach in Reach.__members__.values()
        return cls(Reach(reach), name) if known and bool(name) is (reach != Reach.EVERYTHING) else None


EVERYTHING = Scope(Reach.EVERYTHING)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the fleet's ConfigMap says of pauses, of the source and of records, and who used its levers last.

    `accepted`: the last commit that was trusted; `source`: the commit that somebody approved, though it does not follow
    from that; `records`: how many there are, tombstones too, None where that is not known; `regions`: where each is,
    for commands that have no repository at hand.
    """

    pauses: Mapping[Scope, Mark] = field(default_factory=dict)
    history: tuple[Entry, ...] = ()
    accepted: str = ""
    source: str = ""
    records: int | None = None
    regions: Mapping[str, Region] = field(default_factory=dict)

    def over(self, key: Key, regions: Collection[str]) -> list[tuple[Scope, Mark]]:
        """The pauses of what an environment belongs to, in force or not, the widest first."""
        scopes = [EVERYTHING, Scope(Reach.TENANT, key.tenant), *(Scope(Reach.REGION, name) for name in sorted(regions))]
        return [(scope, self.pauses[scope]) for scope in scopes if scope in self.pauses]

    def in_force(self, now: float) -> list[tuple[Scope, Mark]]:
        """All its pauses that hold something at `now`."""
        return sorted((scope, mark) for scope, mark in self.pauses.items() if mark.in_force(now))


@dataclass(frozen=True, slots=True)
class Suspension:
    """A pause that is in force for an environment: what was suspended, how to resume it, and by whom and why."""

    what: str
    option: str
    mark: Mark

    def __str__(self) -> str:
        return f"{self.what} was suspended {self.mark}; 'tenantctl resume {self.option}' lifts it"


def suspensions(
    key: Key, record: Record | None, fleet: Fleet, regions: Collection[str], now: float
) -> list[Suspension]:
    """Every pause that is in force for an environment, its own first."""
    own = Mark.load(record.pause) if record and record.pause else None
    found = [Suspension(str(key), str(key), own)] if own and own.in_force(now) else []
    wider = (Suspension(str(scope), scope.option, mark) for scope, mark in fleet.over(key, regions))
    return found + [suspension for suspension in wider if suspension.mark.in_force(now)]


def read_fleet(config_map: Json) -> Fleet:
    """Read the fleet's ConfigMap. Nothing raises: a pause that cannot be read is one (`Mark.load`)."""
    data = config_map.get("data") or {}
    scopes = ((Scope.of_data_key(key), text) for key, text in data.items())
    return Fleet(
        pauses={scope: Mark.load(text) for scope, text in scopes if scope},
        history=_history(data.get(HISTORY, "")),
        accepted=data.get(ACCEPTED, ""),
        source=data.get(SOURCE, ""),
        records=int(data[RECORDS]) if data.get(RECORDS, "").isdecimal() else None,
        regions=_regions(data.get(REGIONS, "")),
    )


def _history(text: str) -> tuple[Entry, ...]:
    try:
        return read_entries(text)
    except (ValueError, TypeError):
        return ()


def _regions(text: str) -> dict[str, Region]:
    """Those that can be regions: their names become parts of addresses in the commands of whoever reads this."""
    try:
        found = [Region.from_json(entry) for entry in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    return {region.name: region for region in found if _is_region(region)}


def _is_region(region: Region) -> bool:
    names: tuple[Any, ...] = (region.name, region.workflow_namespace)
    return all(isinstance(name, str) and is_name(name, 63) for name in names) and isinstance(region.context, str | None)


def regions_text(regions: Iterable[Region]) -> str:
    """The text of the fleet's key `regions`: of each its name, context and workflow namespace, by name."""
    entries = [
        {"name": region.name, "workflowNamespace": region.workflow_namespace}
        | ({"context": region.context} if region.context else {})
        for region in sorted(regions, key=lambda region: region.name)
    ]
    return json.dumps(entries, separators=(",", ":"))


def with_pause(fleet: Fleet, scope: Scope, mark: Mark, now: float) -> dict[str, str | None]:
    """The keys to write for a pause or, with a `lifted` mark, for its end; None takes a key away.

    Pauses whose time is over go with it, so the ConfigMap doesn't grow.
    """
    over: dict[str, str | None] = {s.data_key: None for s, found in fleet.pauses.items() if not found.in_force(now)}
    entry = Entry(mark.since, "Resumed" if mark.lifted else "Suspended", f"{scope} {mark}")
    return over | {scope.data_key: None if mark.lifted else mark.dump(), HISTORY: _with_line(fleet, entry)}


def with_source(fleet: Fleet, commit: str, mark: Mark) -> dict[str, str | None]:
    """The keys to write for an approval of a commit that is not trusted by itself (`core.trust`)."""
    entry = Entry(mark.since, "Approved", f"source {commit} {mark}")
    return {SOURCE: commit, HISTORY: _with_line(fleet, entry)}


def _with_line(fleet: Fleet, entry: Entry) -> str:
    lines = [*fleet.history, entry][-HISTORY_MAX:]
    history = [{"at": line.at, "event": line.event, "message": line.message} for line in lines]
    return json.dumps(history, separators=(",", ":"), ensure_ascii=False)
