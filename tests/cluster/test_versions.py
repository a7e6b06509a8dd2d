import pytest

from tests.cluster import folders, versions


@pytest.fixture
def pins(tmp_path, monkeypatch):
    group = tmp_path / "group"
    group.mkdir()
    (group / "go.mod").write_text(
        "module x\n\nrequire example.com/a/v3 v3.1.2\n\nrequire (\n\texample.com/b v0.2.0\n)\n"
    )
    (group / "go.sum").write_text("example.com/b v0.2.0 h1:x\n")
    monkeypatch.setattr(versions, "PINS", tmp_path)
    return group


@pytest.mark.parametrize(("module", "version"), [("example.com/a/v3", "v3.1.2"), ("example.com/b", "v0.2.0")])
def test_version_is_the_required_one(pins, module, version):
    assert versions.version("group", module) == version


def test_a_module_that_is_not_required_has_no_version(pins):
    with pytest.raises(LookupError, match=r"doesn't require example\.com/c"):
        versions.version("group", "example.com/c")


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_key_changes_with_any_pinned_file(pins, file):
    before = versions.key("group")
    assert versions.key("group") == before
    (pins / file).write_text((pins / file).read_text() + "\n")
    assert versions.key("group") != before


def test_key_changes_with_the_recipe(pins):
    assert versions.key("group", "1") != versions.key("group", "2")


def test_real_pins_are_complete():
    assert versions.version("kubernetes", "k8s.io/kubernetes") == "v1.34.4"
    assert {file.name for file in folders.PINS.glob("*/*")} == {"go.mod", "go.sum"}
