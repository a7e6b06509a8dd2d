"""Reading repositories: from objects at one commit, incrementally, from any kind of local repository."""

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository, UnknownRevision, repository
from reconciler.core.desired import changed_keys
from reconciler.core.errors import SourceUnavailable
from reconciler.core.names import Key

from .conftest import Work, environment

PRODUCTION, STAGING = Key("acme", "production"), Key("acme", "staging")


def test_reads_a_commit_and_never_the_work_tree(work: Work) -> None:
    work.write("tenants/acme/production.yaml", "not even yaml: [")
    work.write("tenants/acme/staging.yaml", environment("staging"))
    with Repository.open(str(work.path)) as opened:
        desired = opened.desired(opened.resolve("main"))
    assert set(desired.environments) == {PRODUCTION}
    assert desired.findings == ()
    assert desired.revision == work.git("rev-parse", "HEAD")
    assert desired.environments[PRODUCTION].region == "eu-west"


def test_reads_any_commit(work: Work) -> None:
    before = work.git("rev-parse", "HEAD")
    after = work.commit(staging=environment("staging"))
    with Repository.open(str(work.path)) as opened:
        first, second = opened.desired(before), opened.desired(after)
    assert changed_keys(first, second) == {STAGING}


def test_parses_only_what_changed(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    real = repository.parse
    monkeypatch.setattr(repository, "parse", lambda kind, data: parsed.append(data) or real(kind, data))
    with Repository.open(str(work.path)) as opened:
        first = opened.desired(opened.resolve("main"))
        assert len(parsed) == 3
        work.commit(staging=environment("staging"))
        second = opened.desired(opened.resolve("main"))
    assert len(parsed) == 4
    assert second.environments[PRODUCTION] is first.environments[PRODUCTION]


def test_a_remembered_declaration_follows_its_tenant_and_its_region(work: Work) -> None:
    with Repository.open(str(work.path)) as opened:
        assert not opened.desired(opened.resolve("main")).findings
        work.write(
            "providers/regions.yaml", (work.path / "providers/regions.yaml").read_text().replace("eu-west", "eu-east")
        )
        assert [finding.code for finding in opened.desired(work.commit()).findings] == ["region"]
        work.git("checkout", "--quiet", "HEAD~1", "--", "providers")
        tenant = work.path / "tenants/acme/tenant.yaml"
        tenant.write_text(tenant.read_text() + "spec: {defaults: {tier: premium}}\n")
        assert opened.desired(work.commit()).environments[PRODUCTION].tier == "premium"


def test_forgets_what_is_long_gone(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "MEMORY_FACTOR", 0)
    monkeypatch.setattr(repository, "MEMORY_MARGIN", 5)
    with Repository.open(str(work.path)) as opened:
        for number in range(20):
            desired = opened.desired(work.commit(production=environment(more=f"# {number}\n")))
            assert set(desired.environments) == {PRODUCTION}
        assert len(opened._documents) < 10
        assert len(opened._declarations) < 10


@pytest.mark.parametrize("kind", ["work tree", "git directory", "subfolder", "bare", "linked work tree"])
def test_opens_any_local_repository(work: Work, kind: str, tmp_path: Path) -> None:
    work.git("clone", "--quiet", "--bare", str(work.path), str(tmp_path / "bare.git"))
    work.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    places = {
        "work tree": work.path,
        "git directory": work.path / ".git",
        "subfolder": work.path / "tenants/acme",
        "bare": tmp_path / "bare.git",
        "linked work tree": tmp_path / "linked",
    }
    with Repository.open(str(places[kind])) as opened:
        assert set(opened.desired(opened.resolve("HEAD")).environments) == {PRODUCTION}
        assert (opened.path / "HEAD").exists()
        opened.fetch()


def test_the_callers_git_environment_is_not_ours(work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    with Repository.open(str(work.path)) as opened:
        assert set(opened.desired(opened.resolve("main")).environments) == {PRODUCTION}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_repository_of_somebody_else_is_read(work: Work) -> None:
    os.chown(work.path, 12345, 12345)
    os.chown(work.path / ".git", 12345, 12345)
    with Repository.open(str(work.path)) as opened:
        assert set(opened.desired(opened.resolve("main")).environments) == {PRODUCTION}


def test_resolves_branches_tags_and_ids(work: Work) -> None:
    commit = work.git("rev-parse", "HEAD")
    work.git("tag", "-a", "v1", "-m", "annotated")
    with Repository.open(str(work.path)) as opened:
        assert {opened.resolve(ref) for ref in ("HEAD", "main", "v1", "refs/heads/main", commit, commit[:10])} == {
            commit
        }


@pytest.mark.parametrize(
    "ref", ["nowhere", "", " ", "--upload-pack=touch pwned", "-x", "main:tenants", "a\0b", "0" * 40, "^main"]
)
def test_a_revision_that_is_none_is_a_clear_error(work: Work, ref: str) -> None:
    with Repository.open(str(work.path)) as opened, pytest.raises(UnknownRevision):
        opened.resolve(ref)


def test_a_repository_that_is_broken_says_so_and_not_that_a_commit_is_missing(work: Work) -> None:
    with (work.path / ".git/config").open("a") as file:
        file.write("[core\n")
    with Repository.open(str(work.path)) as opened, pytest.raises(UnknownRevision, match="bad config line"):
        opened.resolve("HEAD")


def test_ancestry(work: Work) -> None:
    first = work.git("rev-parse", "HEAD")
    second = work.commit(staging=environment("staging"))
    with Repository.open(str(work.path)) as opened:
        assert opened.is_ancestor(first, second)
        assert opened.is_ancestor(first, first)
        assert not opened.is_ancestor(second, first)
        assert not opened.is_ancestor("f" * 40, second), "what is not here is no ancestor: the source is not trusted"


@pytest.mark.parametrize("location", ["nowhere", "-c", "--upload-pack=x", "ext::sh -c touch% pwned"])
def test_a_location_that_is_no_repository_is_a_clear_error(location: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        Repository.open(location, cache=tmp_path)


def test_a_url_needs_a_cache() -> None:
    with pytest.raises(SourceUnavailable, match="cache") as caught:
        Repository.open("https://me:secret@git.example.com/fleet.git")
    assert "secret" not in str(caught.value)


def test_an_unknown_commit_is_unavailable_not_empty(work: Work) -> None:
    with Repository.open(str(work.path)) as opened, pytest.raises(SourceUnavailable):
        opened.desired("f" * 40)


def test_a_commit_without_declarations_declares_nothing(work: Work) -> None:
    work.git("rm", "-r", "--quiet", "tenants", "providers")
    with Repository.open(str(work.path)) as opened:
        desired = opened.desired(work.commit_index())
    assert not desired.environments
    assert [finding.code for finding in desired.findings] == ["missing-regions"]


def test_closing_ends_every_process(work: Work) -> None:
    with Repository.open(str(work.path)) as opened:
        opened.desired(opened.resolve("main"))
        assert children()
    assert not children()


def children() -> list[str]:
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    if not listing.exists():
        pytest.skip("this system does not list child processes")
    return [pid for pid in listing.read_text().split() if "cat-file" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_repository_of_other_object_names_is_refused_as_that(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(tmp_path)], check=True)
    with pytest.raises(SourceUnavailable, match="has sha256 object names, which cannot be read yet"):
        Repository.open(str(tmp_path))
