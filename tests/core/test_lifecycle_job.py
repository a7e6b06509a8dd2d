"""Lifecycle Jobs: what counts as one, what its annotation says, and a hash that only the team's own changes move."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import labels
from reconciler.core.lifecycle_job import job_hash, read_lifecycle_job, read_verbs, verb_of
from reconciler.core.step import Kind, Step

LIVE = Path(__file__).parent / "live_jobs"  # as Kubernetes 1.34 answered: applied once, replaced by force twice
GOLDEN = "091a1b0198911b49e4469f4dbf29767d92d788dd95e2f82ca81e67589eb48b96"
CONTAINER: dict[str, Any] = {"name": "main", "image": "x:1", "command": ["run"]}


def live(name: str = "first") -> dict[str, Any]:
    """A live Job, with all that the API server fills in."""
    raw: dict[str, Any] = json.loads((LIVE / f"{name}.json").read_text())
    return raw


def spec(container: dict[str, Any] | None = None, **pod: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [CONTAINER | (container or {})]} | pod}}


@pytest.mark.parametrize("name", ["first", "replaced", "replaced-again"])
def test_the_hash_stays_over_replaces(name: str) -> None:
    job = read_lifecycle_job(live(name))
    assert job is not None
    assert job.hash == GOLDEN


def test_a_live_job_is_read() -> None:
    job = read_lifecycle_job(live())
    assert job is not None
    assert (job.namespace, job.name, job.owner) == ("billing", "billing-lifecycle", "team-billing@example.com")
    assert job.verbs == ("admin.reindex", "migrate-in", "upsert")
    assert job.unknown == ("teleport",)
    assert (job.has("upsert"), job.has("decommission")) == (True, False)
    assert job.step("upsert") == Step(Kind.JOB, "upsert", ("billing", "billing-lifecycle"))


def without_annotation(raw: dict[str, Any]) -> None:
    raw["metadata"]["annotations"] = {}


def not_suspended(raw: dict[str, Any]) -> None:
    raw["spec"]["suspend"] = False


def on_its_way_out(raw: dict[str, Any]) -> None:
    raw["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"


def a_copy(raw: dict[str, Any]) -> None:
    raw["metadata"]["labels"] |= labels.managed("copy")


@pytest.mark.parametrize("change", [without_annotation, not_suspended, on_its_way_out, a_copy])
def test_what_is_no_lifecycle_job(change: Any) -> None:
    raw = live()
    change(raw)
    assert read_lifecycle_job(raw) is None


def test_another_annotation_can_mark_it_too() -> None:
    raw = live()
    raw["metadata"]["annotations"] = {"example.com/lifecycle": "lifecycle.decommission"}
    assert read_lifecycle_job(raw) is None
    job = read_lifecycle_job(raw, (labels.VERBS_ANNOTATION, "example.com/lifecycle"))
    assert job is not None
    assert job.verbs == ("decommission",)


@pytest.mark.parametrize(
    ("entry", "verb"),
    [
        ("lifecycle.upsert", "upsert"),
        ("lifecycle.migrate-out", "migrate-out"),
        ("admin.reindex", "admin.reindex"),
        ("upsert", ""),
        ("lifecycle.admin.reindex", ""),
        ("lifecycle.", ""),
        ("admin.", ""),
        ("admin.re_index", ""),
        ("admin.Reindex", ""),
        ("admin.a/b", ""),
    ],
)
def test_verbs(entry: str, verb: str) -> None:
    assert verb_of(entry) == verb


def test_entries_are_sorted_once_and_trimmed() -> None:
    assert read_verbs(" lifecycle.upsert,, admin.b ,admin.a,lifecycle.upsert,lifecycle.x,y") == (
        ("admin.a", "admin.b", "upsert"),
        ("x", "y"),
    )


@pytest.mark.parametrize(
    "changed",
    [
        spec({"image": "x:2"}),
        spec({"name": "other"}),
        spec({"command": ["run", "--fast"]}),
        spec({"args": ["a"]}),
        spec({"env": [{"name": "A", "value": "1"}]}),
        spec({"envFrom": [{"secretRef": {"name": "a"}}]}),
        spec({"volumeMounts": [{"name": "a", "mountPath": "/a"}]}),
        spec(volumes=[{"name": "a", "configMap": {"name": "a"}}]),
        spec(serviceAccountName="billing"),
        spec(initContainers=[CONTAINER]),
    ],
    ids=lambda value: ",".join(value["template"]["spec"]) + str(value)[-30:],
)
def test_what_the_team_changes_moves_the_hash(changed: dict[str, Any]) -> None:
    assert job_hash(changed) != job_hash(spec())


@pytest.mark.parametrize(
    "filled_in",
    [
        spec({"terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "Always", "resources": {}}),
        spec({"args": [], "env": None, "envFrom": []}),
        spec(dnsPolicy="ClusterFirst", schedulerName="default-scheduler", securityContext={}),
        spec() | {"backoffLimit": 6, "suspend": True, "selector": {"matchLabels": {"controller-uid": "x"}}},
        {"template": {"metadata": {"labels": {"controller-uid": "x"}}} | spec()["template"]},
    ],
)
def test_what_the_server_fills_in_does_not(filled_in: dict[str, Any]) -> None:
    assert job_hash(filled_in) == job_hash(spec())


def test_default_modes_and_versions_inside_volumes_do_not() -> None:
    def volumes(**more: Any) -> dict[str, Any]:
        field = {"fieldPath": "metadata.name"} | ({"apiVersion": "v1"} if more else {})
        items = [{"path": "name", "fieldRef": field}]
        return spec(volumes=[{"name": "a", "downwardAPI": {"items": items} | more}])

    assert job_hash(volumes(defaultMode=420)) == job_hash(volumes())


def test_the_order_of_variables_counts() -> None:
    one, two = {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}
    assert job_hash(spec({"env": [one, two]})) != job_hash(spec({"env": [two, one]}))


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=3), LEAVES, max_size=2)


@given(uid=st.uuids(), noise=st.dictionaries(st.sampled_from(["resources", "ports", "livenessProbe", "tty"]), VALUES))
def test_no_uid_and_no_other_field_moves_the_hash(uid: Any, noise: dict[str, Any]) -> None:
    raw = live()
    raw["metadata"] |= {"uid": str(uid), "resourceVersion": str(uid.int), "generation": 7}
    template = raw["spec"]["template"]
    template["metadata"]["labels"] |= {"controller-uid": str(uid)}
    template["spec"]["containers"][0] |= noise
    assert job_hash(raw["spec"]) == GOLDEN


@given(st.randoms())
def test_the_order_of_keys_does_not_count(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert job_hash(shuffled(copy.deepcopy(live()["spec"]))) == GOLDEN
