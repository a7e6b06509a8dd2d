"""Tests that share a cluster or an installation run in one process, and no two processes have one cluster."""

from pathlib import Path

import pytest

from tests import lanes

ROOT = Path(__file__).parents[1]


class Item:
    """What is asked of a test of pytest's."""

    def __init__(self, nodeid: str, *marks: str, fixtures: tuple[str, ...] = ()) -> None:
        self.nodeid, self.marks, self.fixturenames = (
            nodeid,
            {name: getattr(pytest.mark, name) for name in marks},
            fixtures,
        )

    def get_closest_marker(self, name: str) -> object:
        return self.marks.get(name)

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks[mark.name] = mark

    @property
    def group(self) -> str:
        found = self.marks.get("xdist_group")
        return found.args[0] if found else ""


@pytest.mark.parametrize(
    ("item", "group"),
    [
        (Item("tests/core/test_key.py::test_a"), ""),
        (Item("tests/test_hooks.py::test_a", fixtures=("pre_commit_home",)), "pre_commit_home"),
        (Item("tests/e2e/test_holds.py::test_a", "cluster", "together"), "e2e/together"),
        (Item("tests/light/test_holds.py::test_a", "cluster", "together"), "light/together"),
        (Item("tests/e2e/test_move.py::test_a", "cluster"), "moves"),
        (Item("tests/e2e/test_limit.py::test_a[1]", "cluster"), "e2e/test_limit"),
    ],
)
def test_the_group_of_a_test(item: Item, group: str) -> None:
    lanes.arrange([item])  # type: ignore[list-item]
    assert item.group == group


def test_long_groups_come_first_and_the_tests_of_one_keep_their_order() -> None:
    names = [
        "tests/e2e/test_limit.py::a",
        "tests/e2e/test_move.py::b",
        "tests/e2e/test_move.py::a",
        "tests/demo/test_demo.py::a",
    ]
    items = [Item(name, "cluster") for name in names]
    lanes.arrange(items)  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == [names[3], names[1], names[2], names[0]]


def test_every_module_of_a_group_exists() -> None:
    missing = [
        name for modules in lanes.GROUPS.values() for name in modules if not (ROOT / "tests" / f"{name}.py").is_file()
    ]
    assert missing == []


def test_each_process_has_clusters_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTCTL_TEST_CLUSTER", "mine")
    names = []
    for worker in ("gw0", "gw1", "gw2"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        names += [lanes.cluster_name(), lanes.second_cluster_name()]
    assert names == ["mine", "mine-east", "mine-1", "mine-1-east", "mine-2", "mine-2-east"]
    monkeypatch.delenv("PYTEST_XDIST_WORKER")
    assert lanes.cluster_name() == "mine"


def test_only_modules_without_cluster_tests_are_left_out() -> None:
    assert lanes.is_left_out(ROOT / "tests/core/test_guard.py", "cluster")
    assert not lanes.is_left_out(ROOT / "tests/core/test_guard.py", "not cluster")
    assert not lanes.is_left_out(ROOT / "tests/e2e/test_limit.py", "cluster")
    assert not lanes.is_left_out(ROOT / "tests/e2e/lab.py", "cluster")
