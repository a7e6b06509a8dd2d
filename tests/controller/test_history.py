"""What git's history says, asked of real repositories: force-pushes, empty branches, removed and moved folders."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.git import Repository
from reconciler.controller.history import GitHistory
from reconciler.core.action import Action, ActionKind
from reconciler.core.declaration import Declaration
from reconciler.core.desired import Desired
from reconciler.core.errors import SourceUnavailable
from reconciler.core.fleet import Fleet
from reconciler.core.names import Key
from reconciler.core.record import Record
from tests.adapters.git.conftest import REGIONS, TENANT, Work, environment

PRODUCTION, STAGING = Key("acme", "production"), Key("acme", "staging")
UNKNOWN = "f" * 40


@dataclass
class Lab:
    """A repository, its history, and how often git was asked."""

    work: Work
    repository: Repository
    asked: Counter[str]
    records: dict[Key, Record | str]
    history: GitHistory

    def read(self) -> Desired:
        """What is declared at HEAD."""
        return self.repository.desired(self.repository.resolve("HEAD"))

    def applied(self, *keys: Key) -> dict[Key, Record]:
        """The records of environments that are applied as they are declared at HEAD."""
        read = self.read()
        return {key: applied(read.environments[key], read.revision) for key in keys}

    def twins(self, records: Mapping[Key, Record], *keys: Key) -> list[Key | None]:
        """What each of them seems to have been renamed to or from, where these are the records."""
        read = self.read()
        self.records.clear()
        self.records.update(records)
        removed = [record for key, record in records.items() if key not in read.environments]
        return [self.history.twin(key, read, removed) for key in keys]


def applied(declaration: Declaration, revision: str) -> Record:
    return Record(
        declaration.key, region=declaration.region, applied_digest=declaration.digest, applied_revision=revision
    )


class Counting:
    """A repository's past that counts the questions."""

    def __init__(self, past: Any, asked: Counter[str]) -> None:
        self._past, self._asked = past, asked

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self._asked[name] += 1
        found: Callable[..., Any] = getattr(self._past, name)
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    work = Work(tmp_path / "work")
    work.path.mkdir()
    work.git("init", "--quiet", "--initial-branch=main")
    work.write("providers/regions.yaml", REGIONS)
    work.write("tenants/acme/tenant.yaml", TENANT)
    work.commit(production=environment(), staging=environment("staging", "# of staging\n"))
    with Repository.open(str(work.path)) as repository:
        asked: Counter[str] = Counter()
        records: dict[Key, Record | str] = {}
        yield Lab(work, repository, asked, records, GitHistory(Counting(repository, asked), records.get))


def decommission(of: Record) -> Action:
    return Action(of.key, ActionKind.DECOMMISSION, of.region, "", of.applied_digest)


# -- trust ---------------------------------------------------------------------------------------------------------


def accept(fleet: Fleet, values: Mapping[str, str | None]) -> Fleet:
    return replace(fleet, **{name: value or "" for name, value in values.items()})


def test_commits_that_follow_are_trusted_and_accepted_one_after_the_other(lab: Lab) -> None:
    fleet = Fleet()
    for number in range(3):
        lab.work.commit(production=environment(more=f"# {number}\n"))
        assert lab.history.trust(lab.read(), fleet, 2) == ""
        fleet = accept(fleet, lab.history.accepted(lab.read(), fleet, 2))
        assert fleet.accepted == lab.read().revision


def test_a_force_push_is_not_trusted_until_somebody_approves_it(lab: Lab) -> None:
    lab.work.commit(extra=environment("extra"))
    fleet = Fleet(accepted=lab.read().revision)
    lab.work.git("reset", "--quiet", "--hard", "HEAD~1")
    set_back = lab.history.trust(lab.read(), fleet, 2)
    assert set_back.startswith(f"commit {lab.read().revision[:12]} is older than {fleet.accepted[:12]}, ")
    assert (
        f"if the branch was set back, look at it, then 'tenantctl approve --source {lab.read().revision[:12]}'"
        in set_back
    )
    lab.work.git("rm", "--quiet", "tenants/acme/staging.yaml")
    lab.work.git("commit", "--quiet", "--amend", "-m", "rewritten")
    rewritten = lab.history.trust(lab.read(), fleet, 2)
    assert "history was rewritten, the repository is another one, or this clone is behind: pull" in rewritten
    assert f"tenantctl approve --source {lab.read().revision[:12]}" in rewritten
    assert lab.history.accepted(lab.read(), fleet, 2) == {}
    approved = replace(fleet, source=lab.read().revision)
    lab.work.commit(more=environment("more"))
    assert lab.history.trust(lab.read(), approved, 2) == "", "a commit came on top before anybody looked"
    after = accept(approved, lab.history.accepted(lab.read(), approved, 2))
    assert after == Fleet(accepted=lab.read().revision)
    lab.work.git("reset", "--quiet", "--hard", fleet.accepted)
    assert lab.history.trust(lab.read(), after, 2), "the approval was for that once"


