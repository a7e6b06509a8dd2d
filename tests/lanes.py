"""Lanes: which tests run beside each other when pytest runs in several processes, and on which local cluster.

`make test` runs pytest with pytest-xdist (`--dist loadgroup`): a process takes one group of tests after the other, in
the order of this module, the longest first. Each process has a local cluster of its own, so a fleet, a controller or an
installation of one group never meets that of another. Without pytest-xdist all is one process and one cluster.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

TOGETHER = "together"  # the mark of tests that share a fleet and run in threads, beside each other
PRE_COMMIT = "pre_commit_home"  # what pip installs there is installed once, so these tests share a process
# Groups of cluster tests, by module: those that use the same extra programs (Argo CD, a second cluster) share a
# process, the rest are groups of their own. A group that takes long begins early, or the others wait for it at the end.
GROUPS: dict[str, tuple[str, ...]] = {
    PRE_COMMIT: (),
    "demo": ("demo/test_demo",),
    f"e2e/{TOGETHER}": (),
    "moves": ("e2e/test_move_trouble", "e2e/test_move", "e2e/test_regions", "e2e/test_applications_move"),
    "argo-cd": ("e2e/test_applications", "e2e/test_applications_fleet", "e2e/test_argo_cd", "cluster/test_argocd"),
    "kills": ("e2e/test_move_kills", "e2e/test_archives", "cluster/test_ledger"),
    "argo-events": ("e2e/test_argo_events", "cluster/test_argoevents"),
    f"light/{TOGETHER}": (),
    "light/moves": ("light/test_move_kills",),
}
CLUSTER = "cluster"


def cluster_name() -> str:
    """The local cluster of this process's tests."""
    name = os.environ.get("TENANTCTL_TEST_CLUSTER", "test")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return name if worker == "0" else f"{name}-{worker}"


def second_cluster_name() -> str:
    """The cluster that tests of two regions use beside it."""
    return f"{cluster_name()}-east"


def arrange(items: list[pytest.Item]) -> None:
    """Give each test its group, and sort the groups: the longest first, the tests of one in their order."""
    order = {name: number for number, name in enumerate(GROUPS)}
    groups = {item: _group(item) for item in items}
    items.sort(key=lambda item: order.get(groups[item], len(order)))
    for item, group in groups.items():
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


def is_left_out(module: Path, marks: str) -> bool:
    """Whether `pytest -m marks` need not import a module: hundreds have no cluster test, and every process collects."""
    return marks == CLUSTER and module.name.startswith("test_") and f"mark.{CLUSTER}" not in module.read_text()


def _group(item: pytest.Item) -> str:
    if item.get_closest_marker(CLUSTER) is None:
        return PRE_COMMIT if PRE_COMMIT in getattr(item, "fixturenames", ()) else ""
    module = item.nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
    if item.get_closest_marker(TOGETHER):
        return f"{module.partition('/')[0]}/{TOGETHER}"
    return _named(module, GROUPS.items()) or module


def _named(module: str, groups: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    return next((name for name, modules in groups if module in modules), "")
