"""Repositories that want to harm: nothing of theirs is run, followed or read beyond its limit."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository, repository
from reconciler.adapters.git.comparison import Comparison
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


def test_a_signature_is_not_shown_to_the_program_that_a_repository_names(work: Work, tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/trap\n")
    program.chmod(0o755)
    work.git("config", "log.showSignature", "true")
    work.git("config", "gpg.program", str(program))
    before = work.git("rev-parse", "HEAD")
    work.commit(production=environment(more="# changed\n"))
    header, _, message = work.git("cat-file", "commit", "HEAD").partition("\n\n")
    block = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n aaaa\n -----END PGP SIGNATURE-----"
    signed = f"{header}\n{block}\n\n{message}\n".encode()
    after = work.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
    with Repository.open(str(work.path)) as opened:
        told = Comparison(opened).commits(before, after, [PRODUCTION])
    assert [commit for commit, _, _ in told] == [after]
    assert not (tmp_path / "trap").exists()


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


def grown(work: Work, *listings: list[str]) -> None:
    """Commit a tree that is built from below: each listing is a tree, in which `{}` is the tree before it."""
    tree = ""
    for listing in listings:
        lines = "".join(f"{line}\n".replace("{}", tree) for line in listing)
        tree = work.git("mktree", stdin=lines.encode())
    work.git("reset", "--quiet", "--soft", work.git("commit-tree", tree, "-m", "grown"))


def test_a_small_repository_that_names_any_number_of_files_is_unavailable(work: Work) -> None:
    """Ten trees, of ten times the same tree each, name ten thousand million files."""
    blob = work.blob(b"x")
    levels = [[f"040000 tree {{}}\t{name}" for name in "0123456789"] for _ in range(9)]
    grown(work, [f"100644 blob {blob}\t{name}" for name in "0123456789"], *levels, ["040000 tree {}\ttenants"])
    with Repository.open(str(work.path)) as opened, pytest.raises(SourceUnavailable, match="said more than 32 MiB"):
        opened.desired(opened.resolve("HEAD"))


def test_a_file_very_far_down_is_told(work: Work) -> None:
    depth = 800
    grown(work, [f"100644 blob {work.blob(b'x')}\tf"], *[["040000 tree {}\td"]] * depth, ["040000 tree {}\ttenants"])
    with Repository.open(str(work.path)) as opened:
        codes = {finding.code for finding in opened.desired(opened.resolve("HEAD")).findings}
    assert codes == {"unexpected-folder", "missing-regions"}


def import_files(work: Work, paths: Iterable[str], content: bytes) -> None:
    """Commit very many files at once (git-fast-import(1)); nothing else stays."""
    head = b"blob\nmark :1\ndata %d\n%s\n" % (len(content), content)
    head += b"commit refs/heads/main\ncommitter t <t@example.com> 0 +0000\ndata 1\nx\ndeleteall\n"
    work.git(
        "fast-import", "--quiet", "--force", stdin=head + b"".join(b"M 100644 :1 %s\n" % p.encode() for p in paths)
    )


def test_a_hundred_thousand_files_elsewhere_cost_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "LIST_BYTES", 1000)
    import_files(work, (f"src/{number % 300}/{number}.yaml" for number in range(100_000)), b"x")
    found = desired(work)
    assert codes(found) == {("providers/regions.yaml", "missing-regions")}


def test_a_hundred_thousand_files_where_none_belong_are_told(work: Work) -> None:
    import_files(work, (f"tenants/acme/x{number % 300}/{number}.yaml" for number in range(100_000)), b"x")
    found = desired(work)
    assert not found.environments
    assert len(found.findings) == 100_001
    assert {finding.code for finding in found.findings} == {"unexpected-folder", "missing-regions"}


@pytest.mark.parametrize(("name", "limit"), [("FILES_MAX", 9_999), ("CONTENT_MAX", 10_000 * 250)])
def test_more_declarations_than_can_be_borne_are_unavailable_before_they_are_read(
    work: Work, name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_files(work, (f"tenants/t{number // 100}/e{number % 100}.yaml" for number in range(10_000)), b"#" * 251)
    monkeypatch.setattr(repository, name, limit)
    monkeypatch.setattr(repository.Repository, "_read", lambda self, entry: 1 / 0)
    with pytest.raises(SourceUnavailable, match="has 10000 declarations of 2 MiB; at most"):
        desired(work)


def test_attributes_and_the_callers_filters_are_not_applied(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that the caller has, Git LFS for one, would run with what the repository gives it."""
    (tmp_path / ".gitconfig").write_text(
        f'[filter "x"]\n\tsmudge = touch {tmp_path}/trap\n\tclean = touch {tmp_path}/trap\n\trequired = true\n'
        f'[diff "x"]\n\ttextconv = touch {tmp_path}/trap\n\tcommand = touch {tmp_path}/trap\n'
    )
    work.write(".gitattributes", "* filter=x diff=x ident export-subst\n")
    commit = work.commit(production=environment(more="# $Id$ $Format:%H$\n"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with Repository.open(str(work.path)) as opened:
        assert set(opened.desired(commit).environments) == {KEY}
        assert opened.uncommitted(commit) == []
    with Repository.open(f"file://{work.path}", cache=tmp_path / "cache") as opened:
        opened.fetch()
        assert set(opened.desired(commit).environments) == {KEY}
    assert not (tmp_path / "trap").exists()
