import subprocess
import time

import pytest

from tests.cluster import process
from tests.cluster.failure import ClusterError


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "60"]) as started:
        yield started
        started.kill()


def _mark(folder, text):
    mark = folder / "sleep"
    mark.write_text(text)
    return mark


def test_a_noted_process_is_recognised_and_ended(tmp_path, sleeper):
    mark = _mark(tmp_path, process.identity(sleeper.pid))
    assert process.running(mark) == sleeper.pid
    process.stop([mark])
    assert sleeper.wait(timeout=5) == -15
    assert process.running(mark) is None


@pytest.mark.parametrize("field", [1, 2], ids=["other start time", "other boot"])
def test_a_pid_that_someone_else_has_now_is_left_alone(tmp_path, sleeper, field):
    words = process.identity(sleeper.pid).split()
    words[field] = "1"
    mark = _mark(tmp_path, " ".join(words))
    assert process.running(mark) is None
    process.stop([mark], patience=0)
    assert sleeper.poll() is None


def test_one_that_ignores_the_polite_signal_is_ended_anyway(tmp_path):
    command = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout.readline() == b"ready\n"
        process.stop([_mark(tmp_path, process.identity(stubborn.pid))], patience=0.2)
        assert stubborn.wait(timeout=5) == -9


def test_a_zombie_does_not_run(tmp_path):
    with subprocess.Popen(["true"]) as ended:
        deadline = time.monotonic() + 5
        while process.identity(ended.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.identity(ended.pid) is None


def test_what_was_never_started_does_not_run(tmp_path):
    assert process.running(tmp_path / "nothing") is None


def test_a_stopped_program_is_reported_with_its_log(tmp_path):
    runtime = process.Runtime(tmp_path, "nowhere", tmp_path)
    runtime.log("etcd").parent.mkdir()
    runtime.log("etcd").write_text("first\nno space left\n")
    with pytest.raises(ClusterError, match=r"(?s)etcd stopped.*no space left.*etcd\.log.*What to do:"):
        process.must_run("etcd", runtime)


def test_programs_inherit_nothing_of_the_caller(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    assert "HTTPS_PROXY" not in process._plain_environment()
