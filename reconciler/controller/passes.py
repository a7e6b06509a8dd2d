"""What one pass over one environment came to."""

from dataclasses import dataclass

from reconciler.core.decide import Decision
from reconciler.core.names import Key


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did, for logs and metrics. `again_after`: when to look again in any case, in seconds.

    `place`: the region in which an admin process waits for a place; an action says that by its hold.
    """

    key: Key
    event: str = "unchanged"
    run: str = ""
    decision: Decision | None = None
    again_after: float | None = None
    place: str = ""
