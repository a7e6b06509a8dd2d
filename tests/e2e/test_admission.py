"""What the API server admits in the workflow namespace, tried with Argo's own command line and by hand."""

import copy
import json
import os
import subprocess

import pytest

from reconciler.adapters.kube import connect
from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES, JOBS, WORKFLOWS
from reconciler.core.errors import Unprocessable
from reconciler.manifests.apply import wait
from reconciler.manifests.render import TEMPLATES as OURS

pytestmark = pytest.mark.cluster

NAMESPACE = "tenantctl-workflows"
ARGUMENTS = {"parameters": [{"name": "tenant", "value": "admission"}, {"name": "environment", "value": "test"}]}
REFERENCE = {"name": "tenant-upsert", "clusterScope": True}
TEMPLATES = [{"name": "main", "container": {"image": "x", "command": ["sh"]}}]
DRY_RUN = {"dryRun": "All"}


@pytest.fixture(scope="module")
def cluster(lab):
    return lab.cluster


@pytest.fixture(scope="module")
def kube(lab):
    yield lab.kube
    for item in list(lab.kube.list(WORKFLOWS, NAMESPACE, labelSelector="tenantctl.io/tenant=admission")):
        lab.kube.delete(WORKFLOWS, NAMESPACE, item["metadata"]["name"])


@pytest.fixture
def argo(cluster, tmp_path):
    def call(*arguments):
        environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(tmp_path)}
        words = [str(cluster.argo), *arguments, "-n", NAMESPACE]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return call


def workflow(status=None, **spec):
    spec = {"workflowTemplateRef": REFERENCE, "arguments": ARGUMENTS} | spec
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "admission-"},
        "spec": {name: value for name, value in spec.items() if value is not None},
    }
    return body if status is None else body | {"status": status}


@pytest.mark.parametrize(
    "body",
    [
        workflow(),
        workflow(suspend=True),
        workflow(shutdown="Stop"),
        workflow(status={}),
        workflow(status={"startedAt": None, "finishedAt": None}),
    ],
    ids=["plain", "suspended", "shut down", "empty status", "null times"],
)
def test_admits(kube, body):
    kube.create(WORKFLOWS, NAMESPACE, body, **DRY_RUN)


REFUSED = {
    "a spec of its own": workflow(workflowTemplateRef=None, entrypoint="main", templates=TEMPLATES),
    "templates beside the reference": workflow(templates=TEMPLATES),
    "another account": workflow(serviceAccountName="default"),
    "a patch of pods": workflow(podSpecPatch="hostNetwork: true"),
    "another entrypoint": workflow(entrypoint="step"),
    "hooks": workflow(hooks={"exit": {"template": "step"}}),
    "an exit handler": workflow(onExit="step"),
    "volumes": workflow(volumes=[{"name": "x", "hostPath": {"path": "/"}}]),
    "a namespaced template": workflow(workflowTemplateRef={"name": "tenant-upsert"}),
    "another template": workflow(workflowTemplateRef={"name": "other", "clusterScope": True}),
    "no reference": workflow(workflowTemplateRef=None),
    "a phase": workflow(status={"phase": "Succeeded"}),
    "a start": workflow(status={"startedAt": "2026-01-01T00:00:00Z"}),
    "nodes": workflow(status={"nodes": {"x": {"id": "x", "name": "x", "type": "Pod"}}}),
    "a stored spec": workflow(status={"storedWorkflowTemplateSpec": {"entrypoint": "main", "templates": TEMPLATES}}),
    "a stored template": workflow(status={"storedTemplates": {"cluster/tenant-upsert/step": TEMPLATES[0]}}),
    "a local template": workflow(status={"storedTemplates": {"local//step": TEMPLATES[0]}}),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=list(REFUSED))
def test_refuses(kube, body):
    with pytest.raises(Unprocessable, match="ValidatingAdmissionPolicy 'tenantctl-"):
        kube.create(WORKFLOWS, NAMESPACE, body, **DRY_RUN)


def test_admits_the_clusters_own_templates_in_the_status_but_not_a_change_of_them(kube):
    templates = kube.get(CLUSTER_TEMPLATES, None, "tenant-upsert")["spec"]["templates"]
    stored = {f"cluster/tenant-upsert/{template['name']}": template for template in templates}
    kube.create(WORKFLOWS, NAMESPACE, workflow(status={"storedTemplates": stored}), **DRY_RUN)
    changed = copy.deepcopy(stored)
    changed["cluster/tenant-upsert/step"]["container"]["image"] = "evil"
    swapped = stored | {"cluster/tenant-upsert/discover": stored["cluster/tenant-upsert/step"]}
    for wrong in (changed, swapped):
        with pytest.raises(Unprocessable, match="not those of its ClusterWorkflowTemplate"):
            kube.create(WORKFLOWS, NAMESPACE, workflow(status={"storedTemplates": wrong}), **DRY_RUN)


def test_refuses_argos_controller_too(lab, tmp_path):
    """Otherwise a CronWorkflow, which its controller turns into Workflows, would be a way in."""
    controller = connect(lab.cluster.context, str(lab.kubeconfig_of(tmp_path, "argo", "argo")))
    with pytest.raises(Unprocessable, match="denied request"):
        controller.create(WORKFLOWS, NAMESPACE, REFUSED["a spec of its own"], **DRY_RUN)
    assert controller.create(WORKFLOWS, NAMESPACE, workflow(), **DRY_RUN)
    controller.close()


