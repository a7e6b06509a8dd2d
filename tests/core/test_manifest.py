"""Manifests of others: several documents, Lists, places, and what is no YAML."""

from reconciler.core.manifest import read_manifests

SOURCE = b"""\
kind: A
spec: {x: 1}
---
# nothing
---
kind: List
items:
  - kind: B
    spec:
      y: [1, {z: 2}]
  - just text
---
- kind: C
"""


def test_objects_and_their_places() -> None:
    found, problem = read_manifests(SOURCE)
    assert problem is None
    assert [manifest.value["kind"] for manifest in found] == ["A", "B"]
    assert found[0].position(("spec", "x")) == (2, 11)
    assert found[0].position(("spec", "x"), at_key=True) == (2, 8)
    assert found[1].position(("spec", "y", 1, "z")) == (10, 18)
    assert found[1].position(("spec", "nothing")) == (10, 7)


def test_what_comes_before_a_problem_is_read() -> None:
    found, problem = read_manifests(b"kind: A\n---\nkind: [\n")
    assert [manifest.value["kind"] for manifest in found] == ["A"]
    assert problem is not None
    assert (problem.line, problem.code) == (4, "syntax")


def test_tags_run_nothing() -> None:
    found, problem = read_manifests(b"kind: !!python/object/apply:os.system [exit]\n")
    assert found == []
    assert problem is not None