def test_a_repository_of_another_history_is_not_trusted(lab: Lab) -> None:
    assert "the repository is another one" in lab.history.trust(lab.read(), Fleet(accepted=UNKNOWN), 1)
    assert lab.history.trust(lab.read(), Fleet(accepted="--help"), 1)


def test_an_empty_branch_is_not_trusted(lab: Lab) -> None:
    fleet = Fleet(accepted=lab.read().revision)
    lab.work.git("rm", "-r", "--quiet", ".")
    lab.work.commit_index()
    assert "declares nothing" in lab.history.trust(lab.read(), fleet, 2)
    assert lab.history.trust(lab.read(), fleet, 0) == ""
    assert lab.history.accepted(lab.read(), fleet, 0) == {}


def test_a_removed_folder_of_all_tenants_is_not_trusted(lab: Lab) -> None:
    fleet = Fleet(accepted=lab.read().revision)
    lab.work.git("rm", "-r", "--quiet", "tenants")
    lab.work.commit_index()
    assert "2 environments are recorded" in lab.history.trust(lab.read(), fleet, 2)
    approved = replace(fleet, source=lab.read().revision)
    after = accept(approved, lab.history.accepted(lab.read(), approved, 2))
    assert lab.history.trust(lab.read(), after, 1) == "", "also while decommissions go on"


