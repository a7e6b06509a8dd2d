"""Discovery: trusted namespaces, used services, the asked verb; and all that keeps a Job from being run."""

from typing import Any

import pytest

from reconciler.core.declaration import uses_service
from reconciler.core.discovery import steps_of, survey
from reconciler.core.labels import VERBS_ANNOTATION
from reconciler.core.lifecycle_job import LifecycleJob

JOBS = [
    LifecycleJob("search", "s", ("upsert",), "h"),
    LifecycleJob("billing", "b", ("decommission", "upsert"), "h"),
    LifecycleJob("billing", "a", ("upsert",), "h"),
    LifecycleJob("wild", "w", ("upsert",), "h"),
]


@pytest.mark.parametrize(
    ("spec", "verb", "items"),
    [
        ({}, "upsert", ["upsert/billing/a", "upsert/billing/b", "upsert/search/s"]),
        ({"services": ["search"]}, "upsert", ["upsert/search/s"]),
        ({"services": []}, "upsert", []),
        ({"services": ["wild"]}, "upsert", []),
        ({}, "decommission", ["decommission/billing/b"]),
        ({}, "admin.reindex", []),
    ],
)
def test_steps(spec: dict[str, Any], verb: str, items: list[str]) -> None:
    assert [step.item for step in steps_of(JOBS, {"billing", "search"}, spec, verb)] == items


def test_absent_services_are_all() -> None:
    assert (uses_service({}, "a"), uses_service({"services": None}, "a"), uses_service({"services": []}, "a")) == (
        True,
        True,
        False,
    )


def raw(namespace: str, suspend: bool = True, verbs: str = "lifecycle.upsert", **marks: str) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": "j", "annotations": {VERBS_ANNOTATION: verbs}, "labels": marks}
    return {"metadata": metadata, "spec": {"suspend": suspend}}


@pytest.mark.parametrize(
    ("item", "trouble"),
    [
        (raw("billing"), []),
        (raw("wild"), ["tenantctl.io/lifecycle=enabled"]),
        (raw("billing", suspend=False), ["not suspended"]),
        (raw("billing", verbs="lifecycle.x"), ["no verb that is known"]),
        (raw("wild", suspend=False, **{"kueue.x-k8s.io/queue-name": "q"}), ["wild", "not suspended", "Kueue"]),
    ],
)
def test_a_survey_tells_all_that_is_wrong(item: dict[str, Any], trouble: list[str]) -> None:
    (found,) = survey([item], {"billing"}, [VERBS_ANNOTATION])
    assert len(found.trouble) == len(trouble)
    assert all(words in text for words, text in zip(trouble, found.trouble, strict=True))


def test_other_jobs_are_not_surveyed() -> None:
    assert (
        survey([{"metadata": {"namespace": "a", "name": "b"}, "spec": {"suspend": True}}], set(), [VERBS_ANNOTATION])
        == []
    )
