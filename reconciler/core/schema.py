"""The JSON Schemas of our kinds, and whether a document keeps its schema.

`complies` is a schema compiled to plain functions: fast, and it only says yes or no. `core.explain` asks
jsonschema, which is slow and knows why; a property test proves that both agree. Patterns are ECMA 262's, as
in every editor.
"""

import json
import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from importlib import resources
from typing import Any

Check = Callable[[Any], bool]
Json = Mapping[str, Any]

API_GROUP = "tenantctl.io"
VERSIONS = ("v1",)  # that are read, each with schemas of its own; docs/pull-requests.md says how one is added
API_VERSION = VERSIONS[-1]
TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) is int or type(value) is float,
    "null": lambda value: value is None,
}
ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "default", "examples", "definitions", "format"})
COMPANIONS = frozenset({"then", "else"})


class Kind(Enum):
    """The kinds of files that we read strictly; the value is the name of the schema."""

    TENANT = "tenant"
    ENVIRONMENT = "tenant-environment"
    REGIONS = "region-list"
    PROVIDER = "provider"

    @property
    def title(self) -> str:
        """The `kind` that such a file says it is."""
        title: str = schema(self)["properties"]["kind"]["const"]
        return title

    @property
    def file(self) -> str:
        """The schema's file, of the newest version."""
        return self.file_of(API_VERSION)

    def file_of(self, version: str) -> str:
        """The schema's file of a version."""
        return f"{self.value}.{version}.json"


@cache
def schema(kind: Kind, version: str = API_VERSION) -> Json:
    """The schema of a kind: package data in an installed wheel, the folder `schemas/` in a checkout."""
    document: Json = json.loads(_text(kind.file_of(version)))
    return document


def _text(file: str) -> str:
    package = resources.files("reconciler")
    inside = package.joinpath("schemas", file)
    found = inside if inside.is_file() else package.joinpath("..", "schemas", file)
    return found.read_text(encoding="utf-8")


@cache
def complies(kind: Kind, version: str = API_VERSION) -> Check:
    """The compiled schema of a kind: a function that says whether a document keeps it."""
    root = schema(kind, version)
    return compile_schema(root, root.get("definitions", {}))


def version_of(value: Any) -> str:
    """Which version's schema a document is judged by: that of its `apiVersion`, the newest where it says no other."""
    said = value.get("apiVersion") if isinstance(value, dict) else None
    return next((version for version in VERSIONS if said == f"{API_GROUP}/{version}"), API_VERSION)


def pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern as ECMA 262 means it: `$` is the end alone, never the place before a last newline."""
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", text))


def compile_schema(rules: Json | bool, definitions: Json) -> Check:
    """Compile draft-07 to a function, for the keywords that we use; raises KeyError for any other keyword."""
    if isinstance(rules, bool):
        return lambda _: bool(rules)
    if "$ref" in rules:  # in draft-07 a $ref's siblings count for nothing
        return compile_schema(definitions[rules["$ref"].removeprefix("#/definitions/")], definitions)
    checks = _checks(rules, definitions)
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _checks(rules: Json, definitions: Json) -> list[Check]:
    words = [word for word in rules if word not in ANNOTATIONS | COMPANIONS]
    if "type" in words:
        words = ["type", *(word for word in words if word != "type")]
    checks = [_SIMPLE[word](rules[word]) for word in words if word in _SIMPLE]
    checks += [_NESTED[word](rules, definitions) for word in words if word in _NESTED]
    unknown = set(words) - set(_SIMPLE) - set(_NESTED) - {"additionalProperties"}
    if unknown:
        raise KeyError(f"the schema compiler does not know {', '.join(sorted(unknown))}")
    return checks


def _type(names: str | list[str]) -> Check:
    if isinstance(names, str):
        return TYPES[names]
    allowed = [TYPES[name] for name in names]
    return lambda value: any(check(value) for check in allowed)


def _enum(values: list[Any]) -> Check:
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def _pattern(text: str) -> Check:
    search = pattern(text).search
    return lambda value: type(value) is not str or search(value) is not None


def _sized(kind: type[Any], least: int, most: float) -> Check:
    def check(value: Any) -> bool:
        return type(value) is not kind or least <= len(value) <= most

    return check


def _bound(holds: Callable[[float], bool]) -> Check:
    return lambda value: type(value) not in (int, float) or holds(value)


def _required(names: list[str]) -> Check:
    return lambda value: type(value) is not dict or all(name in value for name in names)


def unique(wanted: bool) -> Check:
    """Whether the items of a list are all different, in time that grows with the list and not with its square."""

    def check(value: Any) -> bool:
        if type(value) is not list or not wanted:
            return True
        return len({json.dumps(item, sort_keys=True) for item in value}) == len(value)

    return check


def _items(rules: Json, definitions: Json) -> Check:
    check = compile_schema(rules["items"], definitions)
    return lambda value: type(value) is not list or all(map(check, value))


def _names(rules: Json, definitions: Json) -> Check:
    check = compile_schema(rules["propertyNames"], definitions)
    return lambda value: type(value) is not dict or all(map(check, value))


def _not(rules: Json, definitions: Json) -> Check:
    check = compile_schema(rules["not"], definitions)
    return lambda value: not check(value)


def _condition(rules: Json, definitions: Json) -> Check:
    condition = compile_schema(rules["if"], definitions)
    then = compile_schema(rules.get("then", True), definitions)
    otherwise = compile_schema(rules.get("else", True), definitions)
    return lambda value: then(value) if condition(value) else otherwise(value)


def _properties(rules: Json, definitions: Json) -> Check:
    known = {name: compile_schema(part, definitions) for name, part in rules.get("properties", {}).items()}
    other = compile_schema(rules.get("additionalProperties", True), definitions)

    def check(value: Any) -> bool:
        return type(value) is not dict or all(known.get(name, other)(part) for name, part in value.items())

    return check


def _additional(rules: Json, definitions: Json) -> Check:
    return _properties(rules, definitions) if "properties" not in rules else lambda _: True


_SIMPLE: Mapping[str, Callable[[Any], Check]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda value: _enum([value]),
    "pattern": _pattern,
    "minLength": lambda least: _sized(str, least, float("inf")),
    "maxLength": lambda most: _sized(str, 0, most),
    "minItems": lambda least: _sized(list, least, float("inf")),
    "maxItems": lambda most: _sized(list, 0, most),
    "maxProperties": lambda most: _sized(dict, 0, most),
    "minimum": lambda least: _bound(lambda value: value >= least),
    "maximum": lambda most: _bound(lambda value: value <= most),
    "required": _required,
    "uniqueItems": unique,
}
_NESTED: Mapping[str, Callable[[Json, Json], Check]] = {
    "items": _items,
    "propertyNames": _names,
    "if": _condition,
    "not": _not,
    "properties": _properties,
    "additionalProperties": _additional,
}
