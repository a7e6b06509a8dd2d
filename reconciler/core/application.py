"""Applications of one environment in Argo CD: what each is called, what it says, and how it is doing.

Pure: Argo CD's own JSON in, values out. `bridge.application` asks Argo CD, and
`core.application_status` judges what it answers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core import labels
from reconciler.core.application_status import ailment
from reconciler.core.declaration import DIGEST_LENGTH, canonical
from reconciler.core.declaration import digest as digest_of
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step, Verb
from reconciler.core.text import cut

Json = dict[str, Any]

API_VERSION = "argoproj.io/v1alpha1"
REVISION = "HEAD"
SAID_MAX = 300  # bytes, of what Argo CD says, in a record's conditions
# Argo CD goes on syncing by itself: it follows the repository and heals what somebody changes; we only ever ask for one
# sync per step and wait for that.
POLICY: Json = {"automated": {"prune": True, "selfHeal": True}}


Brought = Mapping[str, Outcome]


@dataclass(frozen=True, slots=True)
class Applications:
    """How an environment's applications stand that were brought.

    `unwell`: what Argo CD says of those that are not well; None while that is not known. `gone`: the steps of those
    that are not there any more.
    """

    unwell: str | None = ""
    gone: frozenset[Step] = frozenset()


WELL = Applications()


@dataclass(frozen=True, slots=True)
class Home:
    """Where a region's applications are: the project in Argo CD, and the region's cluster as Argo CD knows it."""

    project: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Order:
    """One application as one step wants it; `entry` is what was declared, and None only for one that is to go."""

    step: Step
    key: Key
    region: str
    entry: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """Its name in Argo CD: with the region, since one Argo CD may serve several, and a move needs both at once."""
        return application_name(self.key, self.step.name, self.region)

    @property
    def digest(self) -> str:
        """Of what was declared: the outcome's hash, as a lifecycle Job's is that of a Job."""
        return entry_digest(self.entry) if self.entry is not None else ""

    @property
    def namespace(self) -> str:
        """Where it is deployed; empty when that is not known any more."""
        return str(self.entry["namespace"]) if self.entry is not None else ""


def application_name(key: Key, name: str, region: str) -> str:
    """What an environment's application is called in Argo CD, in a region."""
    return f"{key.dotted}.{name}.{region}"


class NotWanted(ValueError):
    """The placement does not ask for this step; the message says why."""


def entry_digest(entry: Mapping[str, Any]) -> str:
    """The digest of one declared application, the same with defaults written out or not."""
    source = {"targetRevision": REVISION} | dict(entry["source"])
    return digest_of(dict(entry) | {"source": source})[:DIGEST_LENGTH]


def application_steps(spec: Mapping[str, Any]) -> dict[Step, str]:
    """The upsert steps of a specification's applications, each with the hash that its outcome has to have."""
    return {_step(Verb.UPSERT, entry["name"]): entry_digest(entry) for entry in spec.get("applications", ())}


def decommission_steps(placement: Placement) -> tuple[Step, ...]:
    """What takes away the applications that the placement declares or has outcomes of, as far as it admits that."""
    steps = (_step(Verb.DECOMMISSION, name) for name in names_of(placement))
    return tuple(step for step in steps if not refusal(placement, step))


def _step(verb: Verb, name: str) -> Step:
    return Step(Kind.APPLICATION, verb.value, (name,))


def order_of(placement: Placement, step: Step) -> Order:
    """What the step is to do here. Raises NotWanted."""
    why = refusal(placement, step)
    if why:
        raise NotWanted(why)
    region = str(placement.spec["region"])
    return Order(step, placement.key, region, _entry(placement, step))


def refusal(placement: Placement, step: Step) -> str:
    """Why the placement does not admit the step; empty when it does. A wanted application is not taken away by hand."""
    declared = _declared(placement, step.name) is not None
    if step.verb == Verb.UPSERT:
        admitted = placement.state is State.ACTIVE and declared
        why = "" if declared else "declares no such application"
    else:
        admitted = step.verb == Verb.DECOMMISSION and (
            placement.state is State.RELEASED or (placement.state is State.ACTIVE and not declared)
        )
        why = "still declares it" if declared and placement.state is State.ACTIVE else ""
    return "" if admitted else f"the placement of {placement.key} {why or f'is {placement.state}'}"


