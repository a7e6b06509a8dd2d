"""Which tenants a change concerns."""

import pytest

from reconciler.core.concern import concerned

TENANTS = ["acme", "acme-prod", "acmes", "globex", "Odd_One"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], set()),
        (["tenants/globex/production.yaml"], {"globex"}),
        (["tenants/acme/production.yaml"], {"acme", "acme-prod"}),
        (["tenants/acme-prod/x.yaml"], {"acme", "acme-prod"}),
        (["tenants/acme/tenant.yaml", "tenants/globex/a.yaml"], {"acme", "acme-prod", "globex"}),
        (["tenants/gone/production.yaml"], {"gone"}),
        (["tenants/Odd_One/production.yaml"], {"Odd_One", "odd-one"}),
        (["tenants/odd-one/production.yaml"], {"Odd_One", "odd-one"}),
        (["providers/pets/resource.schema.json"], set()),
        (["providers/pets/provider.yaml"], None),
        (["providers/pets/Provider.yml"], None),
        (["providers/regions.yaml"], None),
        (["providers/pets"], None),
        (["tenants"], None),
        (["tenants/a\\nb/production.yaml"], None),
        (["tenants/acme/a\\nb.yaml"], {"acme", "acme-prod"}),
    ],
)
def test_a_change_concerns(paths: list[str], expected: set[str] | None) -> None:
    assert concerned(paths, TENANTS) == (None if expected is None else frozenset(expected))
