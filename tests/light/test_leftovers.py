"""A stand-in that is killed takes its containers along, and nothing of its cluster is left behind."""

import os
import signal

import pytest

from reconciler.adapters.kube.resources import JOBS
from tests.cluster import addresses, cgroups, mounts
from tests.cluster.folders import state
from tests.cluster.leftovers import snapshot
from tests.cluster.process import running
from tests.e2e.lab import Lab
from tests.e2e.waiting import eventually
from tests.light.lab import NAME
from tests.light.scenarios import UP, await_running, job, make_namespace
from tests.standin import start

pytestmark = pytest.mark.cluster
OWN = f"{NAME}-end"


def test_a_killed_stand_in_leaves_no_process_no_mount_and_no_file() -> None:
    lab = Lab(start.up(OWN))
    namespace = make_namespace(lab)
    lab.kube.create(JOBS, namespace, job("job", f"echo {UP}; sleep 1000 & sleep 1001"))
    await_running(lab, namespace)
    assert mounts.below(state(OWN)) == [], "mounts are in namespaces of their own"

    marks = {mark.name: running(mark) for mark in (state(OWN) / "processes").iterdir()}
    os.kill(marks.pop("standin") or 0, signal.SIGKILL)
    others = {pid for pid in marks.values() if pid}
    eventually(lambda: set(cgroups.members(lab.cluster.netns)) == others, "the stand-in's children to end", 30)

    lab.kube.close()
    start.down(OWN)
    assert snapshot(addresses.of(OWN)) == frozenset()
