from pathlib import Path

from tests.cluster import mounts


def test_names_with_spaces_are_read_as_they_are():
    assert mounts._decoded(r"/a\040b/é") == "/a b/é"


def test_nothing_is_mounted_below_a_plain_folder(tmp_path):
    assert mounts.below(tmp_path) == []


def test_a_folder_whose_name_only_begins_alike_is_not_below(monkeypatch, tmp_path):
    table = f"1 2 0:1 / {tmp_path}/one/x rw - tmpfs t rw\n3 2 0:1 / {tmp_path}/one-more rw - tmpfs t rw\n"
    monkeypatch.setattr(Path, "read_text", lambda self: table)
    assert mounts.below(tmp_path / "one") == [f"{tmp_path}/one/x"]
