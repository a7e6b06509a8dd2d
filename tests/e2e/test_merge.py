"""A merged branch becomes a Ready environment: the right Jobs ran, where they belong, with what they were promised."""

import pytest
import yaml

from tests.e2e.fleet import REGION, Fleet
from tests.e2e.lab import is_complete, phase, runs
from tests.e2e.service import GATE, lifecycle_job

pytestmark = [pytest.mark.cluster, pytest.mark.together]

PRINTS = """
env | grep ^TENANT | sort
for file in environment.yaml parameters/seats parameters/dry-run; do echo "--- $file"; cat /tenant/$file; echo; done
echo all printed
"""


def test_a_merged_branch_becomes_ready(fleet: Fleet) -> None:
    lab, key = fleet.lab, fleet.key("merge")
    tenant = key.partition("/")[0]
    billing = lab.service("billing", lifecycle_job("", "billing-lifecycle", PRINTS + GATE))
    search = lab.service("search", lifecycle_job("", "search-lifecycle", "echo indexed"))
    other = lab.service("other", lifecycle_job("", "not-asked-for", "exit 1"))
    parameters = {"seats": 250, "locale": "nl-BE", "dry-run": False, "note": "costs $(TENANT) $5"}

    with fleet.repository.locked():
        fleet.repository.git("switch", "--quiet", "-c", tenant)
        fleet.repository.declare(key, fleet.spec(billing, search, tier="premium", parameters=parameters))
        fleet.repository.git("switch", "--quiet", "main")
        fleet.repository.git("merge", "--quiet", "--no-ff", "--no-edit", tenant)
        merge = fleet.repository.git("rev-parse", "HEAD")

    copy = fleet.copy_that_runs(key, billing)
    run = copy["metadata"]["labels"]["tenantctl.io/run"]
    pod = fleet.eventually(key, lambda: lab.running_pod(copy), "the copy's pod to run")
    printed = fleet.eventually(key, lambda: _all(lab.log(pod, "lifecycle")), "the Job to print")
    live = fleet.eventually(key, lambda: _all(lab.log(_bridge_of(fleet, key, run, billing), "main")), "the log, live")
    assert runs(lab.running_pod(copy) or {"status": {}}, "lifecycle"), "the Job ended before its log was looked at"
    assert set(printed.splitlines()) <= set(live.splitlines())

    lab.open_gate(copy)
    record = fleet.ready(key, merge)
    placement = lab.placement(key)
    assert placement is not None
    assert fleet.repository.contains(placement.revision, merge)
    variables = dict(line.split("=", 1) for line in printed.splitlines() if line.startswith("TENANT"))
    assert variables == {
        "TENANT": tenant,
        "TENANT_ENVIRONMENT": "production",
        "TENANT_REGION": REGION,
        "TENANT_TIER": "premium",
        "TENANT_VERB": "upsert",
        "TENANT_EPOCH": "1",
        "TENANT_REVISION": placement.revision,
        "TENANT_RUN": run,
        "TENANT_PARAM_SEATS": "250",
        "TENANT_PARAM_LOCALE": "nl-BE",
        "TENANT_PARAM_DRY_RUN": "false",
        "TENANT_PARAM_NOTE": "costs $(TENANT) $5",
    }
    files = dict(part.split("\n", 1) for part in printed.removesuffix("all printed\n").split("--- ")[1:])
    assert files["parameters/seats"].strip() == "250"
    assert files["parameters/dry-run"].strip() == "false"
    declared = yaml.safe_load(files["environment.yaml"])
    assert declared["metadata"] == {"name": "production", "tenant": tenant}
    assert declared["spec"]["parameters"] == parameters

    (workflow,) = lab.runs(key)
    assert workflow["metadata"]["name"] == run
    fleet.eventually(key, lambda: phase(lab.runs(key)[0]) == "Succeeded", "Argo to show the run as Succeeded")
    for namespace in (billing, search):
        (done,) = lab.copies(key, namespace)
        assert is_complete(done)
        assert done["metadata"]["labels"]["tenantctl.io/run"] == run
    assert lab.copies(key, other) == []
    assert record.claim is None
    assert [entry.event for entry in record.history] == ["Succeeded"]


def _all(text: str) -> str:
    return text if "all printed" in text.splitlines() else ""


def _bridge_of(fleet: Fleet, key: str, run: str, namespace: str) -> dict:
    def found() -> list[dict]:
        pods = fleet.lab.pods_of_run(run)
        return [pod for pod in pods if namespace in pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]]

    return fleet.eventually(key, found, f"a bridge pod for {namespace}")[-1]
