"""Claims: the decision to launch, written on the record before it is done.

A claim names its run for ever: the name is made from the record's uid and the claim's number, which is never reset. So
the API server itself refuses a second run of a claim, and a process that died in between only has to go on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import labels, plain_json
from reconciler.core.names import Key
from reconciler.core.stages import LISTS, staged
from reconciler.core.step import ADMIN, Step, suffix

Json = dict[str, Any]

ENVIRONMENT_CUT = 14
WORDS = {
    "upsert": "up",
    "migrate-out": "out",
    "migrate-in": "in",
    "decommission": "dec",
    "admin": "adm",
    "action": "act",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A launch that was decided. `noted`: the API server has said that the run exists. `basis`: see `Attempts`.

    `parameters`: what the asker of an admin process gave it.
    """

    seq: int
    verb: str
    region: str
    epoch: int
    digest: str
    revision: str
    steps: tuple[Step, ...]
    attempt: int
    run: str
    at: str
    basis: str = ""
    noted: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def dump(self) -> str:
        """The text that is kept on the record."""
        data = {name: getattr(self, name) for name in self.__slots__} | {"steps": [str(step) for step in self.steps]}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Claim":
        """Read what `dump` wrote. Raises ValueError when it is something else."""
        data = plain_json.loads(text)
        try:
            steps = tuple(Step.parse(step) for step in data["steps"])
            staged(data["verb"], steps)  # what no stage does would never be launched
            return plain_json.typed(cls(**data | {"steps": steps}))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no claim: {error!r}") from error


def run_name(key: Key, verb: str, uid: str, seq: int) -> str:
    """The name of a claim's run, at most 63 characters (a label's value); no name is ever used twice."""
    word = WORDS[verb.partition(".")[0]]
    environment = key.environment[:ENVIRONMENT_CUT].rstrip("-")
    return f"{key.tenant}-{environment}-{word}-{suffix(uid, str(seq))}"


def verb_of_run(run: str) -> str:
    """The verb out of a run's name, `admin` for every admin process; empty where the name is not a claim's."""
    word = run.rpartition("-")[0].rpartition("-")[2]
    return next((verb for verb, short in WORDS.items() if short == word), "")


def claim_mark(uid: str, claim: Claim) -> str:
    """What the run's annotation says about whose it is."""
    return f"{uid}/{claim.seq}"


def workflow_of(key: Key, uid: str, claim: Claim, namespace: str) -> Json:
    """The Workflow of a claim: a reference to a template and names, nothing else (the admission policy sees to it)."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": claim.run,
            "namespace": namespace,
            "labels": _labels(key, claim),
            "annotations": {labels.CLAIM: claim_mark(uid, claim)},
        },
        "spec": {
            "workflowTemplateRef": {"name": _template(claim.verb), "clusterScope": True},
            "arguments": {"parameters": [{"name": n, "value": v} for n, v in _arguments(key, claim).items()]},
        },
    }


def _template(verb: str) -> str:
    """One template does every admin process."""
    return "tenant-admin" if verb.startswith(ADMIN) else f"tenant-{verb}"


def _labels(key: Key, claim: Claim) -> dict[str, str]:
    return {
        labels.MANAGED_BY: labels.MANAGER,
        labels.TENANT: key.tenant,
        labels.ENVIRONMENT: key.environment,
        labels.VERB: claim.verb,
        labels.RUN: claim.run,
    }


def _arguments(key: Key, claim: Claim) -> Mapping[str, str]:
    """What to do: by kind, for people and installed templates of older versions; by stage, which saves a pod.

    An admin process of which no Job is left has no stages: the run finds that out, and says what there is.
    """
    items = {name: [step.item for step in claim.steps if step.kind is kind] for kind, name in LISTS.items()}
    where = {"tenant": key.tenant, "environment": key.environment}
    stages = json.dumps(staged(claim.verb, claim.steps))
    if claim.verb.startswith(ADMIN):
        return where | {
            "name": claim.verb.removeprefix(ADMIN),
            "parameters": json.dumps(dict(claim.parameters)),
            "jobs": json.dumps(items["jobs"]),
            "stages": stages if claim.steps else "",
        }
    return where | {name: json.dumps(found) for name, found in items.items()} | {"stages": stages}
