"""What an application is called, says and admits; attempts to reach what is another environment's."""

from dataclasses import replace

import pytest

from reconciler.core.application import (
    Home,
    NotWanted,
    application_steps,
    decommission_steps,
    entry_digest,
    is_ours,
    manifest,
    names_of,
    namespace_belongs,
    namespace_is_ours,
    order_of,
    refusal,
    replaced,
    waiting,
)
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement, State
from reconciler.core.step import Step

KEY = Key("acme", "production")
HOME = Home("tenants", "https://10.0.0.1:6443")
PORTAL = {
    "name": "portal",
    "source": {"repoURL": "https://git.example.com/portal.git", "path": "portal"},
    "namespace": "acme-production",
}
UPSERT, AWAY = Step.parse("application/upsert/portal"), Step.parse("application/decommission/portal")
OLD = Step.parse("application/upsert/old")


def placement(state=State.ACTIVE, applications=(PORTAL,), outcomes=()):
    spec = {"region": "eu-west", "applications": list(applications)}
    return Placement(KEY, {"spec": spec}, "digest", "abc", 7, state, {each.step: each for each in outcomes})


def outcome(step, entry=None):
    return Outcome(step, "d", 7, "run-1", Result.SUCCEEDED, entry=entry)


def test_an_application_says_what_was_declared_and_where_it_belongs():
    made = manifest(order_of(placement(), UPSERT), HOME)
    assert made["metadata"]["name"] == "acme.production.portal.eu-west"
    assert made["spec"]["project"] == "tenants"
    assert made["spec"]["source"] == PORTAL["source"] | {"targetRevision": "HEAD"}
    assert made["spec"]["destination"] == {"server": HOME.cluster, "namespace": "acme-production"}
    assert is_ours(made, KEY)


def test_what_a_run_waits_for_is_told():
    def said(step, message, run="run-1", result=Result.RUNNING):
        return replace(outcome(step), message=message, run=run, result=result)

    job = Step.parse("job/upsert/billing/lifecycle")
    told = [said(UPSERT, "Degraded: no image"), said(OLD, "Syncing"), said(job, "a Job")]
    assert waiting(told, "run-1") == "portal: Degraded: no image; old: Syncing"
    assert waiting(told, "run-2") == ""
    assert waiting([said(UPSERT, "done", result=Result.SUCCEEDED)], "run-1") == ""
    assert len(waiting([said(UPSERT, "é" * 900)], "run-1").encode()) <= 300


def test_their_names_are_those_of_all_that_may_be_there():
    assert names_of(placement(outcomes=[outcome(OLD)])) == {
        "old": "acme.production.old.eu-west",
        "portal": "acme.production.portal.eu-west",
    }


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        ({}, False),
        ({"app.kubernetes.io/managed-by": "tenantctl"}, False),
        (
            {
                "app.kubernetes.io/managed-by": "tenantctl",
                "tenantctl.io/tenant": "globex",
                "tenantctl.io/environment": "production",
            },
            False,
        ),
        (
            {
                "app.kubernetes.io/managed-by": "Helm",
                "tenantctl.io/tenant": "acme",
                "tenantctl.io/environment": "production",
            },
            False,
        ),
        (
            {
                "app.kubernetes.io/managed-by": "tenantctl",
                "tenantctl.io/tenant": "acme",
                "tenantctl.io/environment": "production",
                "team": "x",
            },
            True,
        ),
    ],
)
def test_only_one_with_every_label_is_ours(found, ours):
    assert is_ours({"metadata": {"labels": found}}, KEY) is ours


def test_one_without_labels_is_not_ours():
    assert not is_ours({"metadata": {}}, KEY)
    assert not namespace_is_ours({"metadata": {}}, KEY)


def test_a_namespace_is_ours_by_both_labels():
    mine = {"tenantctl.io/tenant": "acme", "tenantctl.io/environment": "production"}
    assert namespace_is_ours({"metadata": {"labels": mine}}, KEY)
    assert not namespace_is_ours({"metadata": {"labels": mine | {"tenantctl.io/environment": "staging"}}}, KEY)


@pytest.mark.parametrize(
    ("namespace", "belongs"),
    [
        ("acme-production", True),
        ("acme-production-web", True),
        ("acme-production2", False),
        ("acme-productio", False),
        ("acme", False),
        ("globex-production", False),
        ("kube-system", False),
        ("", False),
    ],
)
def test_which_namespaces_belong_to_an_environment(namespace, belongs):
    assert namespace_belongs(KEY, namespace) is belongs


def test_the_digest_is_the_same_with_the_default_written_out():
    written = PORTAL | {"source": PORTAL["source"] | {"targetRevision": "HEAD"}}
    assert entry_digest(written) == entry_digest(PORTAL)
    assert entry_digest(PORTAL | {"namespace": "acme-production-web"}) != entry_digest(PORTAL)
    assert application_steps({"applications": [PORTAL]}) == {UPSERT: entry_digest(PORTAL)}
    assert application_steps({}) == {}


@pytest.mark.parametrize(
    ("state", "applications", "step", "admitted"),
    [
        (State.ACTIVE, [PORTAL], UPSERT, True),
        (State.ACTIVE, [], UPSERT, False),
        (State.FROZEN, [PORTAL], UPSERT, False),
        (State.RELEASED, [PORTAL], UPSERT, False),
        (State.ACTIVE, [PORTAL], AWAY, False),
        (State.ACTIVE, [], AWAY, True),
        (State.FROZEN, [], AWAY, False),
        (State.RELEASED, [PORTAL], AWAY, True),
        (State.ACTIVE, [PORTAL], Step.parse("application/migrate-in/portal"), False),
        (State.FROZEN, [PORTAL], Step.parse("application/migrate-out/portal"), False),
    ],
)
def test_what_a_placement_admits(state, applications, step, admitted):
    made = placement(state, applications)
    assert (refusal(made, step) == "") is admitted
    if not admitted:
        with pytest.raises(NotWanted, match="acme/production"):
            order_of(made, step)


def test_what_a_decommission_takes_away():
    before = outcome(OLD, {"name": "old", "namespace": "acme-production-old", "source": {}})
    released = placement(State.RELEASED, outcomes=[before])
    names = [step.name for step in decommission_steps(released)]
    assert names == ["old", "portal"]
    assert [step.name for step in decommission_steps(placement(outcomes=[before]))] == ["old"]
    assert order_of(released, decommission_steps(released)[0]).namespace == "acme-production-old"


def test_what_is_gone_from_the_declaration_is_known_by_its_name():
    order = order_of(placement(State.RELEASED, []), AWAY)
    assert (order.name, order.entry, order.digest) == ("acme.production.portal.eu-west", None, "")


def test_a_live_application_is_replaced_only_where_it_differs():
    wanted = manifest(order_of(placement(), UPSERT), HOME)
    live = wanted | {
        "metadata": wanted["metadata"]
        | {
            "uid": "1",
            "resourceVersion": "2",
            "annotations": {"notified": "yes"},
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            "labels": wanted["metadata"]["labels"] | {"team": "x"},
        },
        "status": {"health": {}},
    }
    assert replaced(live, wanted) is None
    other = manifest(order_of(placement(applications=[PORTAL | {"namespace": "acme-production-web"}]), UPSERT), HOME)
    changed = replaced(live, other)
    assert changed is not None
    assert changed["spec"]["destination"]["namespace"] == "acme-production-web"
    assert changed["metadata"] == {
        "name": wanted["metadata"]["name"],
        "annotations": {"notified": "yes"},
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        "labels": wanted["metadata"]["labels"] | {"team": "x"},
    }
