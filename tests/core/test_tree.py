"""Listings: the path gives the key, and whatever is odd holds the key that was there."""

import pytest

from reconciler.core.names import Key
from reconciler.core.tree import Entry, Mode, Scope, lay_out, printable, scope

REGIONS = Entry("providers/regions.yaml")


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
    ("path", "mode", "code"),
    [
        ("tenants", Mode.SYMLINK, "symlink"),
        ("tenants", Mode.SUBMODULE, "submodule"),
        ("tenants", Mode.FILE, "unexpected-file"),
        ("providers", Mode.SYMLINK, "symlink"),
        ("tenants/acme", Mode.SUBMODULE, "submodule"),
        ("tenants/acme", Mode.FILE, "unexpected-file"),
        ("tenants/acme/production.yaml", Mode.SYMLINK, "symlink"),
        ("tenants/acme/production.yaml", Mode.EXECUTABLE, "mode"),
        ("tenants/acme/production.yaml", Mode.SUBMODULE, "submodule"),
        ("tenants/acme/production.yaml", Mode.UNREADABLE, "unreadable"),
        ("tenants/acme/production.yml", Mode.FILE, "extension"),
        ("tenants/acme/production.toml", Mode.FILE, "unexpected-file"),
        ("tenants/acme/yaml", Mode.FILE, "unexpected-file"),
        ("tenants/acme/.yaml", Mode.FILE, "unexpected-file"),
        ("tenants/acme/README.md", Mode.SYMLINK, "symlink"),
        ("tenants/acme/a/b.yaml", Mode.FILE, "unexpected-folder"),
        ("tenants/Acme/production.yaml", Mode.FILE, "name"),
        ("tenants/acme/pro_duction.yaml", Mode.FILE, "name"),
        ("providers/pets/provider.yaml", Mode.SYMLINK, "symlink"),
        ("providers/pets/provider.yml", Mode.FILE, "extension"),
        ("providers/Pets/provider.yaml", Mode.FILE, "name"),
    ],
)
def test_refuses(path: str, mode: Mode, code: str) -> None:
    layout = lay_out([REGIONS, Entry(path, mode)])
    assert [(finding.path, finding.code) for finding in layout.findings] == [(path, code)]
    assert (layout.environments, layout.tenants, layout.providers) == ({}, {}, {})


@pytest.mark.parametrize(
    "path",
    [
        "tenants/README.md",
        "tenants/acme/README.md",
        "tenants/acme/CODEOWNERS",
        "tenants/.gitkeep",
        "providers/README.md",
        "providers/pets/run.sh",
        "providers/pets/templates/upsert.yaml",
        "providers/pets/templates/provider.yaml",
    ],
)
def test_welcomes_files_that_declare_nothing(path: str) -> None:
    assert lay_out([REGIONS, Entry(path)]).findings == []


def test_providers_may_keep_links_and_programs_of_their_own() -> None:
    entries = [REGIONS, Entry("providers/pets/run.sh", Mode.EXECUTABLE), Entry("providers/pets/now", Mode.SYMLINK)]
    assert lay_out(entries).findings == []


def test_sorts_files_by_what_they_declare() -> None:
    entries = [REGIONS, Entry("tenants/a/tenant.yaml"), Entry("tenants/a/b.yaml"), Entry("providers/p/provider.yaml")]
    layout = lay_out(entries)
    assert (layout.regions, layout.tenants["a"], layout.environments[Key("a", "b")], layout.providers["p"]) == tuple(
        entries
    )


def test_without_regions_everything_is_held() -> None:
    assert [(one.path, one.code) for one in lay_out([]).findings] == [("providers/regions.yaml", "missing-regions")]


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


def test_paths_are_printable() -> None:
    assert printable(b"tenants/\xff/\x1b[31m\n.yaml") == "tenants/\\xff/\\x1b[31m\\n.yaml"
