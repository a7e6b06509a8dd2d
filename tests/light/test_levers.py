"""Suspended and resumed, for one environment, a tenant, a region and everything; and who did it is in the history."""

import json
from pathlib import Path

import pytest

from reconciler.core.record import Record, conditions_by_type
from tests.e2e.fleet import REGION, Fleet, message
from tests.e2e.lab import variables
from tests.e2e.service import GATE, QUICK, lifecycle_job

pytestmark = pytest.mark.cluster
CHANGED = {"seats": 2}


@pytest.mark.together
def test_a_suspended_environment_is_held_until_it_is_resumed(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = fleet.declare("suspended", service, parameters={"seats": 1})
    fleet.ready(key)

    fleet.tenantctl("suspend", key, "--reason", "ticket 7")
    fleet.look(key)
    assert conditions(lab.record(key))["Ready"], "there is nothing to do, so nothing is held"
    commit = fleet.repository.declare(key, fleet.spec(service, parameters=CHANGED))
    record = fleet.stalled(key, "Paused")
    assert "ticket 7" in message(record)
    assert f"tenantctl resume {key}" in message(record)
    (hold,) = fleet.holds_of(key)
    assert (hold["reason"], hold["action"], hold["until"]) == ("Paused", "UPSERT", None)
    assert f"{key}\n" in fleet.tenantctl("get", "environments", "--suspended", "-o", "name").stdout
    assert "ticket 7" in fleet.tenantctl("describe", "environment", key).stdout
    assert len(lab.runs(key)) == 1

    fleet.tenantctl("resume", key, "--reason", "closed")
    record = fleet.ready(key, commit)
    assert [variables(copy)["TENANT_PARAM_SEATS"] for copy in lab.copies(key)] == ["1", "2"]
    assert events(record) == ["Succeeded", "Suspended", "Paused", "Resumed", "Succeeded"]
    assert [word in record.history[number].message for number, word in ((1, "ticket 7"), (3, "closed"))] == [True] * 2


@pytest.mark.together(long=True)
def test_a_suspension_of_a_tenant_ends_by_itself(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    key = fleet.declare("awhile", service, parameters={"seats": 1})
    fleet.ready(key)
    tenant = key.partition("/")[0]

    fleet.tenantctl("suspend", "--tenant", tenant, "--reason", "restore", "--for", "90s")
    commit = fleet.repository.declare(key, fleet.spec(service, parameters=CHANGED))
    record = fleet.eventually(key, lambda: reason_of(lab.record(key)) == "Paused" and lab.record(key), "Paused")
    assert not conditions(record)["Stalled"], "it passes by itself"
    assert f"tenant {tenant} was suspended" in message(record)
    assert len(lab.runs(key)) == 1
    record = fleet.ready(key, commit)
    assert events(record) == ["Succeeded", "Paused", "Succeeded"]
    assert f"tenant {tenant} " in fleet.tenantctl("history").stdout
    assert "is not suspended" in fleet.tenantctl("resume", "--tenant", tenant).stderr


@pytest.mark.together(long=True)
def test_a_run_in_progress_goes_on_and_every_lever_is_in_the_history(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", GATE))
    key = fleet.declare("goes-on", service)
    fleet.copy_that_runs(key, service)
    fleet.tenantctl("stop", key, "--reason", "a mistake")
    fleet.stalled(key, "RunStopped")
    fleet.tenantctl("retry", key, "--reason", "it was none")
    copy = fleet.copy_that_runs(key, service, 2)

    said = fleet.tenantctl("suspend", key, "--reason", "upgrade").stderr
    assert f"run {lab.record(key).claim.run} in progress goes on" in said
    lab.open_gate(copy)
    record = fleet.ready(key)
    assert events(record) == ["Stopped", "RunStopped", "Retried", "Suspended", "Succeeded"]
    for number, word in ((0, "a mistake"), (2, "it was none"), (3, "upgrade")):
        assert word in record.history[number].message


@pytest.mark.together
def test_an_unknown_tenant_or_region_is_an_error_that_says_so(fleet: Fleet) -> None:
    for scope, name in (("tenant", fleet.lab.name("nobody")), ("region", "mars")):
        for command in (("suspend", "--reason", "x"), ("resume",)):
            done = fleet.tenantctl(*command, f"--{scope}", name, code=1)
            assert f"no environment of {scope} {name} is known here" in done.stderr


def test_everything_and_a_region_are_held_also_by_the_next_controller_and_by_apply(own_fleet: Fleet) -> None:
    fleet, lab = own_fleet, own_fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", QUICK))
    fleet.start()
    first = fleet.declare("first", service)
    fleet.ready(first)

    assert "--yes" in fleet.tenantctl("suspend", "--all", "--reason", "incident", code=64).stderr
    fleet.tenantctl("suspend", "--all", "--reason", "incident", "--yes")
    fleet.tenantctl("suspend", "--region", REGION, "--reason", "upgrade")
    second = fleet.declare("second", service)
    record = fleet.stalled(second, "Paused")
    assert ("incident" in message(record), "upgrade" in message(record)) == (True, True)
    assert lab.placement(second) is None
    assert conditions(lab.record(first))["Ready"]

    fleet.stop()
    words = ("--repository", str(fleet.repository.folder), "--ref", "main", "--yes")
    assert "held: Paused" in fleet.tenantctl("apply", *words, code=6).stdout
    fleet.start()
    fleet.look(second)
    assert "region eu-west" in fleet.tenantctl("resume", "--all", "--yes").stderr
    fleet.eventually(second, lambda: "incident" not in message(lab.record(second)), "one reason less")
    assert lab.runs(second) == []
    fleet.tenantctl("resume", "--region", REGION)
    fleet.ready(second)
    history = json.loads(fleet.tenantctl("history", "-o", "json").stdout)[-4:]
    assert [entry["event"] for entry in history] == ["Suspended", "Suspended", "Resumed", "Resumed"]


@pytest.mark.parametrize("words", [("suspend", "--reason", "x"), ("resume",)], ids=lambda words: words[0])
@pytest.mark.parametrize(
    "scope", [("nobody/nowhere",), ("--tenant", "x"), ("--all", "--yes")], ids=lambda scope: scope[0]
)
def test_without_rights_the_exit_code_is_4(
    own_fleet: Fleet, words: tuple[str, ...], scope: tuple[str, ...], tmp_path: Path
) -> None:
    lab = own_fleet.lab
    kubeconfig = lab.kubeconfig_of(tmp_path, "default", "default")
    done = own_fleet.tenantctl(
        *words, *scope, "--kubeconfig", str(kubeconfig), "--context", lab.cluster.context, code=4
    )
    assert "system:serviceaccount:default:default" in done.stderr


def conditions(record: Record | None) -> dict[str, bool]:
    assert record is not None
    return {type_: condition.status for type_, condition in conditions_by_type(record).items()}


def reason_of(record: Record | None) -> str:
    return conditions_by_type(record)["Ready"].reason if record and record.conditions else ""


def events(record: Record) -> list[str]:
    return [entry.event for entry in record.history]
