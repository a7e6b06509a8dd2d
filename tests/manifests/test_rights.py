"""The rights that the manifests give, compared with those that design and operations promise."""

from reconciler.manifests import Settings, render, team
from reconciler.manifests.rights import rights

RECONCILER = "system:serviceaccount:tenantctl:tenantctl-reconciler"
BRIDGE = "system:serviceaccount:tenantctl-workflows:tenantctl-bridge"
READ = {"jobs": "get list watch", "namespaces": "get list watch"}


def given(user, namespace, items):
    found: dict[str, list[str]] = {}
    for right in rights(items):
        if (right.user, right.namespace) == (user, namespace):
            found.setdefault(right.resource, []).append(right.verb)
    return {resource: " ".join(verbs) for resource, verbs in found.items()}


def test_the_bridge_has_exactly_these():
    items = render(Settings())
    assert given(BRIDGE, "", items) == READ
    assert given(BRIDGE, "tenantctl", items) == {}
    assert given(BRIDGE, "tenantctl-workflows", items) == {
        "configmaps": "get patch",
        "workflows": "get",
        "workflowtaskresults": "create patch",
    }


def test_the_reconciler_has_exactly_these():
    items = render(Settings())
    assert given(RECONCILER, "", items) == READ
    assert given(RECONCILER, "tenantctl-workflows", items) == {
        "configmaps": "create delete get list patch watch",
        "workflows": "create get list watch",
    }
    assert given(RECONCILER, "tenantctl", items) == {
        "configmaps": "create delete get list patch update watch",
        "events": "create patch",
    }


def test_both_get_the_same_in_a_services_namespace_and_nothing_elsewhere():
    items = [*render(Settings()), *team(Settings(), "billing")]
    for user in (RECONCILER, BRIDGE):
        assert given(user, "billing", items) == {
            "configmaps": "create delete",
            "jobs": "create delete patch",
            "pods": "get list watch",
            "pods/log": "get",
            "secrets": "create delete",
        }
        assert given(user, "search", items) == {}
