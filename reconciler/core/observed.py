"""What the clusters hold of one environment, as far as `decide` needs it. Unknown is not absent: it has its fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import labels
from reconciler.core.application import WELL, Applications
from reconciler.core.fleet import Fleet
from reconciler.core.names import Key
from reconciler.core.placement import Placement
from reconciler.core.record import Record
from reconciler.core.rollout import Rollouts
from reconciler.core.step import Step

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One Argo Workflow of ours, claimed or by hand. `shutdown`: somebody stopped or terminated it."""

    name: str
    key: Key | None
    mark: str
    completed: bool
    phase: str
    shutdown: str
    message: str
    verb: str = ""
    progress: str = ""
    started: str = ""
    uid: str = ""

    @property
    def ended_well(self) -> bool:
        """Whether Argo calls it Succeeded; proves nothing about any step (design §5, *Done*)."""
        return self.phase == "Succeeded"


def read_run(raw: Json) -> Run:
    """The small projection of a Workflow that is kept."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    phase = status.get("phase", "")
    return Run(
        name=metadata["name"],
        key=_key_of(metadata.get("labels") or {}, spec),
        mark=(metadata.get("annotations") or {}).get(labels.CLAIM, ""),
        completed=phase in ("Succeeded", "Failed", "Error"),
        phase=phase,
        shutdown=spec.get("shutdown", ""),
        message=status.get("message", ""),
        verb=(metadata.get("labels") or {}).get(labels.VERB, ""),
        progress=status.get("progress", ""),
        started=status.get("startedAt") or metadata.get("creationTimestamp", ""),
        uid=metadata.get("uid", ""),
    )


def _key_of(found: Mapping[str, str], spec: Json) -> Key | None:
    """By labels, else by the arguments: a run by hand has its labels only once Argo has seen it."""
    listed = (spec.get("arguments") or {}).get("parameters") or []
    parameters = {item.get("name"): item.get("value", "") for item in listed}
    tenant = found.get(labels.TENANT) or parameters.get("tenant", "")
    environment = found.get(labels.ENVIRONMENT) or parameters.get("environment", "")
    try:
        return Key.parse(f"{tenant}/{environment}")
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Site:
    """What a region that answers holds of the environment, and what its services offer.

    `offered`: the steps of every verb of its trusted lifecycle Jobs, as step → hash. `active`: runs of the key that are
    not over. `away`: those of `offered` whose Job went a moment ago (their hash is ""), with the time until which it is
    waited for, in seconds since the epoch.
    """

    placement: Placement | None = None
    offered: Mapping[Step, str] = field(default_factory=dict)
    active: tuple[str, ...] = ()
    away: Mapping[Step, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of one environment at one moment.

    `region`: whose placement and Jobs these are: where the environment is, or is to be if nothing is placed there.
    `upserts`: every trusted lifecycle Job of the region that has the verb, as step → hash; None when nobody looked
    (offline). `silent`: regions that do not answer, with what happened. `active`: runs of the key that are not over.
    `fleet`: what is paused for many at once. `damaged`: why the record or the placement could not be read.
    `sites`: every region that answers. `rollouts`: whose turn it is; None where no rollout holds anything (offline). Of
    the fleet as a whole, each empty where nothing is wrong: `untrusted`: why the source is not; `lost`: why a missing
    record may not mean a new environment; `over_budget`: why no more may be taken away now; `over_budget_until`: when
    that passes by time alone, in seconds since the epoch; `unreviewed`: why git does not show a destructive action;
    `twin`: the key that this one was renamed to or from, as it seems. `applications`: how those stand that were brought
    to Argo CD.
    """

    record: Record | None = None
    placement: Placement | None = None
    upserts: Mapping[Step, str] | None = None
    active: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    damaged: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    region: str = ""
    sites: Mapping[str, Site] = field(default_factory=dict)
    untrusted: str = ""
    lost: str = ""
    over_budget: str = ""
    over_budget_until: float | None = None
    unreviewed: str = ""
    twin: Key | None = None
    applications: Applications = WELL
    rollouts: Rollouts | None = field(default=None, compare=False)

    def site(self, region: str) -> Site | None:
        """What a region holds of it; None where that is not known: nobody looked, or it does not answer."""
        if region in self.silent or self.upserts is None:
            return None
        own = Site(self.placement, self.upserts, self.active) if region and region == self.region else None
        return self.sites.get(region, own)
