"""Who may change a cluster that runs. Its processes are this test's own: nothing is started."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.cluster import __main__ as command_line
from tests.cluster import lifecycle, owner, process
from tests.cluster.failure import ClusterError
from tests.cluster.folders import REPOSITORY, lock, locked, state
from tests.cluster.owner import OwnedError, Owner

NAME = "mine"
BY_HAND = f"make cluster-up NAME={NAME}"


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """The mark of a process of the cluster, which runs; two checkouts, `here` and `there`."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(owner, "REPOSITORY", tmp_path / "here")
    monkeypatch.delenv(owner.TEST_RUN)
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    mark = state(NAME) / "processes" / "etcd"
    mark.parent.mkdir(parents=True)
    mark.write_text(process.identity(os.getpid()))
    return mark


@pytest.fixture
def other_run():
    """A test run that is still going on."""
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        yield process.identity(sleeping.pid)
        sleeping.kill()


@pytest.fixture
def ended_run():
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        noted = process.identity(sleeping.pid)
        sleeping.kill()
    return noted


def test_a_checkout_owns_what_it_started_by_hand(tmp_path):
    owner.note(NAME, Owner(str(tmp_path / "there"), "make demo NAME=mine"))
    with pytest.raises(
        OwnedError, match=rf"^The cluster mine belongs to {tmp_path}/there \(make demo NAME=mine\)\n"
    ) as e:
        owner.refuse_others(NAME, owner.current(BY_HAND))
    assert f"run `make demo-down NAME=mine` in {tmp_path}/there" in e.value.remedy
    assert "choose another NAME" in e.value.remedy
    assert "make cluster-down NAME=mine FORCE=1" in e.value.remedy


def test_a_test_run_owns_what_it_started_also_in_its_own_checkout(tmp_path, other_run):
    owner.note(NAME, Owner(str(tmp_path / "here"), "tests", other_run))
    pid = other_run.split()[0]
    with pytest.raises(OwnedError, match=rf"belongs to {tmp_path}/here \(tests, process {pid}\)") as caught:
        owner.refuse_others(NAME, owner.current(BY_HAND))
    assert f"wait until process {pid} ends" in caught.value.remedy


def test_another_test_run_of_the_same_checkout_is_refused(monkeypatch, tmp_path, other_run):
    owner.note(NAME, Owner(str(tmp_path / "here"), "tests", other_run))
    monkeypatch.setenv(owner.TEST_RUN, str(os.getpid()))
    with pytest.raises(OwnedError):
        owner.refuse_others(NAME, owner.current(BY_HAND))


def test_the_same_owner_may_do_everything(monkeypatch, tmp_path):
    """By hand; in a test run, which a checkout admits to what it started by hand; and a child of that run elsewhere."""
    owner.note(NAME, owner.current(BY_HAND))
    owner.refuse_others(NAME, owner.current("make demo"))
    monkeypatch.setenv(owner.TEST_RUN, str(os.getpid()))
    owner.refuse_others(NAME, owner.current(BY_HAND))
    owner.write(owner._file(NAME), [owner.current(BY_HAND)])
    monkeypatch.setattr(owner, "REPOSITORY", tmp_path / "there")
    owner.refuse_others(NAME, owner.current("make demo"))


def test_a_checkout_keeps_its_cluster_when_a_test_run_that_used_it_has_ended(tmp_path, ended_run):
    owner.note(NAME, owner.current(BY_HAND))
    owner.note(NAME, Owner(str(tmp_path / "here"), "tests", ended_run))
    assert owner.of(NAME) == [Owner(str(tmp_path / "here"), BY_HAND)]


@pytest.mark.parametrize("gone", ["folder", "run", "processes", "note"])
def test_what_no_one_owns_may_be_taken(runs, tmp_path, ended_run, gone):
    owner.note(NAME, Owner(str(tmp_path / "there"), "tests", ended_run if gone == "run" else ""))
    if gone == "folder":
        (tmp_path / "there").rmdir()
    if gone == "processes":
        runs.write_text(ended_run)
    if gone == "note":
        owner._file(NAME).unlink()
    assert owner.of(NAME) == []
    owner.refuse_others(NAME, owner.current(BY_HAND))


def test_a_note_that_cannot_be_read_is_not_taken_for_no_owner():
    owner._file(NAME).write_text("[{}]")
    with pytest.raises(ClusterError, match="does not name owners"):
        owner.refuse_others(NAME, owner.current(BY_HAND))


