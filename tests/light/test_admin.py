"""Admin processes on a real cluster: twice runs twice, limits hold, and a killed controller loses no request."""

import json
import signal
import sys
import threading

import pytest

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.adapters.kube.store import Store
from reconciler.core.admin import request_of
from reconciler.core.record import Record, conditions_by_type, read_record
from tests.e2e.command import Done, run
from tests.e2e.fleet import REGION, Fleet
from tests.e2e.lab import CONTROL, WORKFLOW, Json, arguments, phase, variables
from tests.e2e.service import GATE, lifecycle_job, says

pytestmark = pytest.mark.cluster

VERBS = "lifecycle.upsert,admin.reindex"
REINDEX = 'if [ "$TENANT_VERB" = admin.reindex ]; then echo "since ${TENANT_PARAM_SINCE:-ever}"; fi'
FILE = 'test "$(cat /tenant/parameters/since)" = "$TENANT_PARAM_SINCE"'
BROKEN = f'if [ "$TENANT_VERB" = admin.reindex ]; then {says(3, "disk full")}; fi'
GATED = f'if [ "$TENANT_VERB" = admin.reindex ]; then {GATE}; fi'
LIMIT, ENVIRONMENTS = 2, 6
KILLS = [(where, when) for where in ("claim", "post", "note") for when in ("before", "after")]


def admin_runs(fleet: Fleet, key: str) -> list[Json]:
    return [each for each in fleet.lab.runs(key) if each["metadata"]["labels"]["tenantctl.io/verb"] == "admin.reindex"]


def events(record: Record) -> list[str]:
    return [entry.event for entry in record.history if entry.event.startswith("Admin") or "-adm-" in entry.run]


@pytest.mark.together
def test_run_twice_runs_twice_and_parameters_arrive(fleet: Fleet) -> None:
    lab = fleet.lab
    script = f'{REINDEX}; if [ -n "${{TENANT_PARAM_SINCE:-}}" ]; then {FILE}; fi'
    service = lab.service("service", lifecycle_job("", "lifecycle", script, verbs=VERBS, owner="team@example.com"))
    key = fleet.declare("admin", service, parameters={"seats": 5})
    before = fleet.ready(key)

    words = (
        "admin",
        "run",
        key,
        "reindex",
        "--param",
        "since=2027-01-01",
        "--param",
        "seats=7",
        "--reason",
        "ticket 7",
    )
    for _ in range(2):
        done = fleet.tenantctl(*words, "--wait", "--timeout", "230")
        assert f"{key}: succeeded: admin.reindex: 1 of 1 steps done" in done.stderr
    record = lab.record(key)
    assert record is not None
    assert events(record) == ["AdminStarted", "Succeeded"] * 2
    assert [word in record.history[-2].message for word in ("with since, seats", "ticket 7")] == [True, True]
    runs = admin_runs(fleet, key)
    assert len({each["metadata"]["name"] for each in runs}) == 2
    assert json.loads(arguments(runs[0])["parameters"]) == {"since": "2027-01-01", "seats": 7}
    given = [variables(copy) for copy in lab.copies(key, service)]
    assert [each["TENANT_PARAM_SEATS"] for each in given] == ["5", "7", "7"]
    assert [each.get("TENANT_PARAM_SINCE") for each in given] == [None, "2027-01-01", "2027-01-01"]
    kept = ("applied_revision", "attempted_revision", "applied_digest", "attempts")
    assert [getattr(record, name) for name in kept] == [getattr(before, name) for name in kept]
    assert conditions_by_type(record)["Ready"].since == conditions_by_type(before)["Ready"].since, "Ready all the time"
    assert "since 2027-01-01" in fleet.tenantctl("logs", key).stdout

    listed = json.loads(fleet.tenantctl(*listing(fleet), "-o", "json").stdout)
    (own,) = [row for row in listed if row["namespace"] == service]
    assert (own["name"], own["owner"], own["runs"]) == ("reindex", "team@example.com", True)
    assert key in own["environments"]


def listing(fleet: Fleet) -> tuple[str, ...]:
    return ("admin", "list", "--region", REGION, "--repository", str(fleet.repository.folder), "--ref", "main")


