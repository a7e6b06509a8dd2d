"""The schemas: draft-07, closed, explained, with examples; and the compiled form agrees with jsonschema."""

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import explain as explaining
from reconciler.core import schema as module
from reconciler.core.document import parse
from reconciler.core.explain import explain, oracle
from reconciler.core.schema import Kind, compile_schema, complies, pattern, schema

kinds = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)


def nodes(rules: Any) -> list[dict[str, Any]]:
    """Every schema within a schema."""
    found = [rules] if isinstance(rules, dict) else []
    for word, part in rules.items() if isinstance(rules, dict) else ():
        if word in ("properties", "definitions"):
            found += [node for inner in part.values() for node in nodes(inner)]
        elif word in ("items", "additionalProperties", "if", "then", "else", "not", "propertyNames"):
            found += nodes(part)
    return found


@kinds
def test_is_valid_draft_07_and_its_examples_are_valid(kind: Kind) -> None:
    jsonschema.Draft7Validator.check_schema(schema(kind))
    assert schema(kind)["examples"]
    for node in nodes(schema(kind)):
        check = compile_schema(node, schema(kind)["definitions"])
        assert all(check(example) for example in node.get("examples", ())), node
        assert "default" not in node or check(node["default"])


@kinds
def test_is_closed_and_has_titles_and_descriptions_for_editors(kind: Kind) -> None:
    for node in nodes(schema(kind)):
        if node.get("type") == "object":
            assert "additionalProperties" in node
        for name, part in node.get("properties", {}).items():
            assert "$ref" in part or {"title", "description"} <= part.keys(), name
        assert "oneOf" not in node


def test_the_compiler_refuses_keywords_that_it_does_not_know() -> None:
    with pytest.raises(KeyError, match="oneOf"):
        compile_schema({"oneOf": []}, {})


def test_patterns_end_where_the_text_ends() -> None:
    assert pattern("^a$").search("a")
    assert not pattern("^a$").search("a\n")


letters = st.text("aZ9-_.@:/ é", max_size=4)
leaves = st.none() | st.booleans() | st.integers(-2, 1001) | st.floats(0, 2) | letters
leaves |= st.sampled_from(
    ["acme", "acme\n", "https://x.example", "a@b", "2027-01-31T00:00:00Z", "Active", "x" * 31, "a\nb"]
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3))


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for step, part in inner for place in places(part, (*path, step)))]


def changed(document: Any, path: tuple[Any, ...], value: Any, how: str) -> Any:
    """A document with the value at `path` replaced, removed, or accompanied by an unknown key."""
    if not path:
        return value
    made = copy.deepcopy(document)
    around = made
    for step in path[:-1]:
        around = around[step]
    if how == "remove":
        del around[path[-1]]
    elif how == "add" and isinstance(around, dict):
        around["unknown"] = value
    else:
        around[path[-1]] = value
    return made


FULL: dict[Kind, Any] = {
    Kind.TENANT: {
        "spec": {
            "displayName": "Acme",
            "owners": ["a@b"],
            "ring": 1,
            "defaults": {"region": "eu-west", "parameters": {"a": 1}},
        }
    },
    Kind.ENVIRONMENT: {
        "spec": {
            "region": "eu-west",
            "tier": "premium",
            "state": "Active",
            "deletionProtection": True,
            "expiresAt": "2027-01-31T00:00:00Z",
            "services": ["billing", "search"],
            "parameters": {"seats": 250, "ratio": 0.5, "trial": False},
            "resources": [{"provider": "pets", "name": "rex", "parameters": {"a": [1]}}],
            "applications": [
                {
                    "name": "a",
                    "source": {"repoURL": "https://x.example/a.git", "path": "a"},
                    "namespace": "acme-production",
                },
                {
                    "name": "b",
                    "source": {"repoURL": "x.example/b", "chart": "b", "targetRevision": "1"},
                    "namespace": "acme-production",
                },
            ],
        }
    },
    Kind.REGIONS: {
        "spec": {
            "regions": [
                {"name": "eu-west", "inFlightLimit": 5, "argoCD": {"url": "https://cd.example", "project": "t"}}
            ]
        }
    },
    Kind.PROVIDER: {
        "spec": {
            "title": "Pets",
            "namespace": "pets",
            "owners": ["@a/b"],
            "columns": [{"title": "Species", "parameter": "species"}],
            "actions": [{"name": "a", "title": "A", "change": "displayName"}, {"name": "b", "title": "B", "run": "b"}],
            "quotas": {"premium": 2},
        }
    },
}


@kinds
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_compiled_schema_and_jsonschema_agree(kind: Kind, data: st.DataObject) -> None:
    document = {**schema(kind)["examples"][0], **FULL[kind]}
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(places(document)))
        document = changed(document, path, data.draw(values), data.draw(st.sampled_from(["replace", "remove", "add"])))
    assert complies(kind)(document) == oracle(kind).is_valid(document)


@kinds
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_refusal_can_be_explained(kind: Kind, data: st.DataObject) -> None:
    document = {**schema(kind)["examples"][0], **FULL[kind]}
    path = data.draw(st.sampled_from(places(document)))
    document = changed(document, path, data.draw(values), data.draw(st.sampled_from(["replace", "remove", "add"])))
    source = json.dumps(document, ensure_ascii=False).encode()
    assert bool(list(explain(kind, document, source))) == (not complies(kind)(document))


def test_the_api_version_selects_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up v2 beside v1: each file is judged by its own."""
    real = module._text

    def served(file: str) -> str:
        text = real(file.replace(".v2.", ".v1."))
        renamed = text.replace('"tier"', '"class"').replace("tenantctl.io/v1", "tenantctl.io/v2")
        return renamed if ".v2." in file else text

    monkeypatch.setattr(module, "_text", served)
    monkeypatch.setattr(module, "VERSIONS", ("v1", "v2"))
    monkeypatch.setattr(explaining, "VERSIONS", ("v1", "v2"))
    head = "kind: TenantEnvironment\nmetadata: {name: production, tenant: acme}\n"
    for version, field, expected in [
        ("v1", "tier", ()),
        ("v2", "class", ()),
        ("v2", "tier", ("unknown-key",)),
        ("v1", "class", ("unknown-key",)),
        ("v3", "tier", ("api-version",)),
    ]:
        text = f"apiVersion: tenantctl.io/{version}\n{head}spec: {{{field}: premium}}\n"
        problems = parse(Kind.ENVIRONMENT, text.encode()).problems
        assert tuple(problem.code for problem in problems) == expected, (version, field)
