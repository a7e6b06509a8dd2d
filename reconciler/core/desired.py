"""What is desired: every declaration at one commit, the regions, and what is wrong.

A key is either declared, or held by the problems of its file (of its tenant, of the regions), or really
absent: *unknown is not absent*, and nothing is ever taken away because a file cannot be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.core.declaration import Declaration
from reconciler.core.finding import Finding
from reconciler.core.names import Key
from reconciler.core.region import Region
from reconciler.core.scope import Scope, scope


@dataclass(frozen=True)
class Desired:
    """All declarations at one commit; `held` are the keys whose file is there and cannot be trusted."""

    revision: str
    environments: Mapping[Key, Declaration]
    regions: Mapping[str, Region]
    findings: tuple[Finding, ...]
    held: frozenset[Key] = frozenset()

    @cached_property
    def _by_scope(self) -> Mapping[Scope, tuple[Finding, ...]]:
        grouped: dict[Scope, list[Finding]] = {}
        for finding in self.findings:
            grouped.setdefault(scope(finding.path), []).append(finding)
        return {place: tuple(findings) for place, findings in grouped.items()}

    def problems(self, key: Key) -> tuple[Finding, ...]:
        """The findings that hold this key: of its own file, of its tenant, or of the regions (which hold everything).

        A key that is declared soundly has none: a stray file beside a sound one is a finding and holds nothing.
        """
        if key in self.environments:
            return ()
        places = (Scope(), Scope(key.tenant), Scope(key.tenant, key.environment))
        return tuple(finding for place in places for finding in self._by_scope.get(place, ()))


def changed_keys(before: Desired, after: Desired) -> frozenset[Key]:
    """The keys whose declaration (digest or policy) or problems differ, in either direction."""
    keys = before.environments.keys() | after.environments.keys() | before.held | after.held
    return frozenset(key for key in keys if _differs(before, after, key))


def _differs(before: Desired, after: Desired, key: Key) -> bool:
    old, new = before.environments.get(key), after.environments.get(key)
    if old is not new and (old is None or new is None or (old.digest, old.policy) != (new.digest, new.policy)):
        return True
    return before.problems(key) != after.problems(key)
