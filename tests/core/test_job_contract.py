"""The contract's lint: a good Job has nothing to mend, and each rule is broken once."""

import copy
from typing import Any

import pytest

from reconciler.core.job_contract import Level, advice, is_lifecycle, symmetry
from reconciler.core.labels import VERBS_ANNOTATION

KEYS = (VERBS_ANNOTATION,)
SYNC = "argocd.argoproj.io/sync-options"
GOOD: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {
        "name": "billing-lifecycle",
        "annotations": {
            SYNC: "Force=true,Replace=true",
            VERBS_ANNOTATION: "lifecycle.upsert, admin.reindex",
            "tenantctl.io/owner": "team-billing@example.com",
        },
    },
    "spec": {
        "suspend": True,
        "activeDeadlineSeconds": 600,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x/y:1"}]}},
    },
}
POD = ("spec", "template", "spec")
MAIN = (*POD, "containers", 0)


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The good Job with one value set, or removed where it is None."""
    job = copy.deepcopy(GOOD)
    target: Any = job
    for key in path[:-1]:
        target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
    if value is None:
        target.pop(path[-1])
    else:
        target[path[-1]] = value
    return job


def test_a_good_job_has_nothing_to_mend() -> None:
    assert advice(GOOD) == []


@pytest.mark.parametrize(
    ("path", "value", "level", "code"),
    [
        (("apiVersion",), "batch/v1beta1", "error", "api-version"),
        (("metadata", "name"), None, "error", "name"),
        (("metadata", "name"), "a" * 64, "error", "name"),
        (("metadata", "name"), "Billing", "error", "name"),
        (("metadata", "labels"), {"kueue.x-k8s.io/queue-name": "q"}, "error", "kueue"),
        (("metadata", "annotations", SYNC), None, "warning", "sync-options"),
        (("metadata", "annotations", SYNC), "Replace=true", "warning", "sync-options"),
        (("metadata", "annotations", "argocd.argoproj.io/hook"), "PreSync", "error", "hook"),
        (("metadata", "annotations", "tenantctl.io/owner"), None, "warning", "no-owner"),
        (("metadata", "annotations", VERBS_ANNOTATION), "", "error", "no-verb"),
        (("metadata", "annotations", VERBS_ANNOTATION), True, "error", "no-verb"),
        (("metadata", "annotations", VERBS_ANNOTATION), "lifecycle.upsrt", "error", "unknown-verb"),
        (("spec", "suspend"), None, "error", "not-suspended"),
        (("spec", "suspend"), "true", "error", "not-suspended"),
        (("spec", "selector"), {"matchLabels": {"a": "b"}}, "warning", "dropped-field"),
        (("spec", "managedBy"), "example.com/x", "warning", "dropped-field"),
        (("spec", "ttlSecondsAfterFinished"), 0, "info", "ttl"),
        (("spec", "activeDeadlineSeconds"), None, "info", "deadline"),
        (("spec", "backoffLimit"), 11, "warning", "backoff-limit"),
        ((*POD, "restartPolicy"), None, "error", "restart-policy"),
        ((*POD, "restartPolicy"), "Always", "error", "restart-policy"),
        ((*POD, "containers"), None, "error", "no-container"),
        ((*POD, "volumes"), [{"name": "tenantctl"}], "error", "reserved-volume"),
        ((*MAIN, "image"), None, "error", "no-image"),
        ((*MAIN, "image"), "x/y", "warning", "image-latest"),
        ((*MAIN, "image"), "host:5000/y", "warning", "image-latest"),
        ((*MAIN, "image"), "x/y:latest", "warning", "image-latest"),
        ((*MAIN, "env"), [{"name": "TENANT", "value": "x"}], "error", "reserved-variable"),
        ((*MAIN, "env"), [{"name": "TENANT_EXPORT_URL"}], "warning", "reserved-variable"),
        ((*MAIN, "env"), [{"name": "TENANT_PARAM_SEATS"}], "info", "parameter-default"),
        ((*MAIN, "volumeMounts"), [{"name": "a", "mountPath": "/tenant/"}], "error", "reserved-mount"),
        ((*MAIN, "volumeMounts"), [{"name": "a", "mountPath": "/tenant/x"}], "error", "reserved-mount"),
        ((*POD, "initContainers"), [{"name": "a", "image": "x"}], "warning", "image-latest"),
    ],
)
def test_each_rule(path: tuple[Any, ...], value: Any, level: str, code: str) -> None:
    assert [(item.level.value, item.code) for item in advice(changed(path, value))] == [(level, code)]


@pytest.mark.parametrize(
    "change",
    [
        ((*MAIN, "image"), "x/y@sha256:0000"),
        ((*MAIN, "image"), "host:5000/x/y:1"),
        ((*MAIN, "volumeMounts"), [{"name": "a", "mountPath": "/tenants"}]),
        ((*MAIN, "env"), [{"name": "TENANTS"}]),
        (("spec", "backoffLimit"), 0),
        ((*POD, "restartPolicy"), "OnFailure"),
        (("metadata", "annotations", SYNC), "Replace=true, Force=true,Prune=false"),
    ],
)
def test_near_misses_are_fine(change: Any) -> None:
    assert advice(changed(*change)) == []


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("upsert", "write 'lifecycle.upsert'"),
        ("lifecycle.migratein", "did you mean 'lifecycle.migrate-in'?"),
        ("admin.Re_index", "admin.<name>"),
        ("lifecycle.admin.x", "admin.<name>"),
        ("whatever", "known are lifecycle.upsert"),
    ],
)
def test_unknown_verbs_say_what_to_write(entry: str, hint: str) -> None:
    (found,) = advice(changed(("metadata", "annotations", VERBS_ANNOTATION), entry))
    assert hint in found.message


@pytest.mark.parametrize(
    ("place", "key", "code"),
    [
        (("spec", "template", "metadata", "annotations"), VERBS_ANNOTATION, "misplaced-annotation"),
        (("metadata", "annotations"), "collibra.com/tenant-lifecycle", "misspelt-annotation"),
    ],
)
def test_an_annotation_that_nobody_would_find(place: tuple[str, ...], key: str, code: str) -> None:
    job = changed(("metadata", "annotations", VERBS_ANNOTATION), None)
    target: Any = job
    for step in place:
        target = target.setdefault(step, {})
    target[key] = "lifecycle.upsert"
    assert is_lifecycle(job, KEYS)
    assert code in {item.code for item in advice(job)}


@pytest.mark.parametrize("value", [{}, {"kind": "Job"}, {"kind": "Deployment", "metadata": GOOD["metadata"]}])
def test_other_objects_are_not_ours(value: dict[str, Any]) -> None:
    assert not is_lifecycle(value, KEYS)


@pytest.mark.parametrize("damage", [None, [], "text", 5, [None], {"a": []}])
@pytest.mark.parametrize("path", [("metadata",), ("spec",), ("spec", "template"), POD, (*POD, "containers"), MAIN])
def test_damage_is_never_an_exception(path: tuple[Any, ...], damage: Any) -> None:
    advice(changed(path, damage) if damage is not None else changed(path, {}))


def having(verbs: str, namespace: str = "a") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "annotations": {VERBS_ANNOTATION: verbs}}}


OUT, IN = "lifecycle.migrate-out", "lifecycle.migrate-in"


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([having(OUT), having(IN)], []),
        ([having(f"{OUT},{IN}")], []),
        ([having(OUT)], [(0, "one-way")]),
        ([having(OUT), having(IN, "b")], [(0, "one-way"), (1, "one-way")]),
        ([having(f"{OUT},{IN}"), having(OUT)], [(1, "second-migration")]),
        ([having("lifecycle.upsert"), having("lifecycle.upsert")], []),
    ],
)
def test_symmetry(jobs: list[dict[str, Any]], expected: list[tuple[int, str]]) -> None:
    assert [(index, item.code) for index, item in symmetry(jobs, KEYS)] == expected


def test_only_errors_are_errors() -> None:
    assert [level.value for level in Level] == ["error", "warning", "info"]
