"""Skeletons: new declarations as text, with the comments that an author needs. What is not said stays a comment."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.names import Key
from reconciler.core.schema import API_GROUP, API_VERSION, Kind

PLAIN = re.compile(r"[A-Za-z][-_./@A-Za-z0-9]*( [-_./@A-Za-z0-9]+)*")
NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
WIDTH = 34


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What is said of a new tenant."""

    name: str
    display_name: str = ""
    owners: tuple[str, ...] = ()
    ring: int | None = None
    region: str = ""

    @property
    def text(self) -> str:
        """Its file."""
        lines = [
            _field("displayName", self.display_name, "Acme Corporation", "the name that people read"),
            _field("owners", list(self.owners), ["team@example.com"], 'who reviews it; a GitHub team as "@org/team"'),
            _field("ring", self.ring, 1, "0 to 9: lower rings get changed lifecycle Jobs first"),
            "  defaults:                       # under every environment, which can say otherwise",
            _field("region", self.region, "eu-west", "a region of providers/regions.yaml", indent=4),
            "    # tier: standard",
            "    parameters: {}                # handed to every service; never secrets",
        ]
        return "\n".join([*_head(Kind.TENANT, f"{{name: {_flow(self.name)}}}"), *lines, ""])


PROTECTION = {
    True: "the default: nothing is taken away",
    False: "a commit that removes it takes it away, with its data",
}


@dataclass(frozen=True, slots=True)
class NewEnvironment:
    """What is said of a new environment; `protected` None leaves it at the default."""

    key: Key
    region: str = ""
    tier: str = ""
    services: tuple[str, ...] = ()
    parameters: Sequence[tuple[str, Any]] = ()
    protected: bool | None = None
    expires_at: str = ""

    @property
    def text(self) -> str:
        """Its file."""
        parameters = dict(self.parameters)
        lines = [
            _field("region", self.region, "eu-west", "changing it moves the environment, with its data"),
            _field("tier", self.tier, "standard", "a name that your services know"),
            _field("services", list(self.services), ["billing"], "only these; without it all that take part"),
            _field("deletionProtection", self.protected, True, PROTECTION[self.protected is not False]),
            _field("expiresAt", self.expires_at, "2030-01-31T00:00:00Z", "past it, you are asked to remove it"),
            _field("parameters", parameters, {"seats": 10}, "handed to every service; never secrets"),
        ]
        identity = f"{{name: {_flow(self.key.environment)}, tenant: {_flow(self.key.tenant)}}}"
        if all(line.lstrip().startswith("#") for line in lines):
            return "\n".join([*_head(Kind.ENVIRONMENT, identity)[:-1], "spec: {}", *lines, ""])
        return "\n".join([*_head(Kind.ENVIRONMENT, identity), *lines, ""])


@dataclass(frozen=True, slots=True)
class NewFleet:
    """The regions of a new repository: each with its kubeconfig context, or none for the control plane's cluster."""

    regions: Mapping[str, str]

    @property
    def text(self) -> str:
        """Its `providers/regions.yaml`."""
        head = f"# yaml-language-server: $schema=../schemas/{Kind.REGIONS.file}"
        start = [head, f"apiVersion: {API_GROUP}/{API_VERSION}", "kind: RegionList", "spec:", "  regions:"]
        return "\n".join([*start, *self.entries, ""])

    @property
    def entries(self) -> list[str]:
        """The lines of its regions."""
        return [_region(name, context) for name, context in self.regions.items()]


def _region(name: str, context: str) -> str:
    where = f", context: {_flow(context)}" if context else ""
    return f"    - {{name: {_flow(name)}{where}}}"


def _head(kind: Kind, metadata: str) -> list[str]:
    schema = f"# yaml-language-server: $schema=../../schemas/{kind.file}"
    return [schema, f"apiVersion: {API_GROUP}/{API_VERSION}", f"kind: {kind.title}", f"metadata: {metadata}", "spec:"]


def _field(name: str, value: Any, example: Any, comment: str, indent: int = 2) -> str:
    """A field with its comment; one that is not said is a comment itself, with an example."""
    said = value not in (None, "", [], {})
    text = " " * indent + (f"{name}: {_flow(value)}" if said else f"# {name}: {_flow(example)}")
    return f"{text:<{WIDTH}}# {comment}" if len(text) < WIDTH else f"{text}  # {comment}"


def _flow(value: Any) -> str:
    """A value in YAML's flow style; JSON where that is the plain way to say it (YAML 1.2 contains JSON)."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT:
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", value):
        return value
    return json.dumps(value, ensure_ascii=False)
