"""Settings of the controller: what an operator may want otherwise, each with a default that suits most."""

from dataclasses import dataclass, field

from reconciler.core.conclude import Backoff


@dataclass(frozen=True)
class Settings:
    """Times are in seconds."""

    interval: float = 60
    resync: float = 600
    applications: float = 30
    workers: int = 4
    backoff: Backoff = field(default_factory=Backoff)
    keep_stopped_copies: float = 24 * 3600
    keep_tombstones: float = 30 * 24 * 3600
