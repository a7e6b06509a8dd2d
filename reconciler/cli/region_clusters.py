"""Where regions are, for the commands that know the control plane alone: the fleet's ConfigMap lists them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from reconciler.adapters import kube
from reconciler.adapters.kube import Kube
from reconciler.cli.output import note
from reconciler.cli.records import fleet_of
from reconciler.core.errors import TenantctlError, Unavailable, UsageError
from reconciler.core.finding import suggest
from reconciler.core.fleet import Fleet
from reconciler.core.record import Record
from reconciler.core.region import Region

T = TypeVar("T")


@dataclass(frozen=True)
class Regions:
    """The clusters of regions, reached by the contexts of `providers/regions.yaml` in the caller's own kubeconfig.

    `namespace`: the workflow namespace that the caller named, else each region's own.
    """

    control: Kube
    fleet: Fleet
    kubeconfig: str | None = None
    namespace: str | None = None

    @classmethod
    def of(cls, control: Kube, kubeconfig: str | None, namespace: str | None = None) -> "Regions":
        """Read the fleet's list."""
        return cls(control, fleet_of(control), kubeconfig, namespace)

    def names(self, only: str | None = None) -> list[str]:
        """All that are listed, or one of them. An empty one stands for the control plane's own. Raises UsageError."""
        known = sorted(self.fleet.regions)
        if only is not None and only not in known:
            listed = f"known are {', '.join(known)}{suggest(only, known)}" if known else "the reconciler lists none yet"
            raise UsageError(f"--region {only}: {listed}")
        return [only] if only is not None else known or [""]

    def read(self, names: Iterable[str], each: Callable[[str, Kube, str], Iterable[T]]) -> tuple[list[T], bool]:
        """What is found in regions, by name, cluster and namespace; and whether all answered: the others are told.

        Raises TenantctlError if only one was asked and it refused.
        """
        found: list[T] = []
        complete, asked = True, list(names)
        for name in asked:
            try:
                found += each(name, *self.place(name))
            except (UsageError, Unavailable) as error:
                note(str(error) if isinstance(error, UsageError) else f"region {name} does not answer: {error}")
                complete = False
            except TenantctlError as error:
                if len(asked) == 1:
                    raise
                note(f"region {name}: {error}")
                complete = False
        return found, complete

    def place(self, name: str) -> tuple[Kube, str]:
        """The cluster of a region, and the namespace of its runs and placements. Raises UsageError.

        A region that is not listed (by a reconciler of an older version, say) is looked for at the control plane.
        """
        region = self.fleet.regions.get(name) or Region(name)
        return self._cluster(region), self.namespace or region.workflow_namespace

    def _cluster(self, region: Region) -> Kube:
        if region.context is None:
            return self.control
        try:
            return kube.connect(region.context, self.kubeconfig)
        except UsageError as error:
            hint = "the contexts of providers/regions.yaml are needed there, or in another by --kubeconfig"
            raise UsageError(f"region {region.name}: {error}; {hint}") from error


def regions_of(record: Record) -> list[str]:
    """Where an environment is, and then where it moves to or from: each of them may hold something of it."""
    move = record.move
    names = [record.region, *((move.source, move.to) if move else ())]
    return [name for name in dict.fromkeys(names) if name]


def regions_known_to(record: Record) -> list[str]:
    """The same, and where it was as far as its history tells."""
    return list(dict.fromkeys([*regions_of(record), *(entry.region for entry in record.history if entry.region)]))


def region_of_run(record: Record, run: str) -> str:
    """Where a run of an environment is or was; where the environment is, if the record does not know the run."""
    if record.claim and record.claim.run == run:
        return record.claim.region
    return next((entry.region for entry in record.history if entry.run == run and entry.region), record.region)
