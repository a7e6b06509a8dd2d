"""Which keys a finding holds, told by its path alone.

So whatever is odd where a declaration was (a link, a folder, another extension, another case) holds the key that was
there: it never reads as a removal.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.core.names import ENVIRONMENT_MAX, TENANT_MAX, Key, is_name
from reconciler.core.tree import TENANTS, stem

NOT_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Scope:
    """Which keys a finding holds: one environment, all of a tenant (environment None), or all there are
    (tenant None).
    """

    tenant: str | None = None
    environment: str | None = None

    @property
    def key(self) -> Key | None:
        """The one key that it names, if it names one."""
        tenant, environment = self.tenant or "", self.environment or ""
        sound = is_name(tenant, TENANT_MAX) and is_name(environment, ENVIRONMENT_MAX)
        return Key(tenant, environment) if sound else None

    def covers(self, key: Key) -> bool:
        """Whether the key is held."""
        return self.meets(Scope(key.tenant, key.environment))

    def meets(self, other: "Scope") -> bool:
        """Whether some key can be in both."""
        pairs = ((self.tenant, other.tenant), (self.environment, other.environment))
        return all(one is None or another is None or one == another for one, another in pairs)


@dataclass(frozen=True)
class Chosen:
    """Many scopes, asked in the same time however many they are."""

    scopes: frozenset[Scope]
    tenants: frozenset[str]

    @classmethod
    def of(cls, scopes: Iterable[Scope]) -> "Chosen":
        """All of these."""
        found = frozenset(scopes)
        return cls(found, frozenset(one.tenant for one in found if one.tenant is not None))

    def meets(self, other: Scope) -> bool:
        """Whether some key can be in one of them and in the other."""
        if EVERYTHING in self.scopes or (other.tenant is None and self.scopes):
            return True
        if other.tenant not in self.tenants:
            return False
        return other.environment is None or bool({other, Scope(other.tenant)} & self.scopes)


EVERYTHING = Scope()
NOTHING = Scope("", "")


def scope(path: str) -> Scope:
    """Which keys a finding at `path` holds. Names that are not allowed hold the nearest name that is."""
    parts = path.split("/")
    if parts[0] != TENANTS:
        return EVERYTHING if len(parts) == 1 or (stem(parts[1]) == "regions" and len(parts) == 2) else NOTHING
    if len(parts) == 1:
        return EVERYTHING
    if len(parts) == 2:
        return Scope(_nearest(stem(parts[1])))
    environment = _nearest(stem(parts[2]))
    return Scope(_nearest(parts[1]), None if environment == "tenant" else environment)


def _nearest(name: str) -> str:
    return NOT_NAME.sub("-", name.lower()).strip("-")
