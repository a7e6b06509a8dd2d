"""Which ends of a bridge Argo repeats: the shipped retryStrategy, with a shell in the bridge's place."""

import pytest

from reconciler.adapters.kube.resources import NAMESPACES, PODS, WORKFLOWS
from reconciler.manifests import Settings, render
from reconciler.manifests.apply import wait
from reconciler.manifests.kinds import RESOURCES
from tests.e2e.lab import runs

pytestmark = pytest.mark.cluster

EXECUTOR = {
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "executor"},
    "rules": [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}],
}
# Printed once Argo's executor, the first process, listens to signals. Asked to end before that, it ends with 2.
UP = "the shell runs"
# The first attempt ends like this; every later one ends well.
ENDS = {
    "one": ("exit 1", 1, "Failed"),
    "usage": ("exit 64", 1, "Failed"),
    "repeat-me": ("exit 75", 2, "Succeeded"),
    "killed": ("sh -c 'kill -9 $PPID'", 2, "Succeeded"),
    "terminated": ("sh -c 'kill -15 $PPID'; sleep 5", 2, "Succeeded"),
    "pod-deleted": (f"echo {UP}; sleep 300", 2, "Succeeded"),
}


@pytest.fixture(scope="module")
def namespace(lab):
    """A namespace in which Argo's executor may report, and nothing else."""
    name = lab.name("retry")
    metadata = {"metadata": {"name": "executor"}}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": name}]
    lab.kube.create(NAMESPACES, None, {"metadata": {"name": name}})
    lab.kube.create(RESOURCES["Role"], name, metadata | {"rules": EXECUTOR["rules"]})
    lab.kube.create(RESOURCES["RoleBinding"], name, metadata | {"roleRef": EXECUTOR["roleRef"], "subjects": subjects})
    yield name
    lab.kube.delete(NAMESPACES, None, name)


def template(name, end):
    """The shipped step with a shell for a bridge. `{{retries}}` is known in a template with a retryStrategy."""
    templates = (item for item in render(Settings()) if item["kind"] == "ClusterWorkflowTemplate")
    (shipped,) = (item for item in templates if item["metadata"]["name"] == "tenant-upsert")
    step = next(item for item in shipped["spec"]["templates"] if item["name"] == "step")
    code = f'if [ "{{{{retries}}}}" = 0 ]; then {end}; fi; echo done'
    container = {"image": "tenantctl.local/busybox:1", "command": ["sh", "-c", code]}
    return {"name": name, "retryStrategy": step["retryStrategy"], "container": container}


def test_only_a_lost_bridge_is_repeated(lab, namespace):
    kube = lab.kube
    steps = [[{"name": name, "template": name} for name in ENDS]]
    templates = [{"name": "main", "steps": steps}, *(template(name, end) for name, (end, _, _) in ENDS.items())]
    spec = {"entrypoint": "main", "templates": templates, "podSpecPatch": "terminationGracePeriodSeconds: 1"}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "retry-"},
        "spec": spec,
    }
    name = kube.create(WORKFLOWS, namespace, body)["metadata"]["name"]
    wait(lambda: _delete_running(lab, namespace, name), 240)

    def gap():
        phase = kube.get(WORKFLOWS, namespace, name).get("status", {}).get("phase")
        return "" if phase in ("Failed", "Error", "Succeeded") else f"{name} is {phase}"

    wait(gap, 300)
    nodes = kube.get(WORKFLOWS, namespace, name)["status"]["nodes"].values()
    seen = {node["displayName"]: (len(node["children"]), node["phase"]) for node in nodes if node["type"] == "Retry"}
    assert seen == {name: (attempts, phase) for name, (_, attempts, phase) in ENDS.items()}


def _delete_running(lab, namespace, name):
    for pod in lab.kube.list(PODS, namespace, labelSelector=f"workflows.argoproj.io/workflow={name}"):
        node = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
        if "pod-deleted" in node and runs(pod, "main") and UP in lab.log(pod, "main"):
            lab.kube.delete(PODS, namespace, pod["metadata"]["name"])
            return ""
    return "the pod does not run yet"
