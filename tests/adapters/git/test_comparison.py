"""What differs between commits, by real git: nothing of the repository is run, and odd names stay names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git import Repository
from reconciler.adapters.git.comparison import Comparison
from reconciler.adapters.git.repository import UnknownRevision
from reconciler.core.errors import SourceUnavailable
from tests.adapters.git.conftest import Work, environment

PRODUCTION, STAGING = "tenants/acme/production.yaml", "tenants/acme/staging.yaml"


@pytest.fixture
def compared(work: Work) -> Iterator[Comparison]:
    with Repository.open(str(work.path)) as repository:
        yield Comparison(repository)


def test_paths_that_differ(work: Work, compared: Comparison) -> None:
    first = work.git("rev-parse", "HEAD")
    work.write("README.md", "nothing of ours\n")
    second = work.commit(staging=environment("staging"))
    work.git("mv", STAGING, "tenants/acme/live.yaml")
    third = work.commit_index()
    assert compared.changed(first, second) == [STAGING]
    assert compared.changed(second, first) == [STAGING]
    assert compared.changed(second, third) == ["tenants/acme/live.yaml", STAGING], "both sides of what was renamed"
    assert compared.changed(first, first) == []
    assert (compared.count(first), compared.count(third)) == (1, 2)
    assert compared.tenants(third) == ["acme"]


def test_names_that_are_odd_are_shown_and_not_obeyed(work: Work, compared: Comparison) -> None:
    first = work.git("rev-parse", "HEAD")
    blob = work.blob(b"x")
    for name in ("--output=x", ":(glob)*", "a\nb"):
        work.entry("100644", blob, f"tenants/{name}/x.yaml")
    second = work.commit_index()
    assert sorted(compared.changed(first, second)) == [
        "tenants/--output=x/x.yaml", "tenants/:(glob)*/x.yaml", "tenants/a\\nb/x.yaml",
    ]  # fmt: skip
    assert {"--output=x", ":(glob)*", "a\\nb"} < set(compared.tenants(second))


def test_filters_that_attributes_name_are_not_run(work: Work, compared: Comparison, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for key in ("diff.x.textconv", "diff.x.command", "filter.x.clean"):
        work.git("config", key, f"touch {ran} #")
    (work.path / ".gitattributes").write_text("*.yaml diff=x\n")
    first = work.commit(staging=environment("staging"))
    second = work.commit(staging=environment("staging", "# more\n"))
    assert compared.changed(first, second) == [STAGING]
    assert [subject for _, _, subject in compared.commits(first, second, [STAGING])] == ["a commit"]
    work.git("rm", "--quiet", STAGING)
    assert compared.removed() == [STAGING]
    assert not ran.exists()


def test_what_is_removed_in_the_index_or_between_commits(work: Work, compared: Comparison) -> None:
    first = work.git("rev-parse", "HEAD")
    assert compared.removed() == []
    work.git("rm", "--quiet", PRODUCTION)
    assert compared.removed() == [PRODUCTION]
    second = work.commit_index()
    assert compared.removed() == []
    assert compared.removed(first, second) == [PRODUCTION]


def test_before_the_first_commit_nothing_is_removed(tmp_path: Path) -> None:
    made = Work(tmp_path / "new")
    made.path.mkdir()
    made.git("init", "--quiet")
    with Repository.open(str(made.path)) as repository:
        assert Comparison(repository).removed() == []


def test_the_merge_base(work: Work, compared: Comparison) -> None:
    first = work.git("rev-parse", "HEAD")
    work.git("switch", "--quiet", "--create", "change")
    work.commit(staging=environment("staging"))
    work.git("switch", "--quiet", "main")
    work.commit(live=environment("live"))
    assert compared.merge_base("main", "change") == first
    work.git("switch", "--quiet", "--orphan", "other")
    work.commit_index()
    with pytest.raises(UnknownRevision, match="no commit in common"):
        compared.merge_base("main", "other")


def test_a_commit_that_is_not_there_is_said(work: Work, compared: Comparison) -> None:
    gone = "f" * 40
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        compared.changed(gone, gone)
    with pytest.raises(UnknownRevision):
        compared.commits("--all", "HEAD", [PRODUCTION])
