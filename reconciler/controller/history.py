"""What git's history says of what is about to be taken away: asked by a pass, judged by `core.trust` and `core.review`.

Asked only for destructive actions, for new keys while there are removed ones, and once per commit; answers are
remembered by commit. Safe to use from several threads; whether git answers in time is its adapter's matter.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from reconciler.core import review, trust
from reconciler.core.action import Action, ActionKind
from reconciler.core.declaration import Declaration, path_of
from reconciler.core.desired import Desired
from reconciler.core.errors import SourceUnavailable
from reconciler.core.fleet import Fleet
from reconciler.core.names import Key
from reconciler.core.record import Record
from reconciler.core.scope import scope
from reconciler.core.trust import Lineage

Asked = tuple[str, str, str]


class Past(Protocol):
    """Other commits of the repository, by full id; may be asked from any thread. Each may raise SourceUnavailable."""

    def is_ancestor(self, old: str, new: str) -> bool: ...

    def declaration_at(self, commit: str, key: Key) -> Declaration | None: ...

    def renames(self, old: str, new: str) -> Mapping[str, str]: ...


class GitHistory:
    """What one repository's history says; needs no closing."""

    def __init__(self, past: Past, record_of: Callable[[Key], object]) -> None:
        """`record_of`: the record of a key, None or something else where none can be read."""
        self._past = past
        self._record_of = record_of
        self._lineage: tuple[Asked, Lineage] | None = None  # of the last commit: replaced, never changed

    def trust(self, desired: Desired, fleet: Fleet, records: int) -> str:
        """Why the source is not trusted now, and what to do; empty where it is. `records`: how many are live."""
        return trust.untrusted(desired, fleet, records, self._lineage_of(desired.revision, fleet))

    def accepted(self, desired: Desired, fleet: Fleet, records: int) -> dict[str, str | None]:
        """The fleet's keys to write after a look at a commit (None takes one away); none in most cases."""
        return trust.accepted_after(desired, fleet, records, self._lineage_of(desired.revision, fleet))

    def unreviewed(self, action: Action, record: Record, desired: Desired) -> str:
        """Why git does not show what a destructive action takes away, and what to do; empty where it does.

        Where renames cannot be told, it does not show a decommission: unknown is not absent, and `twin` sees none then.
        """
        base = review.base_of(record)
        try:
            before = self._past.declaration_at(base, record.key)
            if action.kind is ActionKind.DECOMMISSION:
                self._past.renames(base, desired.revision)
        except SourceUnavailable as error:
            return review.unknown(record, str(error))
        return review.unreviewed(action, record, before, desired.environments.get(record.key))

    def twin(self, key: Key, desired: Desired, removed: Collection[Record]) -> Key | None:
        """What a removed key seems to be renamed to, or a new one from; None for every other key.

        `removed`: live records of what is declared nowhere. Proportional to these and, the first time for each, to what
        changed since it was applied; for a removed key itself to the declarations, too.
        """
        gone = {record.key: record for record in removed if review.is_removed(record, desired)}
        if key not in gone and not review.is_new(key, desired, self._record(key)):
            return None
        asked = [gone[key]] if key in gone else gone.values()
        found = {record.key: self._renamed(record, desired) for record in asked}
        renamed = {old: now for old, now in found.items() if now is not None}
        return review.twin(key, desired, gone, self._record, renamed)

    def _lineage_of(self, commit: str, fleet: Fleet) -> Lineage:
        asked = (commit, fleet.accepted, fleet.source)
        known = self._lineage
        if known and known[0] == asked:
            return known[1]
        try:
            follows, approved = (self._contains(commit, other) for other in (fleet.accepted, fleet.source))
            behind = not (follows or approved) and self._contains(fleet.accepted, commit)
        except SourceUnavailable as error:
            return Lineage(trouble=str(error))
        self._lineage = (asked, Lineage(follows, approved, behind))
        return self._lineage[1]

    def _contains(self, commit: str, other: str) -> bool:
        return bool(other) and (commit == other or self._past.is_ancestor(other, commit))

    def _record(self, key: Key) -> Record | None:
        found = self._record_of(key)
        return found if isinstance(found, Record) else None

    def _renamed(self, record: Record, desired: Desired) -> Key | None:
        """The key that git says a removed one is now; where it cannot say, `unreviewed` holds the removed one."""
        try:
            renames = self._past.renames(review.base_of(record), desired.revision)
        except SourceUnavailable:
            return None
        path = renames.get(path_of(record.key))
        key = scope(path).key if path else None
        return None if key is None or self._stood_beside(record.key, self._record(key)) else key

    def _stood_beside(self, removed: Key, other: Record | None) -> bool:
        """Whether the removed key was still declared when the other was applied: then it is no rename of it."""
        if other is None or other.gone or not other.applied_digest:
            return False
        try:
            return self._past.declaration_at(review.base_of(other), removed) is not None
        except SourceUnavailable:
            return False
