"""The git server of demo and tests: git clones from it and cannot push to it."""

import subprocess
from http.client import HTTPConnection
from pathlib import Path

from tests.gitenv import git_environment
from tests.gitserver import serving


def git(folder: Path, *words: str, code: int = 0) -> str:
    plain = {name: value for name, value in git_environment().items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(["git", *words], cwd=folder, env=plain, text=True, capture_output=True)
    assert done.returncode == code, done.stderr
    return done.stdout.strip()


def repository(folder: Path) -> str:
    git(folder, "init", "--quiet", "--initial-branch=main", "fleet.git")
    (folder / "fleet.git" / "a").write_text("x\n" * 100_000)
    git(folder / "fleet.git", "add", "--all")
    git(folder / "fleet.git", "commit", "--quiet", "--message", "one")
    return git(folder / "fleet.git", "rev-parse", "HEAD")


def test_it_is_cloned_and_fetched_from(tmp_path: Path) -> None:
    head = repository(tmp_path)
    with serving(tmp_path) as server:
        git(tmp_path, "clone", "--quiet", server.url("fleet.git"), "clone")
        assert git(tmp_path / "clone", "rev-parse", "HEAD") == head
        git(tmp_path / "fleet.git", "commit", "--quiet", "--allow-empty", "--message", "two")
        git(tmp_path / "clone", "pull", "--quiet")
        assert git(tmp_path / "clone", "log", "--format=%s", "-1") == "two"


def test_a_request_may_come_in_chunks(tmp_path: Path) -> None:
    head = repository(tmp_path)
    with serving(tmp_path) as server:
        connection = HTTPConnection("127.0.0.1", server.server_port)
        wanted = [f"0032want {head}\n".encode(), b"0000", b"0009done\n"]
        kind = {"Content-Type": "application/x-git-upload-pack-request", "Transfer-Encoding": "chunked"}
        connection.request("POST", "/fleet.git/.git/git-upload-pack", iter(wanted), kind, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, b"PACK" in answer.read()) == (200, True)
        connection.close()


def test_it_is_not_pushed_to(tmp_path: Path) -> None:
    repository(tmp_path)
    with serving(tmp_path) as server:
        git(tmp_path, "clone", "--quiet", server.url("fleet.git"), "clone")
        git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "--message", "mine")
        git(tmp_path / "clone", "push", "origin", "HEAD:other", code=128)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        git(tmp_path, "ls-remote", server.url("nothing.git"), code=128)
        git(tmp_path, "ls-remote", server.url("../etc"), code=128)