def _declared(placement: Placement, name: str) -> Mapping[str, Any] | None:
    entries = placement.spec.get("applications", ())
    return next((entry for entry in entries if entry["name"] == name), None)


def _entry(placement: Placement, step: Step) -> Mapping[str, Any] | None:
    """What is declared, or what was declared when it was last brought here."""
    before = placement.outcomes.get(_step(Verb.UPSERT, step.name))
    return _declared(placement, step.name) or (before.entry if before else None)


def waiting(outcomes: Iterable[Outcome], run: str) -> str:
    """What Argo CD says of the applications that steps of the run wait for now; empty when there is none."""
    found = (each for each in outcomes if each.step.kind is Kind.APPLICATION and each.run == run)
    return cut(
        "; ".join(f"{each.step.name}: {each.message}" for each in found if each.result is Result.RUNNING), SAID_MAX
    )


def brought(placement: Placement) -> Brought:
    """The outcomes of the declared applications that were brought to Argo CD, by their names there."""
    if placement.state is not State.ACTIVE or not placement.spec.get("applications"):
        return {}
    steps, region = application_steps(placement.spec), str(placement.spec["region"])
    found = {step: placement.outcomes[step] for step in steps if step in placement.outcomes}
    return {
        application_name(placement.key, step.name, region): outcome
        for step, outcome in found.items()
        if outcome.result is Result.SUCCEEDED
    }


def stand(found: Brought, live: Mapping[str, Json]) -> Applications:
    """How those stand that were brought, by what Argo CD has now."""
    told = ((outcome.step.name, ailment(live.get(name))) for name, outcome in found.items())
    text = cut("; ".join(f"{name}: {said}" for name, said in told if said), SAID_MAX)
    return Applications(text, frozenset(outcome.step for name, outcome in found.items() if name not in live))


def names_of(placement: Placement) -> dict[str, str]:
    """What the applications that are, or may be, in a region are called in Argo CD, by the name that is declared."""
    known = {step.name for step in placement.outcomes if step.kind is Kind.APPLICATION}
    known |= {entry["name"] for entry in placement.spec.get("applications", ())}
    region = str(placement.spec.get("region", ""))
    return {name: application_name(placement.key, name, region) for name in sorted(known)}


def namespace_belongs(key: Key, namespace: str) -> bool:
    """Whether an application of this environment may be deployed there, by its name alone (see also `core.rules`)."""
    base = f"{key.tenant}-{key.environment}"
    return namespace == base or namespace.startswith(f"{base}-")


def marks(key: Key) -> dict[str, str]:
    """The labels that make an application, and a namespace, this environment's."""
    return {labels.MANAGED_BY: labels.MANAGER, labels.TENANT: key.tenant, labels.ENVIRONMENT: key.environment}


def is_ours(live: Json, key: Key) -> bool:
    """Whether a live object carries them; one without is never touched."""
    found = live["metadata"].get("labels") or {}
    return all(found.get(name) == value for name, value in marks(key).items())


def manifest(order: Order, home: Home) -> Json:
    """The Application as it is created."""
    assert order.entry is not None
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {"name": order.name, "labels": marks(order.key), "annotations": {labels.STEP: str(order.step)}},
        "spec": {
            "project": home.project,
            "source": {"targetRevision": REVISION} | dict(order.entry["source"]),
            "destination": {"server": home.cluster, "namespace": order.namespace},
            "syncPolicy": POLICY,
        },
    }


def namespace_of(order: Order) -> Json:
    """The namespace as it is created. Not by Argo CD: whom it lets create one, it lets change every other one too."""
    return {"metadata": {"name": order.namespace, "labels": marks(order.key)}}


def namespace_is_ours(live: Json, key: Key) -> bool:
    """Whether a namespace that exists is one of this environment's, whoever made it."""
    found, mine = live["metadata"].get("labels") or {}, {labels.TENANT: key.tenant, labels.ENVIRONMENT: key.environment}
    return all(found.get(name) == value for name, value in mine.items())


def replaced(live: Json, wanted: Json) -> Json | None:
    """The live Application with our specification; None when it says that already. What others noted on it stays."""
    if canonical(live["spec"]) == canonical(wanted["spec"]):
        return None
    metadata = {
        name: live["metadata"][name]
        for name in ("name", "labels", "annotations", "finalizers")
        if name in live["metadata"]
    }
    metadata["labels"] = metadata.get("labels", {}) | wanted["metadata"]["labels"]
    return wanted | {"metadata": metadata}
