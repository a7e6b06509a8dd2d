"""Tombstones: what is kept, what is used up, and that the budget counts what needed no run."""

from reconciler.core.approval import Approval
from reconciler.core.times import rfc3339
from reconciler.core.tombstone import tombstone
from tests.core.fleet import NOW, declaration, record

APPROVAL = Approval("DECOMMISSION", "d", "eu-west", "ada", rfc3339(NOW), "meant")


def test_it_keeps_the_history_and_says_when() -> None:
    gone = tombstone(record(declaration()), NOW, counts=False)
    assert (gone.gone, gone.applied_digest, gone.applied_revision) == (rfc3339(NOW), "", "c0ffee")
    assert [entry.event for entry in gone.history] == ["Decommissioned"]


def test_an_approval_is_used_up_and_stays_in_the_history() -> None:
    gone = tombstone(record(declaration(), approval=APPROVAL.dump()), NOW, counts=False)
    assert gone.approval == ""
    assert [entry.event for entry in gone.history] == ["Approved", "Decommissioned"]


def test_what_needed_no_run_counts_for_the_budget() -> None:
    assert tombstone(record(declaration()), NOW, counts=True).destructive == rfc3339(NOW)
    claimed = record(declaration(), destructive="2027-01-01T00:00:00Z")
    assert tombstone(claimed, NOW, counts=False).destructive == "2027-01-01T00:00:00Z"
