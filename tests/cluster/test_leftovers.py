"""What is compared before and after: as far as that needs no cluster; test_killed.py has the rest."""

import subprocess
from pathlib import Path

import pytest

from tests.cluster.addresses import of
from tests.cluster.leftovers import snapshot


def test_nothing_belongs_to_a_cluster_that_was_never_started():
    assert snapshot(of("never-started")) == frozenset()


@pytest.mark.parametrize("how", ["works in it", "names it"])
def test_a_folder_and_the_processes_that_have_to_do_with_it_are_found(tmp_path: Path, how: str):
    folder = tmp_path / "demo"
    (folder / "fleet").mkdir(parents=True)
    words = ["tail", "-f", "/dev/null", *([] if how == "works in it" else [f"{folder}/fleet"])]
    with subprocess.Popen(
        words, cwd=folder / "fleet" if how == "works in it" else "/", stderr=subprocess.DEVNULL
    ) as one:
        found = snapshot(folders=[folder])
        one.kill()
    assert f"folder {folder}" in found
    assert [line for line in found if line.startswith(f"process {one.pid} tail -f")]
    assert snapshot(folders=[folder]) == {f"folder {folder}"}
    assert snapshot(folders=[tmp_path / "dem"]) == frozenset()
