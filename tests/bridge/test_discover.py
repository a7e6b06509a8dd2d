"""Discover: lists in files, worked out or taken literally."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS
from reconciler.bridge.discover import discover
from reconciler.bridge.world import World, read_world
from reconciler.core import labels
from reconciler.core.archive import Archive, import_key
from reconciler.core.errors import Refused, TenantctlError, UsageError
from reconciler.core.outcome import Outcome, Result
from reconciler.core.step import Kind, Step

NAMES = {"TENANT": "acme", "ENVIRONMENT": "production", "RUN": "run-1", "NAMESPACE": "workflows"}
ENVIRON = {f"TENANTCTL_{name}": value for name, value in NAMES.items()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return read_world(ENVIRON | {"TENANTCTL_OUTPUT": str(tmp_path / "outputs")})


def lists(world: World) -> dict[str, Any]:
    return {file.name: json.loads(file.read_text()) for file in Path(world.output).iterdir()}


def job(kube: Any, namespace: str, name: str, verbs: str = "lifecycle.upsert", **marks: str) -> None:
    metadata = {"namespace": namespace, "name": name, "annotations": {labels.VERBS_ANNOTATION: verbs}, "labels": marks}
    kube.put(JOBS, {"metadata": metadata, "spec": {"suspend": True}})


def test_auto(kube: Any, world: World) -> None:
    job(kube, "billing", "another")
    job(kube, "billing", "only-admin", "admin.x")
    job(kube, "wild", "untrusted")
    job(kube, "billing", "a-copy", **labels.managed("copy"))
    assert discover(kube, world, "upsert") == 0
    assert lists(world) == {
        "jobs": ["upsert/billing/another", "upsert/billing/billing-lifecycle"],
        "resources": [],
        "applications": [],
        "removals": [],
    }


@pytest.mark.parametrize(("services", "count"), [(["billing"], 1), (["search"], 0), ([], 0)])
def test_only_services_that_the_declaration_uses(kube: Any, world: World, services: list[str], count: int) -> None:
    declaration = json.dumps({"spec": {"services": services}})
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"declaration": declaration}})
    discover(kube, world, "upsert")
    assert len(lists(world)["jobs"]) == count


def test_given_lists_are_taken_literally(kube: Any, world: World) -> None:
    asked = {"jobs": "[]", "resources": '["upsert/pets/bark"]', "applications": '["upsert/portal", "upsert/a"]'}
    discover(kube, replace(world, asked=asked), "upsert")
    assert lists(world) == {
        "jobs": [],
        "resources": ["upsert/pets/bark"],
        "applications": ["upsert/a", "upsert/portal"],
        "removals": [],
    }


PORTAL = {"name": "portal", "source": {"repoURL": "https://git.example.com/p.git", "path": "p"}, "namespace": "a-p"}


@pytest.mark.parametrize(
    ("verb", "state", "items"),
    [
        ("upsert", "Active", ["upsert/portal"]),
        ("migrate-out", "Frozen", []),
        ("migrate-in", "Active", ["upsert/portal"]),
        ("decommission", "Released", ["decommission/portal"]),
    ],
)
def test_applications_are_brought_at_the_target_of_a_move_and_taken_from_its_source(
    kube: Any, world: World, verb: str, state: str, items: list[str]
) -> None:
    declaration = json.dumps({"spec": {"region": "eu-west", "applications": [PORTAL]}})
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"declaration": declaration, "state": state}})
    discover(kube, world, verb)
    assert lists(world)["applications"] == items


def test_an_application_that_is_wanted_no_more_goes_last(kube: Any, world: World) -> None:
    asked = {"jobs": "[]", "resources": "[]", "applications": '["decommission/old", "upsert/portal"]'}
    discover(kube, replace(world, asked=asked), "upsert")
    assert lists(world)["applications"] == ["upsert/portal"]
    assert lists(world)["removals"] == ["application/decommission/old"]


@pytest.mark.parametrize("text", ["", "all", "{}", '"upsert/a/b"', "[5]", '["upsert/a"]', '["teleport/a/b"]', "[[]]"])
def test_what_is_no_list_of_steps(kube: Any, world: World, text: str) -> None:
    with pytest.raises(UsageError, match="jobs: neither auto nor a JSON list"):
        discover(kube, replace(world, asked=world.asked | {"jobs": text}), "upsert")


def test_no_placement_and_a_state_that_does_not_admit_it(kube: Any, world: World) -> None:
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"state": "Frozen"}})
    with pytest.raises(Refused, match="Frozen, which admits no upsert"):
        discover(kube, world, "upsert")
    kube.delete(CONFIG_MAPS, "workflows", "acme.production")
    with pytest.raises(TenantctlError, match="NoPlacement"):
        discover(kube, world, "upsert")


def test_more_annotations(kube: Any) -> None:
    world = read_world(ENVIRON | {"TENANTCTL_ANNOTATIONS": "example.com/a, ,example.com/b"})
    assert world.annotations == (labels.VERBS_ANNOTATION, "example.com/a", "example.com/b")


def test_an_admin_process_is_that_of_the_jobs_that_have_it(kube: Any, world: World) -> None:
    job(kube, "billing", "another", "lifecycle.upsert,admin.reindex")
    job(kube, "wild", "untrusted", "admin.reindex")
    assert discover(kube, world, "admin.reindex") == 0
    assert lists(world)["jobs"] == ["admin.reindex/billing/another"]


def test_an_admin_process_that_nothing_can_do_is_a_failure(kube: Any, world: World) -> None:
    with pytest.raises(Refused, match=r"no lifecycle Job that acme/production uses has admin\.reindex"):
        discover(kube, world, "admin.reindex")


def test_the_run_of_an_admin_process_does_nothing_else(kube: Any, world: World) -> None:
    job(kube, "billing", "another", "admin.reindex")
    asked = world.asked | {"jobs": '["upsert/billing/x"]'}
    with pytest.raises(UsageError, match=r"upsert/billing/x is no step of a admin\.reindex"):
        discover(kube, replace(world, asked=asked), "admin.reindex")


@pytest.mark.parametrize("state", ["Frozen", "Released"])
def test_no_admin_process_where_the_placement_is_not_active(kube: Any, world: World, state: str) -> None:
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"state": state}})
    with pytest.raises(Refused, match=f"is {state}, which admits no"):
        discover(kube, world, "admin.reindex")


def test_parameters_are_read_and_checked() -> None:
    assert read_world(ENVIRON | {"TENANTCTL_PARAMETERS": '{"since": "2027"}'}).parameters == {"since": "2027"}
    assert read_world(ENVIRON).parameters == {}
    with pytest.raises(UsageError, match=r"parameters: 'since': '\{\{' is Argo's own"):
        read_world(ENVIRON | {"TENANTCTL_PARAMETERS": '{"since": "{{workflow.uid}}"}'})


@pytest.mark.parametrize("missing", sorted(ENVIRON))
def test_a_variable_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(UsageError, match=missing):
        read_world({name: value for name, value in ENVIRON.items() if name != missing})


def test_a_key_that_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="TENANT/ENVIRONMENT"):
        read_world(ENVIRON | {"TENANTCTL_TENANT": "{{workflow.parameters.tenant}}"})


def remember(kube: Any, *outcomes: Outcome, **more: str) -> None:
    data = {outcome.step.data_key: outcome.dump() for outcome in outcomes}
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": data | more})


def ran(namespace: str, name: str, verb: str, *verbs: str) -> Outcome:
    return Outcome(Step(Kind.JOB, verb, (namespace, name)), "d", 7, "r", Result.SUCCEEDED, verbs=verbs)


def test_a_migrate_out_misses_no_job_that_is_gone_meanwhile(kube: Any, world: World) -> None:
    job(kube, "billing", "exports", "lifecycle.migrate-out")
    remember(
        kube,
        ran("billing", "gone", "upsert", "upsert", "migrate-out"),
        ran("billing", "began", "migrate-out"),
        ran("billing", "only-upsert", "upsert", "upsert"),
        ran("search", "unused", "upsert", "migrate-out"),
        state="Frozen",
        declaration=json.dumps({"spec": {"services": ["billing"]}}),
    )
    assert discover(kube, world, "migrate-out") == 0
    items = ["migrate-out/billing/began", "migrate-out/billing/exports", "migrate-out/billing/gone"]
    assert lists(world) == {"jobs": items, "resources": [], "applications": []}


def test_a_migrate_in_upserts_first_and_waits_for_who_has_data(kube: Any, world: World) -> None:
    job(kube, "billing", "both", "lifecycle.upsert,lifecycle.migrate-in")
    job(kube, "billing", "out", "lifecycle.migrate-out")
    archive = Archive("acme/production/6/billing/x/run-0/manifest.json", "ab" * 32)
    named = Step(Kind.JOB, "migrate-in", ("billing", "not-there-yet"))
    remember(kube, **{import_key(named): json.dumps(archive.dump())})
    assert discover(kube, world, "migrate-in") == 0
    assert lists(world) == {
        "jobs": ["upsert/billing/billing-lifecycle", "upsert/billing/both"],
        "imports": ["migrate-in/billing/both", "migrate-in/billing/not-there-yet"],
        "resources": [],
        "applications": [],
    }


def test_a_list_that_is_given_is_split_by_stage(kube: Any, world: World) -> None:
    items = '["migrate-in/a/b", "upsert/a/b", "upsert/a/a"]'
    discover(kube, replace(world, asked=world.asked | {"jobs": items}), "migrate-in")
    found = lists(world)
    assert (found["jobs"], found["imports"]) == (["upsert/a/a", "upsert/a/b"], ["migrate-in/a/b"])


@pytest.mark.parametrize(("verb", "item"), [("migrate-in", "decommission/a/b"), ("migrate-out", "upsert/a/b")])
def test_a_step_that_no_stage_does_is_refused(kube: Any, world: World, verb: str, item: str) -> None:
    remember(kube, state="Frozen" if verb == "migrate-out" else "Active")
    with pytest.raises(UsageError, match=f"{item} is no step of a {verb}"):
        discover(kube, replace(world, asked=world.asked | {"jobs": json.dumps([item])}), verb)
