"""Desired: declared, held or really absent; and which keys a commit changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.assemble import assemble, wanted_files
from reconciler.core.desired import Desired, changed_keys
from reconciler.core.document import parse
from reconciler.core.names import Key
from reconciler.core.tree import Entry, Mode, lay_out

ACME, GLOBEX = Key("acme", "production"), Key("globex", "production")
REGIONS = (
    "apiVersion: tenantctl.io/v1\nkind: RegionList\nspec: {regions: [{name: eu-west}, {name: us-east, context: us}]}\n"
)
FLEET = {
    "providers/regions.yaml": REGIONS,
    "tenants/acme/tenant.yaml": "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: acme}\n",
    "tenants/globex/tenant.yaml": "apiVersion: tenantctl.io/v1\nkind: Tenant\nmetadata: {name: globex}\n",
}


def environment(key: Key, spec: str = "region: eu-west") -> dict[str, str]:
    head = "apiVersion: tenantctl.io/v1\nkind: TenantEnvironment\n"
    metadata = f"metadata: {{name: {key.environment}, tenant: {key.tenant}}}\n"
    return {f"tenants/{key.tenant}/{key.environment}.yaml": f"{head}{metadata}spec: {{{spec}}}\n"}


FLEET |= environment(ACME) | environment(GLOBEX)


def desired(files: dict[str, str], odd: dict[str, Mode] | None = None) -> Desired:
    """What a listing of these files declares; `odd` entries have another mode and no content."""
    entries = [Entry(path) for path in files] + [Entry(path, mode) for path, mode in (odd or {}).items()]
    layout = lay_out(entries)
    return assemble(
        "c0ffee", layout, {one.path: parse(kind, files[one.path].encode()) for one, kind in wanted_files(layout)}
    )


def without(*paths: str) -> dict[str, str]:
    return {path: text for path, text in FLEET.items() if path not in paths}


def test_a_sound_fleet() -> None:
    fleet = desired(FLEET)
    assert set(fleet.environments) == {ACME, GLOBEX}
    assert set(fleet.regions) == {"eu-west", "us-east"}
    assert (fleet.findings, fleet.held, fleet.problems(ACME), fleet.revision) == ((), frozenset(), (), "c0ffee")


@pytest.mark.parametrize(
    ("files", "odd"),
    [
        ({**FLEET, **environment(ACME, "region: mars")}, {}),
        ({**FLEET, "tenants/acme/production.yaml": "{"}, {}),
        ({**FLEET, **environment(ACME, "tier: premium")}, {}),
        (without("tenants/acme/production.yaml"), {"tenants/acme/production.yaml": Mode.SYMLINK}),
        (without("tenants/acme/production.yaml"), {"tenants/acme/production.yml": Mode.FILE}),
        (without("tenants/acme/production.yaml"), {"tenants/acme/Production.yaml": Mode.FILE}),
        (without("tenants/acme/production.yaml"), {"tenants/acme/production/eu.yaml": Mode.FILE}),
        (without("tenants/acme/production.yaml"), {"tenants/acme/production": Mode.SUBMODULE}),
        ({**FLEET, "tenants/acme/tenant.yaml": "{"}, {}),
        (without("tenants/acme/tenant.yaml"), {}),
        (without("tenants/acme/tenant.yaml"), {"tenants/acme/tenant.yml": Mode.FILE}),
        (without("tenants/acme/tenant.yaml", "tenants/acme/production.yaml"), {"tenants/acme": Mode.SYMLINK}),
        (without("tenants/acme/tenant.yaml", "tenants/acme/production.yaml"), {"tenants/acme": Mode.SUBMODULE}),
        (without("tenants/acme/tenant.yaml", "tenants/acme/production.yaml"), {"tenants/acme.yaml": Mode.FILE}),
        (
            without("tenants/acme/tenant.yaml", "tenants/acme/production.yaml"),
            {"tenants/Acme/production.yaml": Mode.FILE},
        ),
    ],
)
def test_what_cannot_be_trusted_is_held_and_hides_nothing_else(files: dict[str, str], odd: dict[str, Mode]) -> None:
    fleet = desired(files, odd)
    assert set(fleet.environments) == {GLOBEX}
    assert fleet.problems(ACME)
    assert not fleet.problems(GLOBEX)
    assert ACME in changed_keys(desired(FLEET), fleet)
    assert ACME in changed_keys(fleet, desired(FLEET))


@pytest.mark.parametrize(
    ("files", "odd"),
    [
        (without("providers/regions.yaml"), {}),
        ({**FLEET, "providers/regions.yaml": "{"}, {}),
        (without("providers/regions.yaml"), {"providers/regions.yaml": Mode.SYMLINK}),
        (without("providers/regions.yaml"), {"providers": Mode.SUBMODULE}),
        ({"providers/regions.yaml": REGIONS}, {"tenants": Mode.SYMLINK}),
    ],
)
def test_some_trouble_holds_every_key(files: dict[str, str], odd: dict[str, Mode]) -> None:
    fleet = desired(files, odd)
    assert not fleet.environments
    assert fleet.problems(ACME)
    assert fleet.problems(GLOBEX)
    assert changed_keys(desired(FLEET), fleet) == {ACME, GLOBEX}


@pytest.mark.parametrize(
    "stray",
    [
        "tenants/acme/production.yml",
        "tenants/acme/production.yaml.orig",
        "tenants/acme/tenant.yml",
        "tenants/acme.yaml",
        "tenants/Acme/production.yaml",
        "providers/regions.yml",
    ],
)
def test_a_stray_file_beside_a_sound_one_holds_nothing(stray: str) -> None:
    fleet = desired(FLEET, {stray: Mode.FILE})
    assert [finding.path for finding in fleet.findings] == [stray]
    assert set(fleet.environments) == {ACME, GLOBEX}
    assert changed_keys(desired(FLEET), fleet) == set()


def test_a_stray_file_holds_the_key_once_the_sound_one_is_gone() -> None:
    stray = {"tenants/acme/production.yaml.orig": Mode.FILE}
    fleet = desired(without("tenants/acme/production.yaml"), stray)
    assert [finding.code for finding in fleet.problems(ACME)] == ["unexpected-file"]
    assert ACME in changed_keys(desired(FLEET, stray), fleet)
    assert ACME in changed_keys(fleet, desired(without("tenants/acme/production.yaml")))


def test_a_file_that_is_gone_is_really_absent() -> None:
    fleet = desired(without("tenants/acme/production.yaml"))
    assert ACME not in fleet.environments
    assert not fleet.problems(ACME)
    assert ACME not in fleet.held
    assert changed_keys(desired(FLEET), fleet) == {ACME}


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        ("region: eu-west", False),
        ("tier: standard, region: eu-west", False),
        ("region: us-east", True),
        ("region: eu-west, deletionProtection: false", True),
        ("region: eu-west, ring: 3", True),
        ("region: mars", True),
    ],
)
def test_a_change_of_digest_policy_or_problems_changes_the_key(spec: str, changes: bool) -> None:
    before, after = desired(FLEET), desired({**FLEET, **environment(ACME, spec)})
    assert changed_keys(before, after) == changed_keys(after, before) == ({ACME} if changes else set())


def test_one_problem_instead_of_another_is_a_change() -> None:
    before = desired({**FLEET, **environment(ACME, "region: mars")})
    after = desired({**FLEET, **environment(ACME, "region: venus")})
    assert changed_keys(before, after) == {ACME}
    assert changed_keys(after, after) == set()


def test_a_change_of_the_tenants_defaults_changes_its_environments() -> None:
    path = "tenants/acme/tenant.yaml"
    after = desired({**FLEET, path: FLEET[path] + "spec: {defaults: {tier: premium}}\n"})
    assert changed_keys(desired(FLEET), after) == {ACME}


def test_an_effective_declaration_may_not_be_too_large() -> None:
    path = "tenants/acme/tenant.yaml"
    large = ", ".join(f'a{number}: "{"x" * 400}"' for number in range(80))
    more = ", ".join(f'b{number}: "{"x" * 400}"' for number in range(90))
    files = {**FLEET, path: f"{FLEET[path]}spec: {{defaults: {{parameters: {{{large}}}}}}}\n"}
    fleet = desired({**files, **environment(ACME, f"region: eu-west, parameters: {{{more}}}")})
    assert [finding.code for finding in fleet.problems(ACME)] == ["too-large"]


lines = st.sampled_from(
    [*(line for text in FLEET.values() for line in text.splitlines(keepends=True)), "  - {\n", "x: y\n"]
)
contents = st.lists(lines, max_size=6).map("".join) | st.text(max_size=50)
FIXED = ["providers/regions.yaml", "tenants/acme/tenant.yaml", "tenants/acme/production.yaml"]
names = st.sampled_from(["acme", "tenant.yaml", "production.yaml", "Production.yml", "x", ".git", "a b", "é"])
modes = st.sampled_from(list(Mode))
odd_paths = (
    st.lists(names, max_size=3).map(lambda parts: "/".join(["tenants", *parts])).filter(lambda path: path not in FIXED)
)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys(FIXED, contents)),
    st.dictionaries(odd_paths, modes.filter(lambda mode: mode is not Mode.FILE)),
)
def test_whatever_is_written_nothing_is_raised_and_a_key_is_declared_or_held(
    files: dict[str, str], odd: dict[str, Mode]
) -> None:
    fleet = desired({**FLEET, **files}, odd)
    for key in (ACME, GLOBEX):
        assert (key in fleet.environments) != bool(fleet.problems(key))
        assert (key in fleet.environments) != (key in fleet.held)
    assert not changed_keys(fleet, fleet)
