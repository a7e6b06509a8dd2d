"""Levers in the history: every mark once, in the order in which people made them, also after the history forgot."""

from dataclasses import replace

from reconciler.core.approval import Approval
from reconciler.core.lever import with_hold, with_levers
from reconciler.core.mark import Mark
from reconciler.core.record import HISTORY_MAX, Entry, Record
from tests.core.fleet import NOW, declaration, record

EARLY, LATE = "2027-01-15T07:00:00.5Z", "2027-01-15T07:00:01.5Z"
OF = declaration()


def events(of: Record) -> list[str]:
    return [entry.event for entry in of.history]


def test_each_mark_is_noted_once_in_order() -> None:
    before = record(OF, retry=Mark("bob", LATE, "mended").dump(), stop=Mark("ada", EARLY, "wrong").dump())
    after = with_levers(before, NOW)
    assert [(entry.at, entry.event, entry.message) for entry in after.history] == [
        ("2027-01-15T07:00:00Z", "Stopped", "by ada at 2027-01-15T07:00:00Z: wrong"),
        ("2027-01-15T07:00:01Z", "Retried", "by bob at 2027-01-15T07:00:01Z: mended"),
    ]
    assert with_levers(after, NOW + 1) == after


def test_a_new_mark_of_the_same_lever_is_another_line() -> None:
    once = with_levers(record(OF, retry=Mark("ada", EARLY).dump()), NOW)
    assert events(with_levers(replace(once, retry=Mark("ada", LATE).dump()), NOW)) == ["Retried", "Retried"]


def test_a_suspension_and_its_end() -> None:
    once = with_levers(record(OF, pause=Mark("ada", EARLY, "upgrade").dump()), NOW)
    assert events(with_levers(replace(once, pause=Mark("ada", LATE, lifted=True).dump()), NOW)) == [
        "Suspended",
        "Resumed",
    ]


def test_it_stays_noted_when_the_history_has_forgotten_it() -> None:
    after = with_levers(record(OF, stop=Mark("ada", EARLY).dump()), NOW)
    for _ in range(HISTORY_MAX):
        after = after.with_entry(Entry("", "Succeeded", ""))
    assert "Stopped" not in events(with_levers(after, NOW))


def test_a_mark_by_hand_is_noted_too() -> None:
    (entry,) = with_levers(record(OF, retry="please"), NOW).history
    assert (entry.at, entry.message) == ("2027-01-15T08:00:00Z", "by somebody: please")


def test_a_suspension_that_holds_is_told_once() -> None:
    once = with_hold(record(OF), "tenant acme was suspended", NOW)
    assert events(once) == ["Paused"]
    assert with_hold(once, "tenant acme was suspended", NOW + 60) == once
    assert events(with_hold(once, "everything was suspended", NOW)) == ["Paused", "Paused"]


def test_an_approval_says_what_was_approved() -> None:
    given = Approval("DECOMMISSION", "d", "eu-west", "ada", EARLY, "they left")
    after = with_levers(record(OF, approval=given.dump(), retry=Mark("bob", LATE).dump()), NOW)
    assert [(entry.at, entry.event, entry.message) for entry in after.history] == [
        ("2027-01-15T07:00:00Z", "Approved", "DECOMMISSION in eu-west by ada at 2027-01-15T07:00:00Z: they left"),
        ("2027-01-15T07:00:01Z", "Retried", "by bob at 2027-01-15T07:00:01Z"),
    ]
    assert with_levers(after, NOW + 1) == after
    again = replace(after, approval=replace(given, at=LATE, without_source=True).dump())
    assert with_levers(again, NOW).history[-1].message.startswith("DECOMMISSION without its source in eu-west by ada")


def test_what_is_no_approval_is_said_to_approve_nothing() -> None:
    (entry,) = with_levers(record(OF, approval="yes\x1b[31m please"), NOW).history
    assert (entry.event, entry.message) == ("Approved", "nothing: 'yes please' is none")
