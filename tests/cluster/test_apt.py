"""Locks of apt are waited for, everything else fails at once. Most tests use a script in place of apt-get."""

import fcntl
import os
import shutil
import subprocess
import sys
import threading

import pytest

from tests.cluster import apt, holder
from tests.cluster.failure import ClusterError
from tests.cluster.progress import Progress

LISTS = "/var/lib/apt/lists/lock"
FRONTEND = "/var/lib/dpkg/lock-frontend"
SAID = {
    "lists": f"E: Could not get lock {LISTS}. It is held by process PID (apt-get)\n"
    f"E: Unable to lock directory {LISTS.removesuffix('lock')}",
    "frontend": f"E: Could not get lock {FRONTEND}. It is held by process PID (unattended-upgr)\n"
    f"E: Unable to acquire the dpkg frontend lock ({FRONTEND}), is another process using it?",
    "dpkg": "dpkg: error: dpkg frontend lock was locked by another process with pid PID\n"
    "E: Sub-process /usr/bin/dpkg returned an error code (2)",
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Where `apt-get` fails with the text of the file `said` as long as that exists, and notes its words in `ran`."""
    script = tmp_path / "bin" / "apt-get"
    script.parent.mkdir()
    fails = f"cat {tmp_path}/said 2>/dev/null && exit 100; exit 0"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/ran\n{fails}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(apt, "PAUSES", (0.01,))
    return tmp_path


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_lock_is_waited_for_and_its_holder_is_named_once(machine, said):
    (machine / "said").write_text(said.replace("PID", str(os.getpid())))
    told = []

    def tell(text):
        told.append(text)
        threading.Timer(0.1, (machine / "said").unlink).start()

    apt.install(["nftables"], Progress(tell))
    assert len(told) == 1
    assert holder.described(os.getpid()) in told[0]
    ran = (machine / "ran").read_text().splitlines()
    assert ran[:2] == ["update -q"] * 2
    assert ran[-1] == "install -q -y --no-install-recommends nftables"


def test_a_lock_that_stays_ends_the_wait_with_its_holder_and_what_to_do(machine, monkeypatch):
    monkeypatch.setattr(apt, "PATIENCE", 0.1)
    (machine / "said").write_text(SAID["frontend"].replace("PID", "0"))
    with pytest.raises(ClusterError, match=f"waited 0 min for {FRONTEND}; another process still holds it") as caught:
        apt.apt_get("install", "nftables", progress=Progress(print))
    assert "wait until that process ends" in caught.value.remedy


@pytest.mark.parametrize("said", ["E: Unable to locate package nftables", ""], ids=["unknown package", "silent"])
def test_any_other_failure_is_raised_at_once(machine, said):
    log = machine / "cache" / "tenantctl" / "logs" / "apt-get.log"
    log.parent.mkdir(parents=True)
    log.write_text(SAID["lists"])  # of an earlier run
    (machine / "said").write_text(said)
    with pytest.raises(ClusterError, match="`apt-get install nftables` failed"):
        apt.apt_get("install", "nftables", progress=Progress(pytest.fail))
    assert len((machine / "ran").read_text().splitlines()) == 1


def test_messages_that_name_no_process_are_understood_too(tmp_path):
    """apt before version 2, and a process that has ended since."""
    with (tmp_path / "lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        old = apt.LOCKED.search(f"E: Could not get lock {tmp_path}/lock - open (11: Resource temporarily unavailable)")
        assert apt._held(old) == apt.Held(f"{tmp_path}/lock", holder.described(os.getpid()))
    assert apt._held(old).process == "another process"
    gone = apt.LOCKED.search(SAID["lists"].replace("PID", "4194305"))
    assert apt._held(gone).process == "process 4194305 (apt-get)"


HOLD = """
import fcntl, sys
with open(sys.argv[1], "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not shutil.which("apt-get") or os.geteuid() != 0, reason="needs root on Debian")
def test_the_real_apt_names_its_locks_as_the_script_does(tmp_path, monkeypatch):
    """`clean`, with its cache in a folder of the test: nothing is downloaded, installed or removed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.setattr(apt, "PAUSES", (0.1,))
    (tmp_path / "archives" / "partial").mkdir(parents=True)
    lock = tmp_path / "archives" / "lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        told = []

        def tell(text):
            told.append(text)
            other.stdin.close()

        apt.apt_get("clean", "--option", f"Dir::Cache={tmp_path}", progress=Progress(tell))
    assert len(told) == 1
    assert f"process {other.pid} ({sys.executable} -c" in told[0]
    assert f"holds {lock}; waiting" in told[0]
