"""The path gives the key, and whatever is odd holds the key that was there."""

import pytest

from reconciler.core.names import Key
from reconciler.core.scope import Chosen, Scope, scope


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tenants", Scope()),
        ("providers", Scope()),
        ("providers/regions.yaml", Scope()),
        ("providers/regions.yml", Scope()),
        ("providers/pets/provider.yaml", Scope("", "")),
        ("tenants/acme", Scope("acme")),
        ("tenants/acme.yaml", Scope("acme")),
        ("tenants/acme/tenant.yaml", Scope("acme")),
        ("tenants/acme/tenant.yml", Scope("acme")),
        ("tenants/acme/production.yaml", Scope("acme", "production")),
        ("tenants/acme/production.yml", Scope("acme", "production")),
        ("tenants/acme/production.yaml.bak", Scope("acme", "production")),
        ("tenants/acme/.production.yaml", Scope("acme", "production")),
        ("tenants/acme/Production.yaml", Scope("acme", "production")),
        ("tenants/acme/production", Scope("acme", "production")),
        ("tenants/acme/production/eu.yaml", Scope("acme", "production")),
        ("tenants/Acme/production.yaml", Scope("acme", "production")),
        ("tenants/acme_corp/production.yaml", Scope("acme-corp", "production")),
    ],
)
def test_which_keys_a_path_holds(path: str, expected: Scope) -> None:
    assert scope(path) == expected


@pytest.mark.parametrize(
    ("one", "another", "meet"),
    [
        (Scope(), Scope("a", "b"), True),
        (Scope("a"), Scope("a", "b"), True),
        (Scope("a", "b"), Scope("a"), True),
        (Scope("a", "b"), Scope("a", "c"), False),
        (Scope("a"), Scope("b"), False),
    ],
)
def test_scopes_meet(one: Scope, another: Scope, meet: bool) -> None:
    assert one.meets(another) is meet


@pytest.mark.parametrize(
    ("chosen", "other", "expected"),
    [
        ([], Scope(), False),
        ([Scope()], Scope("a", "b"), True),
        ([Scope("a", "b")], Scope(), True),
        ([Scope("a", "b")], Scope("a"), True),
        ([Scope("a", "b")], Scope("a", "c"), False),
        ([Scope("a")], Scope("a", "c"), True),
        ([Scope("a")], Scope("b"), False),
    ],
)
def test_many_scopes_meet_what_one_of_them_meets(chosen: list[Scope], other: Scope, expected: bool) -> None:
    assert Chosen.of(chosen).meets(other) is expected
    assert any(one.meets(other) for one in chosen) is expected


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("tenants/acme/production.yaml", "acme/production"),
        ("tenants/Acme_Corp/production.yml", "acme-corp/production"),
        ("tenants/acme/tenant.yaml", None),
        ("tenants/acme", None),
        ("tenants/\\x1b/production.yaml", "x1b/production"),
        ("providers/regions.yaml", None),
        ("README.md", None),
    ],
)
def test_the_one_key_of_a_path(path: str, key: str | None) -> None:
    assert scope(path).key == (Key.parse(key) if key else None)
