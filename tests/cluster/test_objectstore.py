import os
import secrets
import shutil
import subprocess
from datetime import timedelta

import obstore
import pytest

from tests.cluster import addresses, objectstore, owner, postgres, process
from tests.cluster.conftest import client_of, send
from tests.cluster.kubectl import kubectl
from tests.cluster.leftovers import snapshot
from tests.cluster.objectstore import ObjectStore, Place
from tests.cluster.owner import Owner

TEXT = b"rows of acme"
KINDS = {"process", "namespace", "link", "address", "route", "cgroup", "folder"}  # of everything but mounts
RUN = os.environ[owner.TEST_RUN]


def test_it_is_beside_every_possible_cluster():
    assert objectstore.OWN.slot not in range(1, addresses.SLOTS + 1)
    assert not objectstore.OWN.netns.startswith(addresses.of("any").netns.removesuffix("any"))


def test_nothing_is_found_where_nothing_was_started(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert objectstore.find() is None
    assert list(tmp_path.iterdir()) == []


# -- users -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """One entry for each time that the object store, which pretends to run, was ended."""
    times = []

    def clean():
        times.append("ended")
        shutil.rmtree(objectstore._folder(), ignore_errors=True)

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(owner, "REPOSITORY", tmp_path)
    monkeypatch.setattr(objectstore.requirements, "check", lambda: None)
    monkeypatch.setattr(objectstore, "find", lambda: ObjectStore("http://s", "b", "k", "s"))
    monkeypatch.setattr(objectstore, "_clean", clean)
    objectstore._folder().mkdir(parents=True)
    return times


def test_it_ends_with_its_last_user_and_says_who_that_is(ended, monkeypatch, tmp_path):
    """Two demos of one checkout are two users, and so is the test run that started one of them."""
    said = []
    objectstore.up()
    objectstore.up(command="make demo")
    monkeypatch.delenv(owner.TEST_RUN)
    objectstore.up(command="make demo")
    objectstore.up(command="make demo")
    objectstore.down(said.append, command="make demo")
    others = f"{tmp_path} (tests, process {RUN}), {tmp_path} (make demo, process {RUN})"
    assert [line.strip() for line in said] == [f"the object store stays up for {others}"]
    monkeypatch.setenv(owner.TEST_RUN, RUN)
    objectstore.down(command="make demo")
    assert ended == []
    objectstore.down()
    assert ended == ["ended"]


def test_users_that_are_gone_do_not_count(ended, tmp_path):
    with subprocess.Popen(["sleep", "60"]) as run:
        noted = process.identity(run.pid)
        run.kill()
    gone = [Owner(str(tmp_path), "tests", noted), Owner(str(tmp_path / "removed"), "make demo")]
    owner.write(objectstore._users(), gone)
    assert objectstore.users() == []
    objectstore.down()
    assert ended == ["ended"]


def test_by_force_it_ends_whoever_uses_it(ended, tmp_path):
    owner.write(objectstore._users(), [Owner(str(tmp_path), "make demo")])
    objectstore.down()
    assert ended == []
    objectstore.down(force=True)
    assert ended == ["ended"]


def test_one_that_was_started_before_users_were_noted_has_none(ended):
    objectstore.down()
    assert ended == ["ended"]


# -- the real one ------------------------------------------------------------------------------------------------------


@pytest.mark.cluster
def test_signed_urls_work_as_they_are_and_no_other_way(sign):
    put, get = sign("PUT", "archive"), sign("GET", "archive")
    assert send("PUT", put, TEXT)[0] == 200
    assert send("GET", get) == (200, TEXT)
    assert send("PUT", get, b"other")[0] == 403
    assert send("GET", get.replace("archive", "archives"))[0] == 403
    assert send("GET", get.partition("?")[0])[0] == 403
    assert send("GET", sign("GET", "nothing"))[0] == 404


@pytest.mark.cluster
def test_pods_put_and_get_by_signed_urls(running, sign):
    postgres.provide(running.name)
    put, get = sign("PUT", "pod"), sign("GET", "pod")
    with_curl = ["curl", "--silent", "--fail", "--request", "PUT", "--data-binary", TEXT.decode(), put]
    assert in_pod(running, postgres.NAME, *with_curl) == ""
    assert send("GET", get) == (200, TEXT)
    assert in_pod(running, running.busybox, "wget", "-q", "-O", "-", get) == TEXT.decode()


@pytest.mark.cluster
def test_down_leaves_nothing(tmp_path, monkeypatch):
    own = Place("object-store-test", 0)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(objectstore, "NAME", own.name)
    monkeypatch.setattr(objectstore, "OWN", own)
    try:
        made = objectstore.up()
        assert objectstore.up() == made == objectstore.find()
        assert {line.split()[0] for line in snapshot(own, folders=[objectstore.note().parent])} == KINDS
        assert objectstore.note().stat().st_mode & 0o077 == 0
        client = client_of(made)
        obstore.put(client, "a/b", TEXT)
        assert send("GET", obstore.sign(client, "GET", "a/b", timedelta(minutes=1))) == (200, TEXT)
    finally:
        objectstore.down()
    assert objectstore.find() is None
    assert list((tmp_path / "tenantctl").iterdir()) == []
    assert snapshot(own, folders=[tmp_path / "tenantctl" / own.name]) == frozenset()


def in_pod(cluster, image, *command):
    """What the command says in a pod of its own."""
    name = f"e2e-{secrets.token_hex(4)}"
    words = ["run", name, f"--image={image}", "--restart=Never", "--rm", "--attach", "--quiet", "--command", "--"]
    return kubectl(cluster, *words, *command)