def test_git_is_asked_once_for_a_commit_and_again_after_trouble(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(accepted=lab.read().revision)
    lab.work.commit(extra=environment("extra"))
    read = lab.read()

    def fails(old: str, new: str) -> bool:
        raise SourceUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(lab.repository, "is_ancestor", fails)
        assert "no answer" in lab.history.trust(read, fleet, 1)
        assert lab.history.accepted(read, fleet, 1) == {}
    lab.asked.clear()
    with ThreadPoolExecutor(1) as pool:
        assert set(pool.map(lambda _: lab.history.trust(read, fleet, 1), range(50))) == {""}
    assert lab.asked == {"is_ancestor": 1}


# -- reviewed ------------------------------------------------------------------------------------------------------


def test_a_removed_file_is_reviewed_whatever_was_merged_since(lab: Lab) -> None:
    record = lab.applied(STAGING)[STAGING]
    assert "still declared" in lab.history.unreviewed(decommission(record), record, lab.read())
    for number in range(3):
        lab.work.commit(production=environment(more=f"# {number}\n"))
    lab.work.git("rm", "--quiet", "tenants/acme/staging.yaml")
    lab.work.commit_index()
    lab.work.commit(production=environment(more="# later\n"))
    assert lab.history.unreviewed(decommission(record), record, lab.read()) == ""


def test_a_region_from_the_tenants_defaults_is_reviewed(lab: Lab) -> None:
    lab.work.write("tenants/acme/tenant.yaml", TENANT + "spec: {defaults: {region: eu-west}}\n")
    lab.work.commit(staging=environment("staging").replace("{region: eu-west}", "{}"))
    record = lab.applied(STAGING)[STAGING]
    lab.work.write("tenants/acme/tenant.yaml", TENANT + "spec: {defaults: {region: us-east}}\n")
    lab.work.commit()
    move = Action(STAGING, ActionKind.MIGRATE, "eu-west", "us-east", "d")
    assert lab.history.unreviewed(move, record, lab.read()) == ""
    elsewhere = replace(record, region="us-west")
    assert "the record says us-west" in lab.history.unreviewed(move, elsewhere, lab.read())


@pytest.mark.parametrize("revision", ["", UNKNOWN, "HEAD", "--output=x"])
def test_what_was_applied_at_a_commit_that_is_gone_is_not_reviewed(lab: Lab, revision: str) -> None:
    record = replace(lab.applied(STAGING)[STAGING], applied_revision=revision)
    lab.work.git("rm", "--quiet", "tenants/acme/staging.yaml")
    lab.work.commit_index()
    assert "tenantctl approve" in lab.history.unreviewed(decommission(record), record, lab.read())


def test_a_record_of_what_was_never_declared_is_not_reviewed(lab: Lab) -> None:
    record = replace(lab.applied(STAGING)[STAGING], key=Key("acme", "ghost"))
    assert "does not declare" in lab.history.unreviewed(decommission(record), record, lab.read())


def test_where_renames_cannot_be_told_a_decommission_is_not_reviewed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    record = records[STAGING]
    lab.work.git("rm", "--quiet", "tenants/acme/staging.yaml")
    lab.work.commit_index()
    read = lab.read()

    def fails(old: str, new: str) -> Mapping[str, str]:
        raise SourceUnavailable("too long")

    monkeypatch.setattr(lab.repository, "renames", fails)
    assert "too long" in lab.history.unreviewed(decommission(record), record, read)
    assert lab.twins(records, STAGING) == [None]


# -- renamed -------------------------------------------------------------------------------------------------------


def test_a_tenants_folder_that_is_only_moved_is_a_rename(lab: Lab) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    lab.work.git("mv", "tenants/acme", "tenants/acme-corp")
    lab.work.commit_index()
    new = [Key("acme-corp", key.environment) for key in (PRODUCTION, STAGING)]
    assert set(new) <= lab.read().held, "its metadata says acme: not valid"
    assert lab.twins(records, PRODUCTION, STAGING) == new


@pytest.mark.parametrize("folder", ["acme-corp", "Acme_Corp", "old/acme"])
def test_wherever_it_is_moved_to(lab: Lab, folder: str) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    (lab.work.path / "tenants" / folder).parent.mkdir(exist_ok=True)
    lab.work.git("mv", "tenants/acme", f"tenants/{folder}")
    lab.work.commit_index()
    assert None not in lab.twins(records, PRODUCTION, STAGING)


def test_a_renamed_and_changed_environment_is_held_on_both_sides(lab: Lab) -> None:
    long = "# what this environment is for, and who asked for it\n" * 3
    lab.work.commit(staging=environment("staging", long))
    records = lab.applied(PRODUCTION, STAGING)
    lab.work.git("mv", "tenants/acme/staging.yaml", "tenants/acme/stage.yaml")
    stage = Key("acme", "stage")
    lab.work.commit(stage=environment("stage", long).replace("eu-west}", "eu-west, tier: premium}"))
    assert lab.twins(records, STAGING, stage, PRODUCTION) == [stage, STAGING, None]
    read = lab.read()
    records[stage] = applied(read.environments[stage], read.revision)
    assert lab.twins(records, STAGING, stage) == [stage, None], "the new one was approved, the old one was not"


def test_what_stood_side_by_side_once_is_no_rename(lab: Lab) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    stage = Key("acme", "stage")
    lab.work.commit(stage=environment("stage", "# of staging\n"))
    records |= lab.applied(stage)
    lab.work.git("rm", "--quiet", "tenants/acme/staging.yaml")
    lab.work.commit_index()
    assert lab.twins(records, STAGING, stage) == [None, None]


def test_the_same_digest_in_another_commit_is_a_rename(lab: Lab) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    lab.work.git("rm", "--quiet", "tenants/acme/staging.yaml")
    lab.work.commit_index()
    stage = Key("acme", "stage")
    lab.work.commit(stage=environment("stage") + "".join(f"# {number}\n" for number in range(40)))
    assert lab.repository.renames(records[STAGING].applied_revision, lab.read().revision) == {}
    assert lab.twins(records, STAGING, stage) == [stage, STAGING]


def test_other_keys_ask_git_nothing(lab: Lab) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    lab.work.commit(extra=environment("extra"))
    assert lab.twins(records, PRODUCTION, STAGING, Key("acme", "extra"), Key("no", "body")) == [None] * 4
    assert not lab.asked


def test_it_answers_the_same_from_many_threads(lab: Lab) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    lab.work.git("mv", "tenants/acme/staging.yaml", "tenants/acme/stage.yaml")
    lab.work.commit(stage=environment("stage", "# of staging\n"))
    read = lab.read()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: lab.history.twin(STAGING, read, [records[STAGING]]), range(40)))
    assert found == {Key("acme", "stage")}


def test_a_record_that_cannot_be_read_may_be_of_a_new_environment(lab: Lab) -> None:
    records = lab.applied(PRODUCTION, STAGING)
    lab.work.git("mv", "tenants/acme/staging.yaml", "tenants/acme/stage.yaml")
    lab.work.commit(stage=environment("stage"))
    lab.twins(records)
    lab.records[Key("acme", "stage")] = "damaged"
    assert lab.history.twin(STAGING, lab.read(), [records[STAGING]]) == Key("acme", "stage")
