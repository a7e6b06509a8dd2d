"""Declarations: what the digest is over, and how defaults are merged."""

import random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.declaration import POLICY, Declaration, Policy, digest, effective, merge, wanted
from reconciler.core.names import Key
from reconciler.core.scalar import SAFE_INTEGER
from reconciler.core.strict_yaml import read

TENANT: dict[str, Any] = {"metadata": {"name": "acme"}, "spec": {"displayName": "Acme", "owners": ["a@b"], "ring": 2}}
ENVIRONMENT: dict[str, Any] = {
    "kind": "TenantEnvironment",
    "metadata": {"name": "production", "tenant": "acme"},
    "spec": {"region": "eu-west", "parameters": {"seats": 250}, "services": ["billing"]},
}


def declare(spec: dict[str, Any] | None = None, above: dict[str, Any] | None = None) -> Declaration:
    tenant = {**TENANT, "spec": {**TENANT["spec"], **(above or {})}}
    environment = {**ENVIRONMENT, "spec": {**ENVIRONMENT["spec"], **(spec or {})}}
    return Declaration.of(effective(tenant, environment))


def test_answers_what_it_is_asked() -> None:
    declared = declare()
    assert (declared.key, declared.path) == (Key("acme", "production"), "tenants/acme/production.yaml")
    assert (declared.region, declared.tier, declared.state) == ("eu-west", "standard", "Active")
    assert declared.parameters == {"seats": 250}
    assert (declared.resources, declared.applications) == ((), ())
    assert declared.uses_service("billing")
    assert not declared.uses_service("search")
    assert not declare({"services": []}).uses_service("billing")


def test_without_a_list_it_uses_every_service() -> None:
    spec = {name: value for name, value in ENVIRONMENT["spec"].items() if name != "services"}
    declared = Declaration.of(effective(TENANT, {**ENVIRONMENT, "spec": spec}))
    assert declared.services is None
    assert declared.uses_service("anything")


def test_policy_is_inherited_from_the_tenant_and_the_environment_wins() -> None:
    assert declare().policy == Policy(owners=("a@b",), display_name="Acme", ring=2)
    own = {
        "owners": ["c@d"],
        "ring": 0,
        "displayName": "Ours",
        "deletionProtection": False,
        "expiresAt": "2027-01-31T00:00:00Z",
    }
    assert declare(own).policy == Policy(False, ("c@d",), "Ours", 0, "2027-01-31T00:00:00Z")
    assert declare(above={"defaults": {"ring": 5}}).policy.ring == 5


@pytest.mark.parametrize("policy", [Policy(), Policy(False, ("a@b",), "A", 3, "2027-01-31T00:00:00Z")])
def test_policy_survives_json(policy: Policy) -> None:
    assert Policy.from_json(policy.to_json()) == policy


def test_a_stored_document_gives_the_same_declaration() -> None:
    assert Declaration.of(declare().effective) == declare()


policies = st.fixed_dictionaries(
    {},
    optional={
        "deletionProtection": st.booleans(),
        "owners": st.lists(st.just("a@b"), max_size=1),
        "displayName": st.text(min_size=1),
        "ring": st.integers(0, 9),
        "expiresAt": st.just("2027-01-31T00:00:00Z"),
    },
)
values = st.text(max_size=5) | st.integers(-SAFE_INTEGER, SAFE_INTEGER) | st.booleans()
wants = st.fixed_dictionaries(
    {},
    optional={
        "region": st.sampled_from(["eu-west", "us-east"]),
        "tier": st.sampled_from(["standard", "premium"]),
        "state": st.sampled_from(["Active", "Decommissioned"]),
        "services": st.lists(st.sampled_from(["billing", "search"]), max_size=2),
        "parameters": st.dictionaries(st.sampled_from("abc"), values),
    },
)


@settings(deadline=None)
@given(wants, policies, policies, policies)
def test_policy_never_changes_the_digest(spec: Any, one: Any, another: Any, above: Any) -> None:
    inherited = {name: above[name] for name in ("owners", "displayName", "ring") if name in above}
    first = declare({**spec, **one})
    second = declare({**spec, **another}, {**inherited, "defaults": above})
    assert first.digest == second.digest
    assert not first.wanted.keys() & POLICY


@settings(deadline=None)
@given(wants, wants)
def test_the_digest_tells_what_is_wanted_apart(one: Any, another: Any) -> None:
    first, second = declare(one), declare(another)
    same = first.wanted == second.wanted and repr(sorted_(first.wanted)) == repr(sorted_(second.wanted))
    assert (first.digest == second.digest) == same


def sorted_(value: Any) -> Any:
    """Data in one order, so that `True` and `1` can be told apart by their text."""
    return sorted((name, sorted_(part)) for name, part in value.items()) if isinstance(value, dict) else value


@settings(deadline=None)
@given(wants, st.randoms())
def test_order_comments_and_quotes_do_not_change_the_digest(spec: dict[str, Any], chance: random.Random) -> None:
    shuffled = list({**ENVIRONMENT["spec"], **spec}.items())
    chance.shuffle(shuffled)
    for style in ("'", '"', None):
        said = yaml.safe_dump(
            dict(shuffled), default_style=style, sort_keys=False, default_flow_style=chance.random() < 0.5
        )
        value = read(f"# {chance.random()}\n{said}".encode()).value
        if (
            style is None
            and value is not None
            and all(isinstance(part, str) for part in value.get("parameters", {}).values())
        ):
            assert declare(value).digest == declare(spec).digest


def test_defaults_written_out_do_not_change_the_digest_and_changed_defaults_do() -> None:
    written = declare({"tier": "standard", "state": "Active", "resources": [], "applications": []})
    assert written.digest == declare().digest
    assert declare(above={"defaults": {"tier": "premium"}}).digest != declare().digest
    assert declare(above={"defaults": {"region": "us-east"}}).digest == declare().digest  # the environment's own wins


def test_no_services_is_not_the_same_as_all_services() -> None:
    assert digest({"services": []}) != digest({})


@pytest.mark.parametrize(
    ("under", "over", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": "x"}, {"a": "x"}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 1, "d": 2}}}),
    ],
)
def test_merge(under: Any, over: Any, merged: Any) -> None:
    before = repr((under, over))
    assert merge(under, over) == merged
    assert repr((under, over)) == before, "inputs are left alone"


def test_wanted_leaves_policy_out() -> None:
    assert wanted({"region": "eu-west", "ring": 1, "owners": []}) == {"region": "eu-west"}
