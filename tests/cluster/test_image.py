import pytest

from tests.cluster import image


@pytest.fixture
def sources(tmp_path, monkeypatch):
    for name in image.SOURCES[:5]:
        (tmp_path / name).write_text(name)
    (tmp_path / "reconciler" / "__pycache__").mkdir(parents=True)
    (tmp_path / "reconciler" / "a.py").write_text("a = 1\n")
    monkeypatch.setattr(image, "REPOSITORY", tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", ["Dockerfile", "pyproject.toml", "reconciler/a.py", "reconciler/new.py"])
def test_a_change_of_what_goes_in_makes_another_image(sources, file):
    before = image.current()
    (sources / file).write_text("something else\n")
    assert image.current() != before


def test_a_renamed_file_makes_another_image(sources):
    before = image.current()
    (sources / "reconciler" / "a.py").rename(sources / "reconciler" / "b.py")
    assert image.current() != before


@pytest.mark.parametrize("file", ["Makefile", "reconciler/__pycache__/a.pyc"])
def test_a_change_of_anything_else_does_not(sources, file):
    before = image.current()
    (sources / file).write_text("something else\n")
    assert image.current() == before


def test_what_is_built_is_what_was_hashed(sources, tmp_path_factory):
    context = tmp_path_factory.mktemp("context")
    (sources / "reconciler" / "__pycache__" / "a.pyc").write_text("")
    image._copy(sources, context)
    assert image._name(context) == image.current()
    assert not (context / "reconciler" / "__pycache__").exists()
