"""Argo's custom resource definitions, in the minimal form that its install manifests have.

The full ones, by which the API server checks every field, cost it more than all else that a run asks of it.
"""

from __future__ import annotations

import json
from typing import Any

from .api import Api
from .binaries import Binaries

Json = dict[str, Any]
ANYTHING = {"type": "object", "x-kubernetes-map-type": "atomic", "x-kubernetes-preserve-unknown-fields": True}


def define(api: Api, binaries: Binaries) -> None:
    """Create all of them."""
    for file in binaries.crds:
        api.apply(minimal(json.loads(file.read_bytes())))


def minimal(definition: Json) -> Json:
    """The same definition, with anything allowed in spec and status; one without a spec (task results) as it is."""
    versions = [
        version | {"schema": {"openAPIV3Schema": _schema(version)}} for version in definition["spec"]["versions"]
    ]
    return definition | {"spec": definition["spec"] | {"versions": versions}}


def _schema(version: Json) -> Json:
    full: Json = version["schema"]["openAPIV3Schema"]
    if "spec" not in full["properties"]:
        return full
    known = {name: {"type": value["type"]} for name, value in full["properties"].items()}
    return full | {"properties": known | {name: ANYTHING for name in ("spec", "status") if name in known}}
