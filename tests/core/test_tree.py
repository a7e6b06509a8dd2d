"""Listings: which file declares what, and what is refused with which code."""

import pytest

from reconciler.core.names import Key
from reconciler.core.tree import Entry, Mode, lay_out, printable

REGIONS = Entry("providers/regions.yaml")


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


def test_paths_are_printable() -> None:
    assert printable(b"tenants/\xff/\x1b[31m\n.yaml") == "tenants/\\xff/\\x1b[31m\\n.yaml"
