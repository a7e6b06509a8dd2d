"""The demo's repository: valid, with the cluster's own context, and a new environment each time."""

import subprocess
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository
from reconciler.core.names import Key
from tests.demo.fleet import Fleet
from tests.gitenv import git_environment


def untaken(_: Key) -> bool:
    return False


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "remotes" / "fleet.git", tmp_path / "fleet")
    assert not made.exists
    made.create("somewhere")
    assert made.exists
    return made


def commit(fleet: Fleet, files: list[Path]) -> None:
    for words in (["add", *map(str, files)], ["commit", "--quiet", "--message", "More"]):
        subprocess.run(["git", *words], cwd=fleet.work, env=git_environment(), check=True)


def test_it_is_valid_and_names_the_cluster(fleet: Fleet) -> None:
    with Repository.open(str(fleet.remote)) as repository:
        desired = repository.desired("main")
    assert desired.findings == ()
    assert [region.context for region in desired.regions.values()] == ["somewhere"]
    assert Key("acme", "production") in desired.environments


def test_each_demo_declares_another_environment(fleet: Fleet) -> None:
    first = fleet.next_key(untaken)
    files = fleet.declare(first)
    commit(fleet, files)
    second = fleet.next_key(untaken)
    more = fleet.declare(second)
    commit(fleet, more)
    assert (first, second) == (Key("hooli", "production"), Key("hooli", "trial-2"))
    assert [file.name for file in files] == ["tenant.yaml", "production.yaml"]
    assert [file.name for file in more] == ["trial-2.yaml"]
    with Repository.open(str(fleet.work)) as repository:
        desired = repository.desired("HEAD")
    assert desired.findings == ()
    assert {first, second} <= desired.environments.keys()


def test_an_environment_that_was_removed_again_is_not_taken_anew(fleet: Fleet) -> None:
    files = fleet.declare(fleet.next_key(untaken))
    commit(fleet, files)
    subprocess.run(["git", "rm", "--quiet", "-r", "tenants/hooli"], cwd=fleet.work, check=True)
    commit(fleet, [])
    assert fleet.next_key(untaken) == Key("hooli", "trial-2")


def test_an_environment_that_the_cluster_knows_is_not_taken_anew(fleet: Fleet) -> None:
    assert fleet.next_key(lambda key: key.environment == "production") == Key("hooli", "trial-2")
