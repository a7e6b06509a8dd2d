"""Why a document does not keep its schema, in words that say what to write instead.

jsonschema is the oracle: one validator per kind, made once, and only when a document was refused
(`core.schema` says whether; importing jsonschema takes longer than reading a hundred files). Places come from
`core.position`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from reconciler.core.finding import Problem, shown, suggest
from reconciler.core.position import Path, problem
from reconciler.core.schema import API_GROUP, API_VERSION, TYPES, VERSIONS, Kind, pattern, schema, unique, version_of

KNOWN_VERSION = f"{API_GROUP}/{API_VERSION}"
NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
MEANINGS = {
    "expiresAt": "write a date and a time in UTC, like 2027-01-31T00:00:00Z",
    "owners": 'write an e-mail address, or a GitHub user or team like "@example/platform"',
    "repoURL": "write a URL, without a password",
    "argoServer": "write an http(s) URL, without a user or a password",
    "url": "write an http(s) URL, without a user or a password",
    NAME_PATTERN: "use small letters, digits and hyphens, with a letter or digit at both ends",
    "^[a-z][a-z0-9-]{0,39}$": "begin with a small letter; at most 40 small letters, digits and hyphens",
    "^[A-Za-z][-_A-Za-z0-9]{0,39}$": "begin with a letter; at most 40 letters, digits, - and _",
    r"^\S([^\r\n]*\S)?$": "write one line, without blanks around it",
}
A_TYPE = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


@cache
def oracle(kind: Kind, version: str = API_VERSION) -> Any:
    """The validator of a kind: draft-07, with our reader's types and with ECMA 262's patterns."""
    from jsonschema import Draft7Validator, TypeChecker, validators

    types = TypeChecker({name: _typed(check) for name, check in TYPES.items()})  # type: ignore[misc]
    made: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft7Validator, {"pattern": _pattern, "uniqueItems": _differ}, type_checker=types
    )
    return made(schema(kind, version))


def explain(kind: Kind, value: Any, source: bytes) -> Iterator[Problem]:
    """Every reason why `value`, read from `source`, is not a valid document of its kind."""
    identity = _identity(kind, value, source)
    if identity:
        yield identity
        return
    for error in oracle(kind, version_of(value)).iter_errors(value):
        yield from _SAYERS.get(error.validator, _otherwise)(error, source)


def _typed(check: Callable[[Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda _, value: check(value)


def _pattern(_: Any, text: str, value: Any, __: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(value, str) and not pattern(text).search(value):
        yield ValidationError(f"{value!r} does not match")


def _differ(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[Any]:
    """jsonschema compares every pair where items cannot be sorted: minutes for a list of 64 KiB."""
    from jsonschema import ValidationError

    if not unique(wanted)(value):
        yield ValidationError("items are not unique")


def _identity(kind: Kind, value: Any, source: bytes) -> Problem | None:
    """A document of another kind or version gets one message, not one per field that its own format has."""
    if not isinstance(value, dict):
        return problem(
            source, (), "wrong-type", f"the file is {_a(value)}, not a mapping; begin it with apiVersion and kind"
        )
    version, said = value.get("apiVersion"), value.get("kind")
    if version is not None and version not in [f"{API_GROUP}/{known}" for known in VERSIONS]:
        return problem(source, ("apiVersion",), "api-version", _version(version))
    if said is not None and said != kind.title:
        return problem(source, ("kind",), "kind", f"{shown(said)} cannot be declared in this file; write {kind.title}")
    return None


def _version(version: Any) -> str:
    newer = str(version).removeprefix(f"{API_GROUP}/v")
    if newer != version and newer.isdecimal() and int(newer[:9]) > int(API_VERSION.removeprefix("v")):
        return f"{version} needs a newer tenantctl; this one knows {KNOWN_VERSION}"
    return f"{shown(version)} is not a version that tenantctl knows; write {KNOWN_VERSION}"


def _unknown_key(error: Any, source: bytes) -> Iterator[Problem]:
    known = error.schema.get("properties", {})
    for name in error.instance:
        if name not in known:
            hint = suggest(name, known) or f"; known are {', '.join(known)}"
            yield problem(source, (*error.absolute_path, name), "unknown-key", f"{shown(name)}{hint}", at_key=True)


def _required(error: Any, source: bytes) -> Iterator[Problem]:
    for name in error.validator_value:
        if name not in error.instance and error.message.startswith(repr(name)):  # one error per name
            rules = error.schema.get("properties", {}).get(name, {})
            meant = f"; write {name}: {_example(rules)}" if _example(rules) else ""
            yield problem(source, _path(error), "required", f"'{name}' is missing{meant}")


def _type(error: Any, source: bytes) -> Iterator[Problem]:
    rule = error.validator_value
    wanted: list[str] = rule if isinstance(rule, list) else [rule]
    said = " or ".join(A_TYPE.get(name, name) for name in wanted)
    quotable = "string" in wanted and not isinstance(error.instance, (dict, list, type(None)))
    hint = "; quote it" if quotable else ""
    yield problem(source, _path(error), "wrong-type", f"{_name(error)} is {_a(error.instance)}, not {said}{hint}")


def _value(error: Any, source: bytes) -> Iterator[Problem]:
    known = error.validator_value if error.validator == "enum" else [error.validator_value]
    hint = suggest(str(error.instance), map(str, known))
    message = f"{shown(error.instance)} is not one of {', '.join(map(str, known))}{hint}"
    yield problem(source, _path(error), "value", message)


def _pattern_said(error: Any, source: bytes) -> Iterator[Problem]:
    if "propertyNames" in error.absolute_schema_path:
        path = (*error.absolute_path, error.instance)
        message = f"the name {shown(error.instance)} is not allowed; {_meaning(error)}"
        yield problem(source, path, "name", message, at_key=True)
        return
    code = "name" if error.validator_value == NAME_PATTERN else "format"
    said = "" if "@" in error.instance else f" {shown(error.instance)}"  # it may hold a password
    yield problem(source, _path(error), code, f"{_name(error)}{said} is not allowed; {_meaning(error)}")


def _meaning(error: Any) -> str:
    by_name = MEANINGS.get(_name(error)) or MEANINGS.get(error.validator_value)
    return by_name or f"write it like {_example(error.schema)}"


def _limit(error: Any, source: bytes) -> Iterator[Problem]:
    words = {
        "maxLength": "is longer than {} characters",
        "minLength": "is shorter than {} character(s)",
        "maxItems": "has more than {} items",
        "minItems": "has fewer than {} item(s)",
        "maxProperties": "has more than {} keys",
        "minimum": "is less than {}",
        "maximum": "is more than {}",
    }
    said = words[error.validator].format(error.validator_value)
    yield problem(source, _path(error), "limit", f"{_name(error)} {said}")


def _unique(error: Any, source: bytes) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, item in enumerate(error.instance):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            path = (*error.absolute_path, index)
            yield problem(source, path, "duplicate-name", f"{shown(item)} is in the list twice; keep one")
        seen.add(text)


def _conflict(error: Any, source: bytes) -> Iterator[Problem]:
    for name in error.validator_value["required"]:
        message = f"'{name}' does not go together with the keys beside it; remove one"
        yield problem(source, (*_path(error), name), "conflict", message, at_key=True)


def _otherwise(error: Any, source: bytes) -> Iterator[Problem]:
    yield problem(source, _path(error), str(error.validator), error.message)


def _path(error: Any) -> Path:
    return tuple(error.absolute_path)


def _name(error: Any) -> str:
    return next((step for step in reversed(_path(error)) if isinstance(step, str)), "the file")


def _example(rules: Any) -> str:
    constant = [rules["const"]] if "const" in rules else []
    examples = rules.get("examples") or rules.get("enum") or constant
    return str(examples[0]) if examples else ""


def _a(value: Any) -> str:
    if value is None:
        return "empty"
    return A_TYPE[next(name for name, check in TYPES.items() if check(value))]


_SAYERS: Mapping[str | None, Callable[[Any, bytes], Iterator[Problem]]] = {
    "additionalProperties": _unknown_key,
    "required": _required,
    "type": _type,
    "enum": _value,
    "const": _value,
    "pattern": _pattern_said,
    "uniqueItems": _unique,
    "not": _conflict,
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minimum", "maximum"), _limit),
}
