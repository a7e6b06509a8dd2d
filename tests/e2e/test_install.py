"""install, upgrade, check and uninstall on a cluster of their own, since they take away what others stand on."""

import json

import pytest
import yaml

from reconciler.adapters.kube import connect
from reconciler.adapters.kube.resources import CONFIG_MAPS, NAMESPACES, WORKFLOWS, Resource
from reconciler.cli.main import run
from reconciler.manifests.apply import found
from reconciler.manifests.kinds import RESOURCES
from reconciler.manifests.render import OURS, TEMPLATES
from tests.cluster import down, up

pytestmark = pytest.mark.cluster

CLUSTER_ROLES = Resource("/apis/rbac.authorization.k8s.io/v1", "clusterroles")
RUN = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"name": "waits", "labels": {"app.kubernetes.io/managed-by": "tenantctl"}},
    "spec": {
        "suspend": True,
        "workflowTemplateRef": {"name": "tenant-upsert", "clusterScope": True},
        "arguments": {"parameters": [{"name": "tenant", "value": "a"}, {"name": "environment", "value": "b"}]},
    },
}
PLACEMENT = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "a.b",
        "labels": {"app.kubernetes.io/managed-by": "tenantctl", "tenantctl.io/kind": "placement"},
    },
}


@pytest.fixture(scope="module")
def cluster():
    yield up("install", lambda *_: None, with_image=False)
    down("install", lambda *_: None)


@pytest.fixture(scope="module")
def kube(cluster):
    opened = connect(cluster.context, str(cluster.kubeconfig))
    yield opened
    opened.close()


@pytest.fixture
def tenantctl(cluster, capsys):
    def call(command, *arguments):
        code = run([command, "--context", cluster.context, "--kubeconfig", str(cluster.kubeconfig), *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_the_whole_life_of_an_installation(tenantctl, kube, cluster):
    _nothing_to_begin_with(tenantctl)
    _a_dry_run_changes_nothing(tenantctl, kube)
    _install_is_idempotent(tenantctl)
    _an_upgrade_keeps_settings_and_prunes(tenantctl, kube)
    _an_image_that_cannot_be_had_is_named(tenantctl)
    _without_reconciler(tenantctl)
    _check_names_a_missing_binding(tenantctl, kube)
    _uninstall_keeps_state(tenantctl, kube)
    _purge(tenantctl, kube)


def _nothing_to_begin_with(tenantctl):
    code, out, _ = tenantctl("check", "-o", "json")
    failed = {finding["check"] for finding in json.loads(out)["findings"] if finding["verdict"] == "failed"}
    assert code == 1
    assert failed == {"templates", "rights", "admission"}
    code, _, err = tenantctl("uninstall", "--yes")
    assert (code, "not installed" in err) == (0, True)


def _a_dry_run_changes_nothing(tenantctl, kube):
    code, out, _ = tenantctl("install", "--dry-run", "--repository", "git://nowhere/x")
    assert code == 0
    assert {line.split()[2] for line in out.splitlines()} == {"created"}
    assert list(found(kube)) == []


def _install_is_idempotent(tenantctl):
    first = tenantctl("install", "--no-reconciler")
    second = tenantctl("install", "--no-reconciler")
    assert (first[0], second[0]) == (0, 0)
    assert {line.split()[2] for line in first[1].splitlines()} == {"created"}
    assert {line.split()[2] for line in second[1].splitlines()} == {"unchanged"}
    assert tenantctl("check")[0] == 0


def _an_upgrade_keeps_settings_and_prunes(tenantctl, kube):
    assert tenantctl("install", "--no-wait", "--repository", "git://nowhere/x", "--image", "x/y:1")[0] == 0
    old = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []}
    kube.create(CLUSTER_ROLES, None, old | {"metadata": {"name": "tenantctl-old", "labels": OURS}})
    code, out, _ = tenantctl("install", "--no-wait", "--image", "x/y:2")
    assert code == 0
    changed = {line for line in out.splitlines() if not line.endswith("unchanged")}
    assert changed == {
        "Namespace tenantctl configured",  # it remembers the image
        *(f"ClusterWorkflowTemplate {name} configured" for name in TEMPLATES),
        "Deployment tenantctl/tenantctl-reconciler configured",
        "ClusterRole tenantctl-old pruned",
    }


def _an_image_that_cannot_be_had_is_named(tenantctl):
    # Long, since the kubelet pulls one image after the other and has to give up those of the upgrades before; the wait
    # ends at once when it has.
    code, _, err = tenantctl("install", "--image", "tenantctl.local/no-such:1", "--timeout", "240")
    assert code == 1
    assert "tenantctl-reconciler is not available: pod tenantctl-reconciler-" in err
    assert "no-such:1" in err


def _without_reconciler(tenantctl):
    code, out, _ = tenantctl("install", "--no-reconciler")
    assert code == 0
    assert "Deployment tenantctl/tenantctl-reconciler pruned" in out


def _check_names_a_missing_binding(tenantctl, kube):
    kube.create(NAMESPACES, None, {"metadata": {"name": "billing", "labels": {"tenantctl.io/lifecycle": "enabled"}}})
    code, out, _ = tenantctl("check")
    assert code == 1
    assert "-> tenantctl install --namespace billing" in out
    for item in yaml.safe_load_all(tenantctl("install", "--namespace", "billing")[1]):
        kube.create(RESOURCES[item["kind"]], "billing", item)
    assert tenantctl("check")[0] == 0


def _uninstall_keeps_state(tenantctl, kube):
    kube.create(WORKFLOWS, "tenantctl-workflows", RUN)
    kube.create(CONFIG_MAPS, "tenantctl-workflows", PLACEMENT)
    code, _, err = tenantctl("uninstall", "--yes")
    assert (code, "1 runs are in progress (waits)" in err) == (6, True)
    code, _, err = tenantctl("uninstall", "--yes", "--force")
    assert code == 0
    assert "1 placements in namespace tenantctl-workflows" in err
    assert "RoleBinding billing/tenantctl-lifecycle" in err
    assert {target.kind for target in found(kube)} == {"Namespace", "ConfigMap"}
    assert tenantctl("install", "--no-reconciler")[0] == 0
    assert kube.find(CONFIG_MAPS, "tenantctl-workflows", "a.b")


def _purge(tenantctl, kube):
    assert tenantctl("uninstall", "--yes", "--force", "--purge")[0] == 0
    left = [kube.find(NAMESPACES, None, name) for name in ("tenantctl", "tenantctl-workflows")]
    assert all(item is None or item["status"]["phase"] == "Terminating" for item in left)
