import time

import pytest

from tests.cluster import cluster, find, lifecycle
from tests.cluster.failure import ClusterError
from tests.lanes import cluster_name

NAME = cluster_name()


def test_nothing_is_found_where_nothing_was_started(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert find("eu-west") is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_too_long_for_sockets_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(ClusterError, match="too long for sockets"):
        lifecycle._check_path(tmp_path / ("x" * 100))


@pytest.mark.cluster
def test_a_running_cluster_is_recognised_at_once_and_left_alone():
    running = lifecycle.up(NAME, with_image=False)
    marks = {mark: mark.read_text() for mark in (cluster.state(NAME) / "processes").iterdir()}
    begin = time.monotonic()
    assert lifecycle.up(NAME, with_image=False) == running
    assert time.monotonic() - begin < 2
    assert {mark: mark.read_text() for mark in marks} == marks
