"""The preview: what one commit changes compared with another, from git alone: what a pull request shows."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

from reconciler.controller.planning import plan_of
from reconciler.core.baseline import decisions, new_findings, policy_changes
from reconciler.core.concern import concerned
from reconciler.core.desired import Desired
from reconciler.core.preview import Preview


class Comparison(Protocol):
    """What differs between commits of a repository."""

    def changed(self, before: str, after: str) -> list[str]: ...
    def tenants(self, commit: str) -> list[str]: ...
    def count(self, commit: str) -> int: ...


class Repository(Protocol):
    """The repository that they are of."""

    def renames(self, old: str, new: str) -> Mapping[str, str]: ...
    def desired(self, commit: str, tenants: Collection[str] | None = None) -> Desired: ...


def preview(repository: Repository, comparison: Comparison, base: str, head: str) -> Preview:
    """Compare two full commit ids; reads what changed and nothing else. Raises SourceUnavailable."""
    changed = comparison.changed(base, head)
    tenants = concerned(changed, {*comparison.tenants(base), *comparison.tenants(head)} if changed else ())
    before, after = repository.desired(base, tenants), repository.desired(head, tenants)
    made = decisions(before, after, changed, repository.renames(base, head) if changed else {})
    plan = plan_of(after, made, None)
    touched = {decision.key for decision in made if not decision.settled} & (after.environments.keys() | after.held)
    plan = replace(
        plan,
        unchanged=max(0, comparison.count(head) - len(touched)),
        findings=new_findings(before, after, changed),
    )
    return Preview(plan, base, tuple(policy_changes(before, after)), tuple(changed))
