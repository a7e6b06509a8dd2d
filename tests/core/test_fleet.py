"""The fleet's ConfigMap: pauses by scope, what they cover, and the one write that makes or ends one."""

import json
from typing import Any

import pytest

from reconciler.core.fleet import EVERYTHING, HISTORY_MAX, Fleet, Reach, Scope, read_fleet, with_pause, with_source
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.times import rfc3339

NOW = 1_800_000_000.0
ACME, EU = Scope(Reach.TENANT, "acme"), Scope(Reach.REGION, "eu-west")
MARK = Mark("ada", "2027-01-15T08:00:00.000001Z", "upgrade")


def written(before: Fleet, *changes: tuple[Scope, Mark]) -> dict[str, str]:
    """The ConfigMap's data after each change, as the API server merges it."""
    data: dict[str, Any] = {scope.data_key: mark.dump() for scope, mark in before.pauses.items()} | {"records": "3"}
    for scope, mark in changes:
        data |= with_pause(read_fleet({"data": data}), scope, mark, NOW)
        data = {key: text for key, text in data.items() if text is not None}
    return data


@pytest.mark.parametrize(
    ("scope", "key", "option", "title"),
    [
        (EVERYTHING, "pause.all", "--all", "everything"),
        (ACME, "pause.tenant.acme", "--tenant acme", "tenant acme"),
        (EU, "pause.region.eu-west", "--region eu-west", "region eu-west"),
    ],
)
def test_a_scope_has_a_key_and_an_option(scope: Scope, key: str, option: str, title: str) -> None:
    assert (scope.data_key, scope.option, str(scope)) == (key, option, title)
    assert Scope.of_data_key(key) == scope


@pytest.mark.parametrize(
    "key", ["records", "history", "pause.", "pause.all.x", "pause.tenant", "pause.tenant.", "pause.x"]
)
def test_other_keys_are_no_scopes(key: str) -> None:
    assert Scope.of_data_key(key) is None


@pytest.mark.parametrize(
    ("scope", "covered"), [(EVERYTHING, True), (ACME, True), (EU, True), (Scope(Reach.TENANT, "eu-west"), False)]
)
def test_what_a_scope_covers(scope: Scope, covered: bool) -> None:
    key = Key("acme", "production")
    assert scope.covers(key, {"eu-west"}) is covered
    assert bool(Fleet({scope: MARK}).over(key, {"eu-west"})) is covered


def test_a_pause_is_read_back_with_its_line_of_history() -> None:
    found = read_fleet({"data": written(Fleet(), (ACME, MARK))})
    assert found.pauses == {ACME: MARK}
    (line,) = found.history
    assert (line.at, line.event) == ("2027-01-15T08:00:00Z", "Suspended")
    assert line.message == "tenant acme by ada at 2027-01-15T08:00:00Z: upgrade"


def test_the_end_of_a_pause_takes_its_key_away_and_leaves_the_rest() -> None:
    data = written(Fleet(), (ACME, MARK), (EU, MARK), (ACME, Mark("bob", MARK.at, lifted=True)))
    found = read_fleet({"data": data})
    assert found.pauses == {EU: MARK}
    assert [line.event for line in found.history] == ["Suspended", "Suspended", "Resumed"]
    assert data["records"] == "3"


def test_a_pause_whose_time_is_over_goes_with_the_next_write_unless_it_is_made_again() -> None:
    over = Mark("ada", MARK.at, "short", rfc3339(NOW - 1))
    assert read_fleet({"data": written(Fleet({ACME: over}), (EU, MARK))}).pauses == {EU: MARK}
    assert read_fleet({"data": written(Fleet({ACME: over}), (ACME, MARK))}).pauses == {ACME: MARK}
    assert Fleet({ACME: over, EU: MARK}).in_force(NOW) == [(EU, MARK)]


def test_the_history_is_bounded() -> None:
    assert len(read_fleet({"data": written(Fleet(), *[(ACME, MARK)] * (HISTORY_MAX + 3))}).history) == HISTORY_MAX


@pytest.mark.parametrize("config_map", [{}, {"data": None}, {"data": {"records": "-1", "history": "{"}}])
def test_nothing_of_it_raises(config_map: dict[str, Any]) -> None:
    assert read_fleet(config_map) == Fleet()


def test_it_says_how_many_records_there_are_and_which_commits_were_accepted() -> None:
    data = {"records": "7", "accepted": "c0ffee", "source": "decaf"}
    assert read_fleet({"data": data}) == Fleet(accepted="c0ffee", source="decaf", records=7)


def test_a_pause_that_cannot_be_read_is_one() -> None:
    assert read_fleet({"data": {"pause.all": "stop!"}}).in_force(NOW) == [(EVERYTHING, Mark(reason="stop!"))]


def test_an_approved_source_is_kept_with_a_line_of_history() -> None:
    data = written(Fleet(), (ACME, MARK))
    data |= with_source(read_fleet({"data": data}), "c0ffee", MARK)  # type: ignore[arg-type]  # it takes nothing away
    found = read_fleet({"data": data})
    assert (found.source, found.pauses, data["records"]) == ("c0ffee", {ACME: MARK}, "3")
    assert [line.event for line in found.history] == ["Suspended", "Approved"]
    assert found.history[-1].message == "source c0ffee by ada at 2027-01-15T08:00:00Z: upgrade"


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "x", "workflowNamespace": "../../../../api/v1/namespaces/kube-system/secrets/x?a="},
        {"name": "../x", "workflowNamespace": "tenantctl-workflows"},
        {"name": "x", "workflowNamespace": "tenantctl-workflows", "context": 1},
    ],
    ids=["a path for a namespace", "a path for a name", "no text for a context"],
)
def test_what_cannot_be_a_region_is_none(entry: dict[str, Any]) -> None:
    good = {"name": "eu-west", "workflowNamespace": "tenantctl-workflows", "context": "prod"}
    found = read_fleet({"data": {"regions": json.dumps([entry, good])}}).regions
    assert list(found) == ["eu-west"]
