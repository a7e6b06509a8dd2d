"""Repositories that want to harm: nothing of theirs is run, followed or read beyond its limit."""

from pathlib import Path

import pytest

from reconciler.adapters.git import Repository, repository
from reconciler.core.desired import Desired
from reconciler.core.errors import SourceUnavailable
from reconciler.core.names import Key

from .conftest import PRODUCTION, Work, environment

KEY = Key("acme", "production")
SOMETHING = "1234567890123456789012345678901234567890"


def desired(work: Work) -> Desired:
    with Repository.open(str(work.path)) as opened:
        return opened.desired(opened.resolve("HEAD"))


def codes(found: Desired) -> set[tuple[str, str]]:
    return {(finding.path, finding.code) for finding in found.findings}


@pytest.mark.parametrize(
    ("mode", "path", "code"),
    [
        ("120000", PRODUCTION, "symlink"),
        ("160000", PRODUCTION, "submodule"),
        ("100755", PRODUCTION, "mode"),
        ("160000", "tenants/acme", "submodule"),
        ("120000", "tenants/acme", "symlink"),
        ("120000", "tenants", "symlink"),
        ("160000", "tenants", "submodule"),
        ("120000", "providers", "symlink"),
        ("120000", "providers/regions.yaml", "symlink"),
    ],
)
def test_odd_entries_hold_what_was_there(work: Work, mode: str, path: str, code: str) -> None:
    work.git("rm", "-r", "--cached", "--quiet", path)
    work.entry(mode, SOMETHING if mode == "160000" else work.blob(b"/etc/passwd"), path)
    work.commit_index()
    found = desired(work)
    assert (path, code) in codes(found)
    assert not found.environments
    assert found.problems(KEY)


def test_a_huge_blob_is_refused_unread(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = work.blob(b"x" * 3_000_000)
    work.entry("100644", huge, PRODUCTION)
    work.commit_index()
    real = repository.Repository._read
    monkeypatch.setattr(
        repository.Repository, "_read", lambda self, entry: real(self, entry) if entry.id != huge else 1 / 0
    )
    assert codes(desired(work)) == {(PRODUCTION, "too-large")}


def test_a_path_that_a_tree_has_twice_is_refused(work: Work) -> None:
    one, other = work.blob(environment().encode()), work.blob(environment(more="# other\n").encode())
    tenant = work.blob((work.path / "tenants/acme/tenant.yaml").read_bytes())
    names = [("production.yaml", one), ("production.yaml", other), ("tenant.yaml", tenant)]
    listing = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in names).encode()
    acme = work.git("mktree", stdin=listing)
    tenants = work.git("mktree", stdin=f"040000 tree {acme}\tacme\n".encode())
    providers = work.git("rev-parse", "HEAD:providers")
    root = work.git("mktree", stdin=f"040000 tree {providers}\tproviders\n040000 tree {tenants}\ttenants\n".encode())
    work.git("reset", "--quiet", "--soft", work.git("commit-tree", root, "-m", "twice"))
    found = desired(work)
    assert codes(found) == {(PRODUCTION, "duplicate-path")}
    assert not found.environments


@pytest.mark.parametrize(
    "name", ["new\nline.yaml", "\x1b[31mred.yaml", "tab\t.yaml", "ünïcode.yaml", "a b.yaml", "--help.yaml"]
)
def test_strange_names_are_shown_as_escapes(work: Work, name: str) -> None:
    work.entry("100644", work.blob(b"x"), f"tenants/acme/{name}")
    work.commit_index()
    (finding,) = desired(work).findings
    assert finding.code == "name"
    assert str(finding).isprintable()


def test_a_name_that_is_not_utf_8_is_a_finding(work: Work) -> None:
    entry = b"100644 blob " + work.blob(b"x").encode() + b"\ttenants/acme/\xff.yaml\0"
    work.git("update-index", "-z", "--index-info", stdin=entry)
    work.commit_index()
    assert codes(desired(work)) == {("tenants/acme/\\xff.yaml", "name")}


def test_replaced_objects_are_not_what_was_committed(work: Work) -> None:
    real = work.git("rev-parse", f"HEAD:{PRODUCTION}")
    work.git("replace", real, work.blob(environment().replace("eu-west", "us-east").encode()))
    assert desired(work).environments[KEY].region == "eu-west"


def test_nothing_that_a_repository_configures_is_run(work: Work, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for name in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.gitProxy",
        "diff.external",
        "alias.ls-tree",
        "alias.cat-file",
    ):
        work.git("config", name, f"!touch {trap}" if name.startswith("alias") else f"touch {trap}; true")
    hook = work.path / ".git/hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
    hook.chmod(0o755)
    with Repository.open(str(work.path)) as opened:
        commit = opened.resolve("HEAD")
        opened.fetch()
        assert opened.is_ancestor(commit, commit)
        assert set(opened.desired(commit).environments) == {KEY}
    assert not trap.exists()


def test_a_missing_object_is_unavailable_and_is_not_fetched(work: Work, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    blob = work.git("rev-parse", f"HEAD:{PRODUCTION}")
    (work.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    work.git("config", "extensions.partialClone", "origin")
    work.git("config", "core.repositoryFormatVersion", "1")
    work.git("config", "remote.origin.promisor", "true")
    work.git("config", "remote.origin.url", f"ext::sh -c touch% {trap}")
    with Repository.open(str(work.path)) as opened, pytest.raises(SourceUnavailable):
        opened.desired(opened.resolve("HEAD"))
    assert not trap.exists()


def test_a_lost_helper_process_is_unavailable_and_then_started_again(work: Work) -> None:
    with Repository.open(str(work.path)) as opened:
        opened.desired(opened.resolve("HEAD"))
        opened._repo.git.cat_file_all.proc.kill()
        opened._repo.git.cat_file_all.proc.wait()
        work.commit(staging=environment("staging"))
        with pytest.raises(SourceUnavailable):
            opened.desired(opened.resolve("HEAD"))
        assert len(opened.desired(opened.resolve("HEAD")).environments) == 2
