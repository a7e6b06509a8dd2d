"""Whatever is said, the skeleton is a valid declaration that says exactly that."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.document import parse
from reconciler.core.names import Key
from reconciler.core.schema import Kind
from reconciler.core.skeleton import NewEnvironment, NewFleet, NewTenant

names = st.from_regex(r"\A[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?\Z")
texts = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="{"), min_size=1, max_size=20)
values = st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | texts
parameters = st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9-]{0,9}\Z"), values, max_size=4)


def read(kind: Kind, text: str) -> dict[str, Any]:
    document = parse(kind, text.encode())
    assert document.problems == (), text
    value: dict[str, Any] = document.value
    return value


@given(names, names, names, names, st.lists(names, max_size=3, unique=True), parameters, st.none() | st.booleans())
@example("a", "b", "c", "d", [], {"n": 0, "yes": "off"}, None)
def test_an_environment_says_what_was_said(
    tenant: str, name: str, region: str, tier: str, services: list[str], said: dict[str, Any], protected: bool | None
) -> None:
    made = NewEnvironment(Key(tenant, name), region, tier, tuple(services), tuple(said.items()), protected)
    document = read(Kind.ENVIRONMENT, made.text)
    assert document["metadata"] == {"name": name, "tenant": tenant}
    expected = {"region": region, "tier": tier, "services": services, "parameters": said}
    kept = {key: value for key, value in expected.items() if value}
    assert document["spec"] == kept | ({} if protected is None else {"deletionProtection": protected})


@given(names, texts | st.just(""), st.lists(st.sampled_from(["@a/b", "x@y.example", "@c"]), unique=True), names)
def test_a_tenant_says_what_was_said(name: str, display: str, owners: list[str], region: str) -> None:
    document = read(Kind.TENANT, NewTenant(name, display, tuple(owners), 3, region).text)
    assert document["metadata"] == {"name": name}
    said = {"displayName": display, "owners": owners}
    kept = {key: value for key, value in said.items() if value}
    assert document["spec"] == kept | {"ring": 3, "defaults": {"region": region, "parameters": {}}}


def test_nothing_said_is_valid_and_explained() -> None:
    made = NewEnvironment(Key("acme", "production"))
    assert read(Kind.ENVIRONMENT, made.text)["spec"] == {}
    assert "# tier: standard" in made.text
    assert made.text.startswith("# yaml-language-server: $schema=../../schemas/tenant-environment.v1.json\n")


def test_every_example_in_a_comment_is_valid_when_it_is_uncommented() -> None:
    for kind, text in (
        (Kind.ENVIRONMENT, NewEnvironment(Key("acme", "production")).text.replace("spec: {}", "spec:")),
        (Kind.TENANT, NewTenant("acme").text),
    ):
        lines = text.splitlines()
        lines[1:] = [line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines[1:]]
        read(kind, "\n".join(lines) + "\n")


def test_regions() -> None:
    document = read(Kind.REGIONS, NewFleet({"eu-west": "ctx@home", "on": ""}).text)
    assert document["spec"]["regions"] == [{"name": "eu-west", "context": "ctx@home"}, {"name": "on"}]