@pytest.mark.together
def test_a_failure_is_told_with_its_owner_and_its_log_and_not_repeated(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", BROKEN, verbs=VERBS, owner="team@example.com"))
    key = fleet.declare("broken", service)
    fleet.ready(key)

    done = fleet.tenantctl("admin", "run", key, "reindex", "--wait", "--timeout", "230", code=1)
    why = f"0 of 1 steps done; {service}/lifecycle: disk full (owner: team@example.com)"
    assert f"failed: admin.reindex: {why}" in done.stderr
    (failed,) = admin_runs(fleet, key)
    assert f"tenantctl logs {key} --run {failed['metadata']['name']}" in done.stderr
    fleet.look(key)
    record = lab.record(key)
    assert record is not None
    assert (record.history[-1].event, record.history[-1].message) == ("Failed", f"admin.reindex: {why}")
    assert conditions_by_type(record)["Ready"].status, "what is declared is done all the same"
    assert len(admin_runs(fleet, key)) == 1


@pytest.mark.together
def test_what_is_not_there_is_refused_and_what_is_suspended_waits(fleet: Fleet) -> None:
    service = fleet.lab.service("service", lifecycle_job("", "lifecycle", REINDEX, verbs=VERBS))
    key = fleet.declare("waits", service)
    fleet.ready(key)
    done = fleet.tenantctl("admin", "run", key, "polish", "--wait", "--timeout", "60", code=6)
    assert f"no lifecycle Job that {key} uses in {REGION} has admin.polish; there are admin.reindex" in done.stderr

    fleet.tenantctl("suspend", key, "--reason", "upgrade")
    assert "was suspended by" in fleet.tenantctl("admin", "run", key, "reindex", "--reason", "first").stderr
    fleet.look(key)
    refused = fleet.tenantctl("admin", "run", key, "reindex", "--reason", "second", code=6)
    assert "first has not begun yet" in refused.stderr
    assert admin_runs(fleet, key) == []
    fleet.tenantctl("resume", key)

    def ended() -> Record | None:
        record = fleet.lab.record(key)
        return record if record and record.history[-1].event == "Succeeded" and record.claim is None else None

    record = fleet.eventually(key, ended, "the admin process to end")
    assert events(record) == ["AdminRefused", "AdminWaits", "AdminStarted", "Succeeded"]


@pytest.mark.together(long=True)
def test_many_never_exceed_the_limit_of_the_command(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", REINDEX, verbs=VERBS))
    tenant = lab.name("many")
    keys = [f"{tenant}/e{number}" for number in range(ENVIRONMENTS)]
    with fleet.repository.locked():
        for key in keys:
            fleet.repository.write_environment(key, fleet.spec(service))
        fleet.repository.commit("Many at once")
    for key in keys:
        fleet.ready(key)
    with Unfinished(lab.kube, tenant) as count:
        words = ("reindex", "--tenant", tenant, "--in-flight", str(LIMIT), "--yes", "--wait", "--timeout", "230")
        done = fleet.tenantctl("admin", "run", *words)
    assert done.stderr.splitlines()[-1] == f"{ENVIRONMENTS} succeeded"
    assert [len(admin_runs(fleet, key)) for key in keys] == [1] * ENVIRONMENTS
    assert (count.most, len(count.seen)) == (LIMIT, ENVIRONMENTS)


@pytest.mark.together
def test_a_run_by_hand(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", f"{REINDEX}; {FILE}", verbs="admin.reindex"))
    key = fleet.declare("hand", service)
    fleet.ready(key)
    done = submit(fleet, key, "reindex", '{"since": "2027-01-01"}')
    assert done.code == 0, done.stderr
    fleet.eventually(key, lambda: [phase(each) for each in lab.runs(key)] == ["Succeeded"], "the run to succeed")
    (copy,) = lab.copies(key, service)
    assert variables(copy)["TENANT_PARAM_SINCE"] == "2027-01-01"

    for name, parameters, why in (
        ("polish", "{}", "has admin.polish"),
        ("reindex", '{"Since": 1}', "parameters: 'Since': a name has lower-case letters"),
    ):
        failed = submit(fleet, key, name, parameters).stdout.strip()
        found = lambda name=failed: any(phase(r) == "Failed" for r in lab.runs(key) if r["metadata"]["name"] == name)  # noqa: E731
        fleet.eventually(key, found, f"{failed} to fail")
        assert why in lab.log(lab.pods_of_run(failed)[0], "main")
    assert len(lab.copies(key, service)) == 1


def submit(fleet: Fleet, key: str, name: str, parameters: str) -> Done:
    """What the template's first lines say to type; the name of the run is on stdout."""
    cluster = fleet.lab.cluster
    if cluster.argo is None:
        pytest.skip("the argo command line is not known for this cluster")
    tenant, _, environment = key.partition("/")
    given = {"tenant": tenant, "environment": environment, "name": name, "parameters": parameters}
    words = [word for each, value in given.items() for word in ("-p", f"{each}={value}")]
    source = ("--from", "clusterworkflowtemplate/tenant-admin")
    return run(
        cluster.argo, "submit", "-n", WORKFLOW, "-o", "name", *source, *words, KUBECONFIG=str(cluster.kubeconfig)
    )


class Unfinished:
    """Follows every version of every record of a tenant: how many had a request or its run unfinished at most."""

    def __init__(self, kube: Kube, tenant: str) -> None:
        self.most, self.seen = 0, set()
        self._tenant, self._open = tenant, set()
        self._store = Store(read_record, lambda record: None, self._take)
        self._reflector = Reflector(kube, CONFIG_MAPS, self._store, CONTROL, "tenantctl.io/kind=record")

    def __enter__(self) -> "Unfinished":
        self._reflector.sync()
        threading.Thread(target=self._reflector.run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._reflector.stop()

    def _take(self, before: Record | None, after: Record | None) -> None:
        if after is None or after.key.tenant != self._tenant:
            return
        if request_of(after) or after.claim:
            self._open.add(after.key)
            self.seen.add(after.key)
        else:
            self._open.discard(after.key)
        self.most = max(self.most, len(self._open))


# -- a controller that is killed ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(own_fleet: Fleet) -> dict[tuple[str, str], str]:
    """One environment for each place to die between a request and its run; then a controller that lives."""
    service = own_fleet.lab.service("service", lifecycle_job("", "lifecycle", REINDEX, verbs=VERBS))
    keys = {kill: own_fleet.declare("-".join(kill), service) for kill in KILLS}
    own_fleet.start()
    for key in keys.values():
        own_fleet.ready(key)
    own_fleet.stop()
    for (where, when), key in keys.items():
        own_fleet.tenantctl("admin", "run", key, "reindex")
        program = [sys.executable, "-m", "tests.e2e.dying", where, when, key]
        process = own_fleet.start_only(program=program).process
        assert process.wait(180) == -signal.SIGKILL, own_fleet.controller.tail()
        own_fleet.controllers.pop()
    own_fleet.start()
    return keys


@pytest.mark.parametrize(("where", "when"), KILLS)
def test_a_kill_between_request_and_run_loses_nothing_and_doubles_nothing(
    own_fleet: Fleet, killed: dict[tuple[str, str], str], where: str, when: str
) -> None:
    key = killed[where, when]

    def ended() -> Record | None:
        record = own_fleet.lab.record(key)
        return record if record and events(record)[-1:] == ["Succeeded"] else None

    record = own_fleet.eventually(key, ended, "the admin process to end")
    assert events(record) == ["AdminStarted", "Succeeded"]
    assert len(admin_runs(own_fleet, key)) == 1
    assert record.claim is None


def test_a_stopped_admin_process_leaves_the_environment_ready(
    own_fleet: Fleet, killed: dict[tuple[str, str], str]
) -> None:
    service = own_fleet.lab.service("gated", lifecycle_job("", "lifecycle", GATED, verbs=VERBS))
    key = own_fleet.declare("stopped", service)
    own_fleet.ready(key)
    own_fleet.tenantctl("admin", "run", key, "reindex")
    own_fleet.copy_that_runs(key, service, 2)
    own_fleet.tenantctl("stop", key, "--reason", "wrong one")

    def ended() -> Record | None:
        record = own_fleet.lab.record(key)
        return record if record and "Failed" in events(record) else None

    record = own_fleet.eventually(key, ended, "the admin process to end")
    assert "admin.reindex: 0 of 1 steps done; run " in record.history[-1].message
    assert record.history[-1].message.endswith("was stopped")
    assert conditions_by_type(record)["Ready"].status
