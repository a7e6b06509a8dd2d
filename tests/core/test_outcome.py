"""Outcomes: what is written is read back, what is damaged is refused."""

import json

import pytest

from reconciler.core.archive import Archive
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.step import Kind, Step

STEP = Step(Kind.JOB, "migrate-out", ("ledger", "ledger-lifecycle"))
ARCHIVE = Archive("acme/production/7/ledger/ledger-lifecycle/run-1/manifest.json", "ab" * 32)
SMALL = Outcome(STEP, "d", 7, "run-1", Result.RUNNING)
WHOLE = Outcome(
    STEP, "d", 7, "run-1", Result.FAILED, hash="h", failure=FailureClass.USER, reason="JobFailed", message="no",
    retry_after=5, owner="team", outputs={"rows": 1}, entry={"name": "x"}, at="2027-01-15T08:00:00Z",
    verbs=("migrate-in", "upsert"), archive=ARCHIVE,
)  # fmt: skip


@pytest.mark.parametrize("outcome", [SMALL, WHOLE], ids=["small", "whole"])
def test_an_outcome_is_read_back_as_it_was_written(outcome: Outcome) -> None:
    assert Outcome.load(outcome.dump()) == outcome


def test_an_archive_is_written_as_its_key_and_checksum() -> None:
    assert json.loads(WHOLE.dump())["archive"] == {"key": ARCHIVE.key, "sha256": ARCHIVE.sha256}
    assert "archive" not in json.loads(SMALL.dump())


@pytest.mark.parametrize("archive", [{}, [], "x", 0, {"key": ARCHIVE.key}, {"key": ARCHIVE.key, "sha256": "x"}])
def test_an_archive_that_is_none_is_refused(archive: object) -> None:
    with pytest.raises(ValueError, match="archive"):
        Outcome.load(json.dumps(json.loads(SMALL.dump()) | {"archive": archive}))
