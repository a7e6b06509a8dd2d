"""`tenantctl jobs run` in a real cluster: as production does it, beside production, and nothing left of it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS
from tests.e2e.command import PROGRAM, ROOT, environment
from tests.e2e.fleet import REGION, Fleet
from tests.e2e.lab import Json, Lab, is_stopped
from tests.e2e.service import GATE, lifecycle_job, says

pytestmark = [pytest.mark.cluster, pytest.mark.together]

FAILS = says(1, '{"class": "needs-human", "message": "no such locale"}')
SCRIPT = f'cat /tenant/environment.yaml; echo "seats $TENANT_PARAM_SEATS"; {says(0, json.dumps({"outputs": {"a": 1}}))}'
CHANGING = ("TENANT_RUN", "TENANT_EPOCH", "TENANT_REVISION")


def test_a_job_of_a_namespace_that_takes_no_part_is_run_twice(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("trial", lifecycle_job("", "lifecycle", SCRIPT), enabled=False, bound=False)
    done = fleet.tenantctl("jobs", "run", f"{service}/lifecycle", "--param", "seats=250", "--twice")
    assert f"production would not run it: namespace {service} has no label" in done.stdout
    assert done.stdout.count("seats 250\n") == 2
    assert done.stdout.count("tenant: made-up\n") == 2
    assert done.stdout.count("tenantctl: Succeeded") == 2
    assert "output a: 1" in done.stdout
    assert "succeeded both times, with the same outputs" in done.stderr
    nothing_left(fleet, service)


def test_a_job_that_fails(fleet: Fleet) -> None:
    service = fleet.lab.service("trial", lifecycle_job("", "lifecycle", FAILS, owner="team@example.com"))
    done = fleet.tenantctl("jobs", "run", f"{service}/lifecycle", code=1)
    assert "no such locale" in done.stdout
    assert "owner: team@example.com" in done.stdout
    nothing_left(fleet, service)


@pytest.mark.together(long=True)
def test_beside_production_with_the_same_names_it_is_the_same_copy_and_nobody_mistakes_it(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("service", lifecycle_job("", "lifecycle", GATE))
    key = fleet.declare("beside", service, parameters={"seats": 5})
    real = fleet.copy_that_runs(key, service)
    lab.open_gate(real)
    before = fleet.ready(key)

    tenant, _, name = key.partition("/")
    words = ["--tenant", tenant, "--environment", name, "--region", REGION, "--param", "seats=5"]
    with running(fleet, f"{service}/lifecycle", *words) as process:
        copy = trial_that_runs(fleet, service)
        fleet.look(key)
        assert comparable(trial(lab, service)) == comparable(real)
        assert not trial(lab, service)["spec"]["suspend"], "the sweep takes it for none of its own"
        listed = fleet.tenantctl("jobs", "list", "-n", service, "-o", "name").stdout
        assert listed == f"{service}/lifecycle\n"
        lab.open_gate(copy)
        out, _ = process.communicate(timeout=240)
        assert (process.returncode, "tenantctl: Succeeded" in out) == (0, True)
    fleet.look(key)
    after = fleet.ready(key)
    assert (after.seq, after.history) == (before.seq, before.history)
    assert len(lab.copies(key)) == len(lab.runs(key)) == 1
    nothing_left(fleet, service, real)


def test_ctrl_c_suspends_the_copy(fleet: Fleet) -> None:
    lab = fleet.lab
    service = lab.service("trial", lifecycle_job("", "lifecycle", GATE))
    with running(fleet, f"{service}/lifecycle", "--keep") as process:
        copy = trial_that_runs(fleet, service)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert f"suspending {service}/{copy['metadata']['name']}" in err
    assert "Traceback" not in err
    fleet.eventually(service, lambda: is_stopped(trial(lab, service)), "the copy to be stopped")
    assert lab.running_pod(copy) is None


@contextmanager
def running(fleet: Fleet, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """`tenantctl jobs run` in the background."""
    cluster = fleet.lab.cluster
    own = environment(KUBECONFIG=str(cluster.kubeconfig), TENANTCTL_CONTEXT=cluster.context)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*PROGRAM, "jobs", "run", *words], cwd=ROOT, env=own, text=True, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def trials(lab: Lab, namespace: str) -> list[Json]:
    return list(lab.kube.list(JOBS, namespace, labelSelector="tenantctl.io/kind=trial"))


def trial(lab: Lab, namespace: str) -> Json:
    (found,) = trials(lab, namespace)
    return found


def trial_that_runs(fleet: Fleet, namespace: str) -> Json:
    def probe() -> Json | None:
        found = trials(fleet.lab, namespace)
        return found[0] if found and fleet.lab.running_pod(found[0]) else None

    return fleet.eventually(namespace, probe, "the trial to run")


def nothing_left(fleet: Fleet, namespace: str, *kept: Json) -> None:
    """Only the lifecycle Job is there, and what production made."""

    def names(resource: object) -> set[str]:
        found = fleet.lab.kube.list(resource, namespace)  # type: ignore[arg-type]
        return {item["metadata"]["name"] for item in found} - {"kube-root-ca.crt"}

    copies = {copy["metadata"]["name"] for copy in kept}
    fleet.eventually(namespace, lambda: names(JOBS) == {"lifecycle"} | copies, "the trial's copies to be gone")
    fleet.eventually(namespace, lambda: names(CONFIG_MAPS) == copies, "the trial's files to be gone")


def comparable(copy: Json) -> Json:
    """A copy's spec without what differs from run to run: names, epoch, commit, and what the API server made up."""
    spec = json.loads(json.dumps(copy["spec"]).replace(copy["metadata"]["name"], "NAME"))
    container = spec["template"]["spec"]["containers"][0]
    container["env"] = [item for item in container["env"] if item["name"] not in CHANGING]
    labels = spec["template"]["metadata"]["labels"]
    spec["template"]["metadata"]["labels"] = {
        k: v for k, v in labels.items() if "uid" not in k and not k.endswith("/run")
    }
    return {name: value for name, value in spec.items() if name != "selector"}
