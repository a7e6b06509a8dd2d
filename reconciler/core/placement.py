"""Placements: what one region holds of one environment, in a ConfigMap of the region's workflow namespace.

Only ever changed by JSON Patch with `test` operations: the reconciler tests the epoch and its own keys, a bridge tests
epoch and state. A failed test is a 422: the writer was fenced. So parallel bridges never collide.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from reconciler.core import labels, plain_json
from reconciler.core.declaration import Declaration, uses_service
from reconciler.core.errors import Damaged
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome, Result
from reconciler.core.step import OUTCOME, Kind, Step, Verb

Json = dict[str, Any]

IMPORT = "import."


class State(StrEnum):
    """What a region may do with the environment."""

    ACTIVE = "Active"
    FROZEN = "Frozen"
    RELEASED = "Released"

    def admits(self, verb: str) -> bool:
        """Whether a step of this verb may run; of an Active placement see `Placement.admits`."""
        if self is State.FROZEN:
            return verb == Verb.MIGRATE_OUT
        if self is State.RELEASED:
            return verb == Verb.DECOMMISSION
        return verb not in (Verb.MIGRATE_OUT, Verb.DECOMMISSION)


@dataclass(frozen=True, slots=True)
class Placement:
    """What a region holds: the effective declaration, and an outcome per step (by the step's text).

    `imports`: by `<namespace>.<Job>`, which archive a migrate-in Job is given, as JSON (`core.archive`).
    """

    key: Key
    declaration: Mapping[str, Any]
    digest: str
    revision: str
    epoch: int
    state: State
    outcomes: Mapping[Step, Outcome] = field(default_factory=dict)
    resource_version: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)

    def admits(self, step: Step) -> bool:
        """Whether the step may run here. Nobody decommissions a wanted thing by hand: only what is not wanted."""
        if self.state is State.ACTIVE and step.verb == Verb.DECOMMISSION:
            return step.kind is Kind.JOB and not self.uses(step.namespace)
        return self.state.admits(step.verb)

    def uses(self, service: str) -> bool:
        """Whether its declaration uses the service in this namespace."""
        return uses_service(self.spec, service)

    @property
    def spec(self) -> Mapping[str, Any]:
        """The declaration's spec."""
        spec: Mapping[str, Any] = self.declaration.get("spec", {})
        return spec


def placement_of(declaration: Declaration, revision: str, epoch: int) -> Placement:
    """The placement that a region should hold before a run of this declaration is launched."""
    return Placement(declaration.key, declaration.effective, declaration.digest, revision, epoch, State.ACTIVE)


def read_placement(config_map: Json) -> Placement:
    """Read a placement from its ConfigMap. Raises Damaged, naming the key, when it is damaged."""
    metadata, data = config_map["metadata"], config_map.get("data") or {}
    try:
        return Placement(
            key=Key.parse(metadata["name"]),
            declaration=_document(data["declaration"]),
            digest=data["digest"],
            revision=data["revision"],
            epoch=int(data["epoch"]),
            state=State(data["state"]),
            outcomes=_outcomes(data),
            imports={key.removeprefix(IMPORT): text for key, text in data.items() if key.startswith(IMPORT)},
            resource_version=metadata.get("resourceVersion", ""),
        )
    except KeyError as error:
        raise Damaged(f"placement {metadata['name']}: key {error} is missing") from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Damaged(f"placement {metadata['name']}: {error}") from error


def _document(text: str) -> Mapping[str, Any]:
    declaration = plain_json.loads(text)
    if not isinstance(declaration, dict) or not isinstance(declaration.get("spec"), dict):
        raise ValueError("key 'declaration' holds no declaration")
    return declaration


def _outcomes(data: Mapping[str, str]) -> dict[Step, Outcome]:
    read = (Outcome.load(text) for key, text in data.items() if key.startswith(OUTCOME))
    return {outcome.step: outcome for outcome in read}


def config_map_of(placement: Placement, namespace: str) -> Json:
    """The ConfigMap that creates the placement."""
    key = placement.key
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": key.dotted,
            "namespace": namespace,
            "labels": labels.managed("placement") | {labels.TENANT: key.tenant, labels.ENVIRONMENT: key.environment},
        },
        "data": _own_keys(placement) | _imports(placement),
    }


def _imports(placement: Placement) -> dict[str, str]:
    return {IMPORT + name: text for name, text in placement.imports.items()}


def _own_keys(placement: Placement) -> dict[str, str]:
    return {
        "declaration": json.dumps(placement.declaration, separators=(",", ":"), sort_keys=True),
        "digest": placement.digest,
        "revision": placement.revision,
        "epoch": str(placement.epoch),
        "state": placement.state.value,
    }


def replace_patch(before: Placement, after: Placement) -> list[Json]:
    """The reconciler's JSON Patch from one placement to the next; empty when nothing differs.

    It tests every key that it owns and read, so that an overlapping reconciler cannot be overwritten unseen. It writes
    no outcome; those that `after` lacks are taken away.
    """
    old, new = _own_keys(before), _own_keys(after)
    changes = [_operation("replace", key, value) for key, value in new.items() if old[key] != value]
    changes += [_removal(step.data_key) for step in before.outcomes if step not in after.outcomes]
    given, wanted = _imports(before), _imports(after)
    changes += [_removal(key) for key in given if key not in wanted]
    changes += [_operation("add", key, text) for key, text in wanted.items() if given.get(key) != text]
    tests = [_operation("test", key, old[key]) for key in ("epoch", "state", "digest", "revision")]
    return tests + changes if changes else []


def outcome_patch(epoch: int, state: State, outcome: Outcome) -> list[Json]:
    """A bridge's JSON Patch: fenced by epoch and state, it adds (or replaces) its own outcome and nothing else."""
    return [
        _operation("test", "epoch", str(epoch)),
        _operation("test", "state", state.value),
        _operation("add", outcome.step.data_key, outcome.dump()),
    ]


def ended_patch(config_map: Json, run: str, message: str, at: str) -> list[Json]:
    """The reconciler's JSON Patch that ends what a run that is over left Running; empty if there is nothing.

    Their bridge died before it could say how the step ended. Each is tested as it was read, so a late word wins.
    """
    data = config_map.get("data") or {}
    running = {key: Outcome.load(text) for key, text in data.items() if key.startswith(OUTCOME)}
    cut_off = {key: each for key, each in running.items() if each.run == run and each.result is Result.RUNNING}
    patch = [_operation("test", "epoch", data["epoch"])] if cut_off else []
    for key, each in cut_off.items():
        ended = replace(each, result=Result.FAILED, reason="CutOff", message=message, at=at)
        patch += [_operation("test", key, data[key]), _operation("replace", key, ended.dump())]
    return patch


def _operation(name: str, key: str, value: str) -> Json:
    return {"op": name, "path": f"/data/{key}", "value": value}


def _removal(key: str) -> Json:
    return {"op": "remove", "path": f"/data/{key}"}
