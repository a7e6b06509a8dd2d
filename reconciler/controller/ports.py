"""What the controller needs of clusters, as small protocols; `adapters.kube.state` fulfils them, `cli` wires them."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from reconciler.core.action import Action
from reconciler.core.desired import Desired
from reconciler.core.fleet import Fleet
from reconciler.core.job_copy import Copy
from reconciler.core.names import Key
from reconciler.core.placement import Placement
from reconciler.core.record import Record

Json = dict[str, Any]


class RecordStore(Protocol):
    """Records of the control plane; reads are live, writes return what the server stored."""

    def create(self, new: Record) -> Json: ...

    def find(self, key: Key) -> Json | None: ...

    def event(self, about: Record, reason: str, message: str, *, warning: bool) -> None: ...

    def replace(self, changed: Record) -> Json: ...

    def delete(self, record: Record) -> None: ...


class FleetStore(Protocol):
    """The ConfigMap about all environments; each key is patched alone."""

    def create(self, values: Mapping[str, str]) -> Json: ...

    def patch(self, values: Mapping[str, str | None]) -> Json: ...


class History(Protocol):
    """What git says of the way from what was applied to what is declared now."""

    def unreviewed(self, action: Action, record: Record, desired: Desired) -> str: ...

    def twin(self, key: Key, desired: Desired, removed: Collection[Record]) -> Key | None: ...

    def trust(self, desired: Desired, fleet: Fleet, records: int) -> str: ...

    def accepted(self, desired: Desired, fleet: Fleet, records: int) -> Mapping[str, str | None]: ...


class RegionCluster(Protocol):
    """Placements, runs and copies of one region; reads are live, writes return what the server stored."""

    namespace: str

    def create_placement(self, new: Placement) -> Json: ...

    def patch_placement(self, key: Key, patch: list[Json]) -> Json: ...

    def find_placement(self, key: Key) -> Json | None: ...

    def delete_placement(self, key: Key) -> None: ...

    def launch(self, workflow: Json) -> Json: ...

    def find_run(self, name: str) -> Json | None: ...

    def copies_of(self, run: str) -> list[Copy]: ...

    def stop_copy(self, copy: Copy, now: str) -> None: ...

    def delete_copy(self, copy: Copy) -> None: ...
