"""Archives: keys, the manifest's canonical bytes, strict reading, and every way in which an archive can differ."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.archive import (
    MANIFEST_MAX,
    NAMES,
    Archive,
    Manifest,
    Stored,
    differences,
    folder_of,
    import_key,
    imports_of,
    keys_of,
    manifest_of,
    read_manifest,
    sha256_of,
    told_by,
)
from reconciler.core.names import Key
from reconciler.core.step import Kind, Step

KEY = Key("acme", "production")
STEP = Step(Kind.JOB, "migrate-out", ("ledger", "ledger.lifecycle"))
FOLDER = "acme/production/7/ledger/ledger.lifecycle/run-1"
SUM = "0f" * 32


def stored(name, size=3, etag="e1", sha256="", folder=FOLDER):
    return Stored(f"{folder}/{name}", size, etag, sha256)


def found(*items):
    return {item.key: item for item in items}


def test_keys():
    assert folder_of(KEY, 7, STEP, "run-1") == FOLDER
    assert keys_of(FOLDER)[:2] == [f"{FOLDER}/archive", f"{FOLDER}/part-001"]
    assert keys_of(FOLDER)[-1] == f"{FOLDER}/part-100"
    assert len(set(keys_of(FOLDER))) == 101


def test_the_bytes_of_a_manifest_are_canonical():
    items = (stored("part-002"), stored("archive", 10, "e2"), stored("manifest.json"))
    manifest = manifest_of(FOLDER, found(*items), {"archive": SUM})
    assert manifest == manifest_of(FOLDER, found(*reversed(items)), {"archive": SUM})
    assert (
        manifest.dump()
        == (
            f'{{"folder":"{FOLDER}","objects":[{{"etag":"e2","key":"{FOLDER}/archive","sha256":"{SUM}","size":10}},'
            f'{{"etag":"e1","key":"{FOLDER}/part-002","size":3}}],"version":1}}\n'
        ).encode()
    )
    assert manifest.archive == Archive(f"{FOLDER}/manifest.json", sha256_of(manifest.dump()))


def test_the_largest_manifest_is_read():
    folder = "/".join(("t" * 30, "e" * 20, "9" * 10, "n" * 63, "j" * 63, "r" * 63))
    items = (stored(name, 5 * 2**40, "e" * 128, SUM, folder) for name in NAMES)
    assert len(Manifest(folder, tuple(items)).dump()) < MANIFEST_MAX


@given(
    st.lists(st.sampled_from(NAMES), unique=True),
    st.integers(0, 2**50),
    st.text(min_size=1),
    st.sampled_from([SUM, ""]),
)
def test_a_manifest_is_read_back_as_it_was_written(names, size, etag, checksum):
    told = {name: checksum for name in names if checksum}
    manifest = manifest_of(FOLDER, found(*(stored(name, size, etag) for name in names)), told)
    assert read_manifest(manifest.dump(), manifest.archive) == manifest
    assert differences(manifest, found(*(stored(name, size, etag) for name in names))) == []


@pytest.mark.parametrize(
    ("items", "told", "said"),
    [
        ([stored("archive"), stored("archive.tmp")], {}, "archive.tmp is there, which no export writes"),
        ([stored("archive"), stored("x/archive")], {}, "x/archive is there, which no export writes"),
        ([stored("archive")], {"part-001": SUM}, "told the sha256 of part-001, which is not there"),
        ([], {"archive": SUM}, "told the sha256 of archive, which is not there"),
    ],
)
def test_no_manifest_is_made_of_what_no_export_leaves(items, told, said):
    with pytest.raises(ValueError, match=said):
        manifest_of(FOLDER, found(*items), told)


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({}, {}),
        ({"sha256": SUM}, {"archive": SUM}),
        ({"sha256": {"archive": SUM, "part-001": SUM, "part-101": SUM, "x": SUM}}, {"archive": SUM, "part-001": SUM}),
        ({"sha256": SUM.upper()}, {}),
        ({"sha256": 1}, {}),
        ({"sha256": {"archive": None}}, {}),
    ],
)
def test_checksums_that_a_job_tells(outputs, told):
    assert told_by(outputs) == told


GOOD = {"version": 1, "folder": FOLDER, "objects": [stored("archive").dump(), stored("part-001").dump()]}
ONE = GOOD["objects"][0]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "Expecting value"),
        (b"\xff", "can't decode"),
        ([], "the fields are not folder, objects, version"),
        (GOOD | {"more": 1}, "the fields are not"),
        (GOOD | {"version": 2}, "version 2 is not known"),
        (GOOD | {"folder": "other/folder"}, "it is that of other/folder"),
        (GOOD | {"folder": 1}, "folder is no text"),
        (GOOD | {"objects": {}}, "objects is no list"),
        (GOOD | {"objects": [1]}, "object: the fields are not"),
        (GOOD | {"objects": [ONE | {"more": 1}]}, "object: the fields are not"),
        (GOOD | {"objects": [ONE | {"size": -1}]}, "size is -1"),
        (GOOD | {"objects": [ONE | {"size": True}]}, "size is True"),
        (GOOD | {"objects": [ONE | {"etag": ""}]}, "etag is no text"),
        (GOOD | {"objects": [ONE | {"sha256": "x"}]}, "sha256 is not 64"),
        (GOOD | {"objects": [ONE, ONE]}, "each once and in order"),
        (GOOD | {"objects": [ONE | {"key": f"{FOLDER}/../../globex/archive"}]}, "not those of an export"),
        (GOOD | {"objects": GOOD["objects"][::-1]}, "each once and in order"),
    ],
)
def test_manifests_that_are_none(raw, said):
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    with pytest.raises(ValueError, match=said):
        read_manifest(data, Archive(f"{FOLDER}/manifest.json", sha256_of(data)))


def test_a_manifest_is_its_checksums():
    manifest = manifest_of(FOLDER, found(stored("archive")), {})
    with pytest.raises(ValueError, match="its sha256 is"):
        read_manifest(manifest.dump() + b" ", manifest.archive)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([stored("part-001")], [f"{FOLDER}/archive is missing"]),
        ([stored("archive", 2), stored("part-001")], [f"{FOLDER}/archive has 2 bytes, not 3"]),
        (
            [stored("archive", etag="e9"), stored("part-001")],
            [f"{FOLDER}/archive was replaced (ETag e9, not e1)"],
        ),
        ([stored("archive"), stored("part-001"), stored("part-002")], [f"{FOLDER}/part-002 came later"]),
        ([], [f"{FOLDER}/archive is missing", f"{FOLDER}/part-001 is missing"]),
        ([stored("archive"), stored("part-001"), stored("manifest.json")], []),
    ],
)
def test_differences(there, said):
    manifest = manifest_of(FOLDER, found(stored("archive"), stored("part-001")), {})
    assert differences(manifest, found(*there)) == said


@pytest.mark.parametrize(
    ("key", "namespace", "belongs"),
    [
        (KEY, "ledger", True),
        (Key("acme", "staging"), "ledger", False),
        (Key("acm", "production"), "ledger", False),
        (KEY, "billing", False),
    ],
)
def test_whose_an_archive_is(key, namespace, belongs):
    assert Archive(f"{FOLDER}/manifest.json", SUM).belongs_to(key, namespace) is belongs


def test_a_folder_of_another_depth_is_nobodys():
    assert not Archive("acme/production/7/ledger/manifest.json", SUM).belongs_to(KEY, "ledger")


def test_imports_are_read_from_a_placement():
    archive = Archive(f"{FOLDER}/manifest.json", SUM)
    assert Archive.load(archive.dump()) == archive
    step = Step(Kind.JOB, "migrate-in", ("ledger", "ledger.lifecycle"))
    assert import_key(step) == "import.ledger.ledger.lifecycle"
    assert imports_of({import_key(step): json.dumps(archive.dump()), "epoch": "8"}) == {step: archive}


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"key": "a/manifest.json"}', f'{{"key": "a", "sha256": "{SUM}"}}',
     '{"key": "a/manifest.json", "sha256": "x"}', f'{{"key": 1, "sha256": "{SUM}"}}',
     f'{{"key": "a/manifest.json", "sha256": "{SUM}", "more": 1}}'],
)  # fmt: skip
def test_an_import_that_is_none_names_its_key(text):
    with pytest.raises(ValueError, match=r"^key import\.ledger\.x: "):
        imports_of({"import.ledger.x": text})
