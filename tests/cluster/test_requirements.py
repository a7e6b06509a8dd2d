import contextlib
import os

import pytest

from tests.cluster import requirements
from tests.cluster.failure import ClusterError
from tests.cluster.folders import cache, locked
from tests.cluster.progress import Progress
from tests.cluster.requirements import Tool


@pytest.mark.parametrize(
    ("platform", "user", "problem"),
    [("darwin", 0, "this is darwin"), ("linux", 1000, "an ordinary user")],
    ids=["not Linux", "not root"],
)
def test_where_pods_cannot_run_one_sentence_says_so_with_the_way_out(monkeypatch, platform, user, problem):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("os.geteuid", lambda: user)
    with pytest.raises(ClusterError, match=f"{problem}") as caught:
        requirements.check()
    assert "CONTEXT=" in caught.value.remedy
    assert "\n" not in caught.value.what


def test_root_on_linux_will_do(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    requirements.check()


def test_nothing_is_installed_when_nothing_is_missing(monkeypatch):
    monkeypatch.setattr(requirements.apt, "install", pytest.fail)
    requirements.install((Tool("/bin/sh", "dash", "a shell"),), Progress(pytest.fail))


TOOLS = (Tool("sh", "dash", "a shell"), Tool("no-such-program", "its-package", "a test"))


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The packages that apt was to install, where only `no-such-program` is missing."""
    packages = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda program, path=None: None if program == "no-such-program" else program)
    monkeypatch.setattr(requirements.apt, "install", lambda names, _: packages.extend(names))
    return packages


def test_only_what_is_missing_is_installed_and_it_is_said_what_for(installed):
    said = []
    requirements.install(TOOLS, Progress(said.append))
    assert installed == ["its-package"]
    assert "its-package (a test)" in said[0]


def test_two_starts_take_turns_and_the_second_installs_only_what_is_still_missing(monkeypatch, installed):
    """The second says which process it waits for."""
    said, first = [], contextlib.ExitStack()
    first.enter_context(locked(cache() / "apt.lock"))

    def told(text):
        said.append(text)
        if "waiting for it" in text:
            monkeypatch.setattr("shutil.which", lambda program, path=None: program)
            first.close()

    requirements.install(TOOLS, Progress(told))
    assert installed == []
    assert f"process {os.getpid()} (" in said[1]


def test_without_apt_the_missing_programs_are_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda program, path=None: None)
    with pytest.raises(ClusterError, match=r"Missing programs: its-package \(a test\)"):
        requirements.install((Tool("no-such-program", "its-package", "a test"),), Progress(print))
