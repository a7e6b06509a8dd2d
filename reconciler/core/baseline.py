"""The baseline: a commit taken for what is applied and accepted, so that `decide` says what another one changes.

Works without any cluster: for a pull request (`plan --from BASE --to HEAD`), and for what was reviewed at a merge.
Which Jobs a service offers is not known here, so all of them together are one step, `job/upsert/<service>/*`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from reconciler.core.action import Action, Reason
from reconciler.core.decide import Decision, decide
from reconciler.core.declaration import DECOMMISSIONED, Declaration, Policy, digest
from reconciler.core.desired import Desired, changed_keys
from reconciler.core.difference import shown
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from reconciler.core.observed import Observed
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import placement_of
from reconciler.core.record import Record
from reconciler.core.review import is_removed, twin
from reconciler.core.scope import Chosen, Scope, scope
from reconciler.core.step import Kind, Step, Verb

ANY = "*"  # no Kubernetes name holds it
EPOCH = 1


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A field of policy that changes: it launches nothing, and decides what may be taken away later."""

    key: Key
    field: str
    before: object
    after: object

    @property
    def lifts_protection(self) -> bool:
        """Whether the environment may be taken away afterwards."""
        return self.field == "deletionProtection" and self.after is False

    def __str__(self) -> str:
        return f"{self.field}: {shown(self.before)} → {shown(self.after)}"


def decisions(
    before: Desired, after: Desired, changed: Iterable[str], renamed: Mapping[str, str] | None = None
) -> list[Decision]:
    """What `after` changes where `before` is applied, by key; `changed` are the paths that differ, `renamed` those that
    git takes for the same file (path before → path now).
    """
    named = Chosen.of(scope(path) for path in changed)
    written = {key for key in after.held if named.meets(Scope(key.tenant, key.environment))}
    keys = sorted(changed_keys(before, after) | written)
    twins = _twins(keys, before, after, renamed or {})
    return [decision(key, before, after, twins.get(key)) for key in keys]


def _twins(keys: Iterable[Key], before: Desired, after: Desired, renamed: Mapping[str, str]) -> dict[Key, Key]:
    """What seems to be renamed: a removed key and a new one, each by the other.

    A key that did not change has a record, too: an environment that stays is nobody's new name.
    """

    @cache
    def record_of(key: Key) -> Record | None:
        return baseline(key, before).record

    removed = {key: record for key in keys if (record := record_of(key)) and is_removed(record, after)}
    pairs = ((scope(old).key, scope(new).key) for old, new in renamed.items())
    moved = {old: new for old, new in pairs if old and new}
    found = ((key, twin(key, after, removed, record_of, moved)) for key in keys)
    return {key: other for key, other in found if other}


def decision(key: Key, before: Desired, after: Desired, other: Key | None = None) -> Decision:
    """What `after` changes of one environment where `before` is applied; `other` is its twin, if it seems renamed."""
    made = decide(key, after, replace(baseline(key, before), twin=other), 0)
    unknown = key in before.held
    holds = tuple(replace(hold, action=_told(hold.action, unknown)) for hold in made.holds)
    return replace(made, action=_told(made.action, unknown), holds=holds)


def baseline(key: Key, applied: Desired) -> Observed:
    """What would be observed of an environment if all that a commit declares were done.

    Where the commit's own declaration is invalid, something may be there, and what is not known.
    """
    declaration = applied.environments.get(key)
    if declaration is None:
        return Observed(Record(key)) if key in applied.held else Observed()
    if declaration.state == DECOMMISSIONED:
        return Observed()
    placement = placement_of(declaration, applied.revision, EPOCH)
    outcomes = {step: _outcome(step, declaration, entry) for step, entry in _steps(declaration)}
    record = Record(
        key=key,
        policy=declaration.policy,
        region=declaration.region,
        epoch=EPOCH,
        attempted_revision=applied.revision,
        applied_revision=applied.revision,
        applied_digest=declaration.digest,
    )
    return Observed(record, replace(placement, outcomes=outcomes), region=declaration.region)


Entry = dict[str, object]


def _steps(declaration: Declaration) -> Iterable[tuple[Step, Entry | None]]:
    """What was done for a declaration, as far as it says: services, resources and applications."""
    services = (ANY,) if declaration.services is None else declaration.services
    for service in services:
        yield Step(Kind.JOB, Verb.UPSERT, (service, ANY)), None
    for entry in declaration.resources:
        yield Step(Kind.RESOURCE, Verb.UPSERT, (entry["provider"], entry["name"])), dict(entry)
    for entry in declaration.applications:
        yield Step(Kind.APPLICATION, Verb.UPSERT, (entry["name"],)), dict(entry)


def _outcome(step: Step, declaration: Declaration, entry: Entry | None) -> Outcome:
    of = digest(entry) if entry is not None else declaration.digest
    verbs = (Verb.UPSERT.value, Verb.DECOMMISSION.value)  # whatever can be taken away, is shown
    return Outcome(step, of, EPOCH, "", Result.SUCCEEDED, entry=entry, verbs=verbs)


def _told(action: Action | None, unknown: bool) -> Action | None:
    """The action with reasons that are true of two commits: nobody looked into a cluster."""
    return action and replace(action, reasons=tuple(_reason(reason, unknown) for reason in action.reasons))


def _reason(reason: Reason, unknown: bool) -> Reason:
    if reason.code == "new" and unknown:
        return Reason("unknown", "", "its declaration was invalid before, so what is there is not known")
    if reason.code == "removal" and reason.subject == f"{ANY}/{ANY}":
        return Reason("removal", "services", "those that are not listed are no longer wanted")
    if reason.code == "removal" and reason.subject.endswith(f"/{ANY}"):
        return replace(reason, subject=reason.subject.removesuffix(f"/{ANY}"))
    return reason


def policy_changes(before: Desired, after: Desired) -> list[PolicyChange]:
    """Every field of policy that differs between two commits, of environments that both declare."""
    found = []
    for key in sorted(before.environments.keys() & after.environments.keys()):
        old, new = (one.environments[key].policy for one in (before, after))
        if old != new:
            found += _fields(key, old, new)
    return found


def _fields(key: Key, old: Policy, new: Policy) -> list[PolicyChange]:
    before, after = old.to_json(), new.to_json()
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [PolicyChange(key, name, before.get(name), after.get(name)) for name in names]


def new_findings(before: Desired, after: Desired, changed: Iterable[str]) -> tuple[Finding, ...]:
    """The findings that a change brings, or leaves in what it touches; other people's trouble is not among them."""
    paths, known = set(changed), set(before.findings)
    return tuple(finding for finding in after.findings if finding.path in paths or finding not in known)
