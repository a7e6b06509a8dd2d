"""What the controller needs of clusters, as small protocols; `adapters.kube.state` fulfils them, `cli` wires them."""

from typing import Any, Protocol

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


class RegionCluster(Protocol):
    """Placements, runs and copies of one region; reads are live, writes return what the server stored."""

    namespace: str

    def create_placement(self, new: Placement) -> Json: ...

    def patch_placement(self, key: Key, patch: list[Json]) -> Json: ...

    def find_placement(self, key: Key) -> Json | None: ...

    def launch(self, workflow: Json) -> Json: ...

    def find_run(self, name: str) -> Json | None: ...

    def copies_of(self, run: str) -> list[Copy]: ...

    def stop_copy(self, copy: Copy, now: str) -> None: ...

    def delete_copy(self, copy: Copy) -> None: ...
