"""What things are called: keys of environments, and the rules that every name keeps.

The limits make every derived name fit: `<tenant>.<environment>` as a ConfigMap's name, a run's name (63 characters, as
a label's value), and `outcome.<step>` as a ConfigMap's key (253 characters).
"""

import re
from dataclasses import dataclass

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PARAMETER = re.compile(r"[a-z][a-z0-9-]{0,39}")
TENANT_MAX = 30
ENVIRONMENT_MAX = 20
OTHER_MAX = 30


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """The identity of a tenant environment; the only thing that a trigger carries."""

    tenant: str
    environment: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.environment}"

    @property
    def dotted(self) -> str:
        """The name of the record, the placement and the mutex; a dot is in no name, so it parses back."""
        return f"{self.tenant}.{self.environment}"

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Read `tenant/environment` or `tenant.environment`. Raises ValueError with what to write instead."""
        tenant, separator, environment = text.replace(".", "/", 1).partition("/")
        if not separator or not is_name(tenant, TENANT_MAX) or not is_name(environment, ENVIRONMENT_MAX):
            limits = f"at most {TENANT_MAX} and {ENVIRONMENT_MAX} lower-case letters, digits and hyphens"
            raise ValueError(
                f"'{text}' is no environment; write TENANT/ENVIRONMENT, for example acme/production: {limits}"
            )
        return cls(tenant, environment)


def is_name(text: str, limit: int = OTHER_MAX) -> bool:
    """Whether the text is a DNS label (RFC 1123) of at most `limit` characters."""
    return len(text) <= limit and NAME.fullmatch(text) is not None
