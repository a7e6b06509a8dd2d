"""Small makers for the tests of planning: a declaration, an outcome, a record, each valid and with defaults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement, placement_of
from reconciler.core.record import Record
from reconciler.core.region import Region
from reconciler.core.step import Step

KEY = Key("acme", "production")
BILLING = Step.parse("job/upsert/billing/billing-lifecycle")
SEARCH = Step.parse("job/upsert/search/search-lifecycle")
UPSERTS = {BILLING: "b1", SEARCH: "s1"}
NOW = 1_800_000_000.0


def declaration(key: Key = KEY, **spec: Any) -> Declaration:
    """A declaration in eu-west with the given fields of its spec."""
    effective = {
        "apiVersion": "tenantctl.io/v1",
        "kind": "TenantEnvironment",
        "metadata": {"name": key.environment, "tenant": key.tenant},
        "spec": {"region": "eu-west", "parameters": {"seats": 5}, **spec},
    }
    return Declaration.of(effective)


def desired(*declarations: Declaration, findings: tuple[Finding, ...] = (), limit: int = 5) -> Desired:
    """What is desired: these declarations, and the regions eu-west and us-east."""
    regions = {name: Region(name, in_flight_limit=limit) for name in ("eu-west", "us-east")}
    return Desired("c0ffee" + "0" * 34, {each.key: each for each in declarations}, regions, findings)


def outcome(step: Step, of: Declaration, job_hash: str, **fields: Any) -> Outcome:
    """A success of a step for a declaration, unless fields say otherwise."""
    base = Outcome(
        step=step, digest=of.digest, epoch=1, run="r1", result=Result.SUCCEEDED, hash=job_hash,
        verbs=("decommission", "upsert"),
    )  # fmt: skip
    return replace(base, **fields)


def placed(of: Declaration, *outcomes: Outcome) -> Placement:
    """The placement of a declaration with outcomes."""
    return replace(placement_of(of, "c0ffee", 1), outcomes={each.step: each for each in outcomes})


def all_done(of: Declaration, upserts: Mapping[Step, str] = UPSERTS) -> Placement:
    """A placement on which everything that a declaration wants is done."""
    return placed(
        of, *(outcome(step, of, job_hash) for step, job_hash in upserts.items() if of.uses_service(step.namespace))
    )


def record(of: Declaration, **fields: Any) -> Record:
    """The record of an environment that was applied."""
    base = Record(key=of.key, policy=of.policy, region=of.region, applied_digest=of.digest, applied_revision="c0ffee")
    return replace(base, uid="u1", resource_version="7", **fields)


def observed(of: Declaration | None = None, **fields: Any) -> Observed:
    """What is observed of an environment that is applied and done; nothing at all without a declaration."""
    base = Observed(upserts=UPSERTS) if of is None else Observed(record(of), all_done(of), UPSERTS, region=of.region)
    return replace(base, **fields)
