"""A declaration: what one file, with its tenant's defaults, wants of a tenant environment.

*Policy* is how an environment is to be treated, *wanted* is the rest; the digest is over wanted only, so that
a change of policy launches nothing (design §2). Values equal to their default count as absent in the digest:
writing a default out changes nothing, and neither does a later version that knows more fields.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.core.explain import KNOWN_VERSION
from reconciler.core.names import Key

ACTIVE = "Active"
DECOMMISSIONED = "Decommissioned"
POLICY = frozenset({"deletionProtection", "owners", "displayName", "ring", "expiresAt"})
INHERITED = ("displayName", "owners", "ring")
DEFAULTS: Mapping[str, Any] = {
    "tier": "standard",
    "state": ACTIVE,
    "parameters": {},
    "resources": [],
    "applications": [],
}
DIGEST_LENGTH = 32


@dataclass(frozen=True)
class Policy:
    """How an environment is to be treated; it outlives the file in the record."""

    deletion_protection: bool = True
    owners: tuple[str, ...] = ()
    display_name: str | None = None
    ring: int = 0
    expires_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The policy with the names that declarations use; what is not said is left out."""
        said = {"displayName": self.display_name, "expiresAt": self.expires_at}
        return {
            "deletionProtection": self.deletion_protection,
            "owners": list(self.owners),
            "ring": self.ring,
            **{name: value for name, value in said.items() if value is not None},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Policy":
        """Read the policy out of a specification, or out of what `to_json` gave."""
        return cls(
            deletion_protection=document.get("deletionProtection", True),
            owners=tuple(document.get("owners", ())),
            display_name=document.get("displayName"),
            ring=document.get("ring", 0),
            expires_at=document.get("expiresAt"),
        )


@dataclass(frozen=True)
class Declaration:
    """A valid declaration; `effective` is the whole document with defaults merged in, plain JSON data, not to
    be changed.
    """

    key: Key
    policy: Policy
    effective: Mapping[str, Any]
    digest: str
    path: str

    @classmethod
    def of(cls, effective: Mapping[str, Any], path: str = "") -> "Declaration":
        """Make a declaration of an effective document, for example of one that a placement keeps."""
        metadata = effective["metadata"]
        key = Key(metadata["tenant"], metadata["name"])
        spec = effective["spec"]
        return cls(key, Policy.from_json(spec), effective, digest(wanted(spec)), path or path_of(key))

    @property
    def spec(self) -> Mapping[str, Any]:
        """The effective specification, policy and wanted."""
        spec: Mapping[str, Any] = self.effective["spec"]
        return spec

    @cached_property
    def wanted(self) -> Mapping[str, Any]:
        """The specification without policy: what runs are launched for."""
        return wanted(self.spec)

    @property
    def region(self) -> str:
        """The region that the environment is to be in."""
        return str(self.spec["region"])

    @property
    def tier(self) -> str:
        """The tier, a name that lifecycle code and quotas refer to."""
        return str(self.spec.get("tier", DEFAULTS["tier"]))

    @property
    def state(self) -> str:
        """Active or Decommissioned."""
        return str(self.spec.get("state", ACTIVE))

    @property
    def services(self) -> tuple[str, ...] | None:
        """The services that it uses, or None for all that are discovered."""
        return tuple(self.spec["services"]) if "services" in self.spec else None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Settings for lifecycle code, scalars by name."""
        return dict(self.spec.get("parameters", {}))

    @property
    def resources(self) -> tuple[Mapping[str, Any], ...]:
        """What it wants from providers."""
        return tuple(self.spec.get("resources", ()))

    @property
    def applications(self) -> tuple[Mapping[str, Any], ...]:
        """Its own applications, through Argo CD's API."""
        return tuple(self.spec.get("applications", ()))

    def uses_service(self, namespace: str) -> bool:
        """Whether the service in this namespace runs its lifecycle code for the environment."""
        return uses_service(self.spec, namespace)


def uses_service(spec: Mapping[str, Any], namespace: str) -> bool:
    """Whether a specification uses the service: absent `services` means all that are discovered."""
    services = spec.get("services")
    return services is None or namespace in services


def path_of(key: Key) -> str:
    """The one path that declares a key."""
    return f"tenants/{key.tenant}/{key.environment}.yaml"


def wanted(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A specification without its policy."""
    return {name: value for name, value in spec.items() if name not in POLICY}


def digest(document: Mapping[str, Any]) -> str:
    """The digest of what is wanted: hexadecimal, the same for any order of keys and for defaults written out or not."""
    said = {name: value for name, value in document.items() if name not in DEFAULTS or value != DEFAULTS[name]}
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:DIGEST_LENGTH]


def canonical(document: Any) -> str:
    """One text per JSON value: sorted keys, no blanks."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def merge(under: Any, over: Any) -> Any:
    """Merge mappings key by key; anything else of `over` wins as a whole."""
    if type(under) is not dict or type(over) is not dict:
        return over
    merged = {**under, **over}
    for name in under.keys() & over.keys():
        merged[name] = merge(under[name], over[name])
    return merged


def effective(tenant: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    """The environment's document with what it leaves out taken from the tenant, then from our defaults."""
    above = tenant.get("spec", {})
    inherited = {name: above[name] for name in INHERITED if name in above}
    spec = {**DEFAULTS, **inherited, **merge(above.get("defaults", {}), environment["spec"])}
    return {
        "apiVersion": KNOWN_VERSION,
        "kind": environment["kind"],
        "metadata": environment["metadata"],
        "spec": spec,
    }