@pytest.mark.parametrize(("command", "remedy"), [
    ("make demo", "run `make demo-down` in /x"),
    ("make cluster-up NAME=a", "run `make cluster-down NAME=a` in /x"),
    ("python -m tests.cluster objectstore up", "run `python -m tests.cluster objectstore down` in /x"),
])  # fmt: skip
def test_the_remedy_undoes_the_command(command, remedy):
    assert Owner("/x", command).remedy == remedy


def test_every_process_of_this_test_run_is_the_same_owner(monkeypatch):
    """Of pytest-xdist's workers the controlling process is the owner: tests/conftest.py notes it for all."""
    monkeypatch.undo()
    script = "from tests.cluster import owner; print(owner.current('by hand').process)"
    words = [sys.executable, "-c", script]
    said = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    assert process.alive(said)
    assert said == owner.current("by hand").process


# -- up, down, status --------------------------------------------------------------------------------------------------


@pytest.fixture
def of_another(tmp_path):
    owner.note(NAME, Owner(str(tmp_path / "there"), "make demo"))


@pytest.fixture
def cleaned(monkeypatch):
    names = []
    monkeypatch.setattr(lifecycle.cleanup, "clean", names.append)
    monkeypatch.setattr(lifecycle.requirements, "check", lambda: None)
    return names


@pytest.fixture
def running(monkeypatch, cleaned):
    found = SimpleNamespace(name=NAME, local=True, kubeconfig="k", argo_server="a")
    monkeypatch.setattr(lifecycle.cluster, "find", lambda name: found)
    return found


@pytest.mark.usefixtures("of_another")
def test_neither_up_nor_down_touches_the_cluster_of_another(running, cleaned):
    with pytest.raises(OwnedError):
        lifecycle.up(NAME, with_image=False)
    with pytest.raises(OwnedError):
        lifecycle.down(NAME)
    assert cleaned == []
    lifecycle.down(NAME, force=True)
    assert cleaned == [NAME]


def test_up_notes_its_caller_as_the_owner(running, monkeypatch, tmp_path):
    lifecycle.up(NAME, with_image=False)
    assert owner.of(NAME) == [Owner(str(tmp_path / "here"), BY_HAND)]
    lifecycle.up(NAME, with_image=False, command="make demo")
    assert owner.of(NAME) == [Owner(str(tmp_path / "here"), "make demo")]
    monkeypatch.setenv(owner.TEST_RUN, str(os.getpid()))
    lifecycle.up(NAME, with_image=False)
    assert owner.of(NAME)[1:] == [Owner(str(tmp_path / "here"), "tests", process.identity(os.getpid()))]


def test_a_cluster_that_was_named_has_no_owner(running):
    running.local = False
    lifecycle.up(NAME, with_image=False)
    assert not owner._file(NAME).exists()


def test_whoever_waits_for_another_start_is_told_so(running):
    said = []
    with locked(lock(NAME)) as _, pytest.raises(InterruptedError):
        lifecycle.up(NAME, lambda text: said.append(text) or interrupt())
    assert f"process {os.getpid()} (" in said[0]
    assert "changes the cluster mine; waiting for it" in said[0]


def interrupt():
    raise InterruptedError


@pytest.fixture
def said(monkeypatch):
    """What the command line writes to stderr."""
    lines = []
    monkeypatch.setattr(command_line, "say", lines.append)
    return lines


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["tests.cluster", *words])
    return command_line.main()


@pytest.mark.usefixtures("of_another")
def test_down_of_all_skips_the_clusters_of_others(monkeypatch, cleaned, said):
    (state("ours") / "processes").mkdir(parents=True)
    monkeypatch.setattr(lifecycle.cleanup, "forgotten", list)
    assert run(monkeypatch, "down") == 0
    assert cleaned == ["ours"]
    assert said[0].startswith("skipped: The cluster mine belongs to ")


@pytest.mark.usefixtures("of_another")
def test_force_needs_the_name_of_a_cluster(monkeypatch, cleaned, said):
    assert run(monkeypatch, "down", "--force") == 1
    assert "name the cluster with --name" in said[0]
    assert run(monkeypatch, "down", "--name", NAME) == 1
    assert run(monkeypatch, "down", "--name", NAME, "--force") == 0
    assert cleaned == [NAME]


@pytest.mark.usefixtures("of_another")
def test_status_shows_the_owner(monkeypatch, tmp_path, capsys):
    run(monkeypatch, "status", "--name", NAME)
    assert capsys.readouterr().out.rstrip().endswith(f"\t{tmp_path}/there (make demo)")
