"""A snapshot: what is written down plans exactly as the clusters that it was taken of, and leaks nothing."""

import copy
import json
from typing import Any

import pytest

from reconciler.adapters.kube import NoCluster
from reconciler.adapters.kube.recorded import Recorded, list_name
from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, WORKFLOWS
from reconciler.controller.snapshot import read_snapshot, take
from reconciler.core import labels, placement, record
from reconciler.core.decide import decide
from reconciler.core.errors import Unavailable, UsageError
from reconciler.core.lifecycle_job import read_lifecycle_job
from reconciler.core.region import Region
from reconciler.core.step import Kind, Step
from tests.core.fleet import KEY, NOW, all_done, declaration, desired
from tests.core.fleet import record as record_of
from tests.core.test_lifecycle_job import live

OF = declaration()
STEP = Step(Kind.JOB, "upsert", ("billing", "billing-lifecycle"))
EU = Region("eu-west")
SELECTED = {kind: list_name(CONFIG_MAPS, labels.selects(kind)) for kind in ("record", "fleet", "placement")}


def config_map(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"metadata": body["metadata"] | {"uid": "u", "resourceVersion": "5"}}


def control(**fields: Any) -> Recorded:
    kept = config_map(record.config_map_of(record_of(OF, **fields), labels.CONTROL_NAMESPACE))
    fleet = {"metadata": {"name": "fleet", "namespace": "tenantctl", "resourceVersion": "1"}, "data": {}}
    return Recorded({SELECTED["record"]: [kept], SELECTED["fleet"]: [fleet]}, "control")


def region(job: dict[str, Any], **more: list[Any]) -> Recorded:
    read = read_lifecycle_job(job)
    assert read is not None
    done = all_done(OF, {STEP: read.hash})
    place = config_map(placement.config_map_of(done, labels.WORKFLOW_NAMESPACE))
    place["data"] |= {outcome.step.data_key: outcome.dump() for outcome in done.outcomes.values()}
    lists = {
        SELECTED["placement"]: [place],
        "workflows": [],
        list_name(NAMESPACES, labels.TRUSTED): [
            {"metadata": {"name": "billing", "resourceVersion": "2", "labels": {labels.LIFECYCLE: labels.ENABLED}}}
        ],
        "jobs": [job],
    }
    return Recorded(lists | more, "eu-west")


def planned(document: Any, now: float = NOW) -> Any:
    """What is decided from a snapshot, after it went through a file."""
    world, at = read_snapshot(json.loads(json.dumps(document)), "s.json", desired(OF))
    assert at == now
    return decide(KEY, desired(OF), world.observe(KEY, OF), at)


def changed(job: dict[str, Any]) -> dict[str, Any]:
    other = copy.deepcopy(job)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "other:2"
    return other


def test_what_is_done_is_done_and_what_changed_is_planned() -> None:
    source = region(live())
    assert planned(take(control(), {EU: source}, [labels.VERBS_ANNOTATION], NOW)).settled
    source._lists["jobs"] = [changed(live())]  # type: ignore[index]
    made = planned(take(control(), {EU: source}, [labels.VERBS_ANNOTATION], NOW))
    assert made.action.steps == (STEP,)


def test_it_holds_no_pod_template_and_no_other_peoples_annotations() -> None:
    job = live()
    job["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": "s3cret"}]
    workflow = {
        "metadata": {"name": "w", "namespace": "tenantctl-workflows", "annotations": {"theirs": "s3cret"}},
        "spec": {"templates": "s3cret", "shutdown": "Stop"},
        "status": {"phase": "Running", "nodes": "s3cret"},
    }
    copied = copy.deepcopy(job)
    copied["metadata"]["labels"] = {labels.KIND: labels.COPY}
    source = region(job, jobs=[job, copied], workflows=[workflow])
    document = take(control(), {EU: source}, [labels.VERBS_ANNOTATION], NOW)
    assert "s3cret" not in json.dumps(document)
    assert document["regions"]["eu-west"]["lists"]["workflows"][0]["spec"] == {"shutdown": "Stop"}
    assert len(document["regions"]["eu-west"]["lists"]["jobs"]) == 1, "only copies are kept as objects"
    assert [job["name"] for job in document["regions"]["eu-west"]["lifecycleJobs"]] == ["billing-lifecycle"]


def test_a_run_in_progress_holds() -> None:
    workflow = {
        "metadata": {
            "name": "w", "namespace": "tenantctl-workflows", "resourceVersion": "3",
            "labels": {labels.TENANT: KEY.tenant, labels.ENVIRONMENT: KEY.environment},
        },
        "status": {"phase": "Running"},
    }  # fmt: skip
    source = region(changed(live()), workflows=[workflow])
    source._lists[SELECTED["placement"]][0]["data"] = region(live())._lists[SELECTED["placement"]][0]["data"]
    made = planned(take(control(), {EU: source}, [labels.VERBS_ANNOTATION], NOW))
    assert [hold.reason.value for hold in made.holds] == ["RunInProgress"]


def test_a_region_that_does_not_answer_is_silent_and_not_empty() -> None:
    document = take(control(), {EU: NoCluster("cut off")}, [], NOW)
    assert document["regions"]["eu-west"] == {"trouble": "cut off"}
    world, _ = read_snapshot(document, "s.json", desired(OF))
    observed = world.observe(KEY, OF)
    assert dict(observed.silent) == {"eu-west": "cut off", "us-east": "s.json does not know it"}


def test_a_silent_control_plane_makes_no_snapshot() -> None:
    with pytest.raises(Unavailable, match="cut off"):
        take(NoCluster("cut off"), {}, [], NOW)


def test_a_recorded_cluster_answers_nothing_that_it_does_not_know() -> None:
    recorded = Recorded({"jobs": []}, "s.json")
    assert list(recorded.list(JOBS)) == []
    with pytest.raises(Unavailable, match=r"s\.json has no list of workflows"):
        list(recorded.list(WORKFLOWS))
    with pytest.raises(Unavailable, match="it was written down"):
        recorded.get(JOBS, "billing", "x")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "is no snapshot"),
        ({}, "is no snapshot"),
        ({"kind": "Snapshot", "apiVersion": "tenantctl.io/v9"}, "a snapshot of tenantctl.io/v9"),
        ({"kind": "Snapshot", "apiVersion": "tenantctl.io/v1"}, "is damaged"),
        ({"kind": "Snapshot", "apiVersion": "tenantctl.io/v1", "control": {}}, "is damaged"),
        ({"kind": "Snapshot", "apiVersion": "tenantctl.io/v1", "control": []}, "is damaged"),
    ],
)
def test_what_is_no_snapshot_is_said(document: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_snapshot(document, "s.json", desired(OF))


@pytest.mark.parametrize("part", ["regions", "at"])
@pytest.mark.parametrize("value", [None, 7, "x", [1], {"eu-west": 7}, {"eu-west": {"lists": 7}}])
def test_a_damaged_snapshot_is_said(part: str, value: Any) -> None:
    document = take(control(), {EU: region(live())}, [], NOW)
    with pytest.raises(UsageError, match=r"s\.json is damaged"):
        read_snapshot(document | {part: value}, "s.json", desired(OF))