@pytest.fixture
def started(kube):
    """The name of a suspended run of which the controller has stored the spec."""
    name = kube.create(WORKFLOWS, NAMESPACE, workflow(suspend=True))["metadata"]["name"]

    def stored():
        status = kube.get(WORKFLOWS, NAMESPACE, name).get("status", {})
        return "" if "storedWorkflowTemplateSpec" in status else "the controller has not stored the spec"

    wait(stored, 120)
    yield name
    kube.delete(WORKFLOWS, NAMESPACE, name)


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"arguments": {"parameters": [{"name": "tenant", "value": "other"}]}}},
        {"spec": {"workflowTemplateRef": {"name": "other"}}},
        {"spec": {"workflowTemplateRef": None}},
        {"spec": {"templates": TEMPLATES}},
        {"spec": {"serviceAccountName": "default"}},
        {"status": {"storedWorkflowTemplateSpec": {"serviceAccountName": "default"}}},
        {"status": {"storedWorkflowTemplateSpec": None}},
        {"status": {"storedTemplates": {"cluster/tenant-upsert/step": TEMPLATES[0]}}},
    ],
    ids=json.dumps,
)
def test_nobody_else_changes_a_run(kube, started, patch):
    with pytest.raises(Unprocessable, match="ValidatingAdmissionPolicy 'tenantctl-workflows'"):
        kube.merge(WORKFLOWS, NAMESPACE, started, patch)


def phase(kube, name, wanted):
    def gap():
        found = kube.get(WORKFLOWS, NAMESPACE, name).get("status", {}).get("phase", "")
        return "" if found in wanted else f"{name} is {found}"

    wait(gap, 240)


def test_argos_command_line_works(kube, argo):
    """There is no placement for this environment, so its runs fail; that is enough to retry and resubmit one."""
    submit = ("submit", "--from", "clusterworkflowtemplate/tenant-upsert", "-p", "tenant=admission", "-o", "name")
    done = argo(*submit, "-p", "environment=test")
    assert done.returncode == 0, done.stderr
    name = done.stdout.strip().splitlines()[-1]
    phase(kube, name, {"Failed", "Error"})

    def levers():
        """Once more where the run was over between two of them: none can be suspended or stopped then."""
        for words in (("retry", name), ("suspend", name), ("resume", name), ("stop", name)):
            done = argo(*words)
            if done.returncode:
                phase(kube, name, {"Failed", "Error"})
                return f"{words}: {done.stderr}"
        return ""

    wait(levers, 240)
    phase(kube, name, {"Failed", "Error"})
    done = argo("resubmit", name, "-o", "name")
    assert done.returncode == 0, done.stderr
    again = done.stdout.strip().splitlines()[-1]
    assert argo("terminate", again).returncode == 0
    phase(kube, again, {"Failed", "Error"})
    kept = kube.get(WORKFLOWS, NAMESPACE, again)["metadata"]["labels"]
    assert kept["tenantctl.io/run"] == again
    memoized = argo("resubmit", "--memoized", name)
    assert "created without a status" in memoized.stderr
    assert argo("retry", again, "-p", "tenant=other").returncode != 0


@pytest.mark.parametrize("template", OURS)
def test_every_template_can_be_submitted_by_hand(kube, argo, template):
    """Argo's command line sends the templates along that it resolved: they have to be in the form that it writes."""
    parameters = kube.get(CLUSTER_TEMPLATES, None, template)["spec"]["arguments"]["parameters"]
    given = [f"--parameter={item['name']}=admission" for item in parameters if "value" not in item]
    done = argo("submit", "--from", f"clusterworkflowtemplate/{template}", "-o", "name", *given)
    assert done.returncode == 0, done.stderr
    assert argo("terminate", done.stdout.strip().splitlines()[-1]).returncode == 0


def lifecycle_job(name, annotations):
    container = {"name": "x", "image": "tenantctl.local/busybox:1", "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


@pytest.fixture
def job(kube):
    made = []

    def make(annotations):
        made.append(
            kube.create(JOBS, "default", lifecycle_job(f"admission-{len(made)}", annotations))["metadata"]["name"]
        )
        return made[-1]

    yield make
    for name in made:
        kube.delete(JOBS, "default", name)


VERBS = {"collibra.com/tenant.lifecycle": "lifecycle.upsert"}


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"suspend": False}},
        {"spec": {"suspend": False}, "metadata": {"annotations": None}},
        {"spec": {"suspend": None}},
    ],
    ids=["resumed", "resumed and unmarked at once", "suspend taken away"],
)
def test_a_lifecycle_job_is_never_resumed(kube, job, patch):
    name = job(VERBS)
    with pytest.raises(Unprocessable, match=f"Job default/{name} is a template for tenantctl"):
        kube.merge(JOBS, "default", name, patch)


def test_a_copy_is_resumed_and_a_lifecycle_job_is_otherwise_changed(kube, job):
    copied, template = job({}), job(VERBS)
    kube.merge(JOBS, "default", copied, {"spec": {"suspend": False}})
    kube.merge(JOBS, "default", template, {"metadata": {"labels": {"x": "y"}}})
