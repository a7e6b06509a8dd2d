"""The scenarios of the contract (`contract`): Jobs and Workflows whose ends, deaths and obstacles are compared."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, WORKFLOWS
from reconciler.manifests import Settings, render
from reconciler.manifests.kinds import RESOURCES
from tests.e2e.lab import Lab, phase
from tests.e2e.service import BUSYBOX
from tests.e2e.waiting import eventually
from tests.light.contract import ENDS, Diary, nodes

Json = dict[str, Any]
Seen = dict[str, "Future[Json]"]
THREADS = 6
OURS = ("main", "lifecycle")
EXECUTOR = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
UP = "the shell runs"  # Argo's executor is the first process there: asked to end before it listens, it ends with 2
POLITE = f"trap 'exit 7' TERM; echo {UP}; while :; do sleep 0.1; done"
SAID = "printf '%s' 'said at the end' >/dev/termination-log"


def make_namespace(lab: Lab) -> str:
    """One in which Argo's executor may report, and nothing else."""
    name = lab.name("contract")
    metadata = {"metadata": {"name": "executor"}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "executor"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": name}]
    lab.kube.create(NAMESPACES, None, {"metadata": {"name": name}})
    lab.kube.create(RESOURCES["Role"], name, metadata | {"rules": [EXECUTOR]})
    lab.kube.create(RESOURCES["RoleBinding"], name, metadata | {"roleRef": role, "subjects": subjects})
    return name


# -- Jobs --------------------------------------------------------------------------------------------------------------


def job(name: str, script: str, *, backoff: int = 0, **more: Any) -> Json:
    """A Job of one container."""
    container = {"name": "lifecycle", "image": BUSYBOX, "command": ["sh", "-c", script]} | more
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"metadata": {"name": name}, "spec": {"backoffLimit": backoff, "template": {"spec": pod}}}


def succeeds(lab: Lab, namespace: str) -> Json:
    """A Job that says something and succeeds."""
    return _ended(lab, namespace, job("job", f"sleep 3; {SAID}"), "Complete")


def fails(lab: Lab, namespace: str) -> Json:
    """A Job that says something and fails."""
    return _ended(lab, namespace, job("job", f"sleep 3; {SAID}; exit 3"), "Failed")


def says_by_its_log(lab: Lab, namespace: str) -> Json:
    """A Job that fails, and whose last lines tell why."""
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    return _ended(lab, namespace, job("job", "sleep 3; echo why; exit 4", **policy), "Failed")


def misses_a_config_map(lab: Lab, namespace: str) -> Json:
    """A container whose variable comes from a ConfigMap that is made later."""
    source = {"configMapKeyRef": {"name": "later", "key": "word"}}
    body = job("job", "sleep 3; [ $WORD = now ]", env=[{"name": "WORD", "valueFrom": source}])
    with Diary(lab, namespace) as diary:
        lab.kube.create(JOBS, namespace, body)
        eventually(lambda: "CreateContainerConfigError" in str(_pods(lab, namespace)), "the container to wait")
        lab.kube.create(CONFIG_MAPS, namespace, {"metadata": {"name": "later"}, "data": {"word": "now"}})
        _await(lab, namespace, "Complete")
        return diary.read(PODS, JOBS)


def is_suspended(lab: Lab, namespace: str) -> Json:
    """A Job that is suspended while its pod runs, and does not listen to SIGTERM."""
    with Diary(lab, namespace) as diary:
        lab.kube.create(JOBS, namespace, job("job", f"echo {UP}; while :; do sleep 0.1; done"))
        await_running(lab, namespace)
        lab.kube.merge(JOBS, namespace, "job", {"spec": {"suspend": True}})
        eventually(lambda: not _pods(lab, namespace), "the pod to go")
        _await(lab, namespace, "Suspended")
        return diary.read(PODS, JOBS)


def loses_its_pod(lab: Lab, namespace: str) -> Json:
    """A Job whose pod is deleted while it runs; another one follows."""
    with Diary(lab, namespace) as diary:
        lab.kube.create(JOBS, namespace, job("job", POLITE, backoff=1))
        (pod,) = await_running(lab, namespace)
        lab.kube.delete(PODS, namespace, pod["metadata"]["name"])
        uid = pod["metadata"]["uid"]
        eventually(lambda: await_running(lab, namespace)[0]["metadata"]["uid"] != uid, "another pod")
        lab.kube.merge(JOBS, namespace, "job", {"spec": {"suspend": True}})
        eventually(lambda: not _pods(lab, namespace), "the pods to go")
        return diary.read(PODS, JOBS)


# -- Workflows ---------------------------------------------------------------------------------------------------------


def workflow(*scripts: str, after: tuple[str, ...] = (), **more: Any) -> Json:
    """A Workflow of steps that are repeated as bridges are; each runs a shell. `after` follow when those succeeded."""
    shipped = next(item for item in render(Settings()) if item["metadata"]["name"] == "tenant-upsert")
    retry = next(item for item in shipped["spec"]["templates"] if item["name"] == "step")["retryStrategy"]
    templates = [
        {
            "name": f"step-{number}",
            "retryStrategy": retry,
            "outputs": {"parameters": [{"name": "word", "valueFrom": {"path": "/out/word", "default": "none"}}]},
            "container": {
                "image": BUSYBOX,
                "command": ["sh", "-c", script],
                "volumeMounts": [{"name": "out", "mountPath": "/out"}],
            },
        }
        for number, script in enumerate((*scripts, *after))
    ]
    groups = [range(len(scripts)), range(len(scripts), len(scripts) + len(after))]
    steps = [[{"name": f"step-{n}", "template": f"step-{n}"} for n in group] for group in groups if group]
    spec = {
        "entrypoint": "main",
        "volumes": [{"name": "out", "emptyDir": {}}],
        "podSpecPatch": "terminationGracePeriodSeconds: 2",
        "templates": [{"name": "main", "steps": steps}, *templates],
    }
    meta = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "run"}}
    return meta | {"spec": spec | more}


def runs_steps(lab: Lab, namespace: str) -> Json:
    """Steps that succeed, one of them when it is repeated, and write outputs."""
    again = 'sleep 2; if [ "{{retries}}" = 0 ]; then exit 75; fi'
    body = workflow("sleep 2; echo hello >/out/word", again, after=("sleep 2",))
    return _run(lab, namespace, body)


def has_a_step_that_fails(lab: Lab, namespace: str) -> Json:
    """A step that fails: its sibling ends, and what would follow does not begin."""
    return _run(lab, namespace, workflow(f"sleep 2; {SAID}; exit 1", "sleep 4", after=("sleep 2",)))


def is_stopped(lab: Lab, namespace: str) -> Json:
    """A run that is stopped while it runs."""
    return _shut_down(lab, namespace, "Stop")


def is_terminated(lab: Lab, namespace: str) -> Json:
    """A run that is terminated while it runs."""
    return _shut_down(lab, namespace, "Terminate")


def is_terminated_while_it_waits(lab: Lab, namespace: str) -> Json:
    """A run that is terminated while it waits for its lock."""
    lock = {"mutexes": [{"name": "contract"}]}
    holder = workflow("sleep 2", synchronization=lock)
    holder["metadata"]["name"] = "holder"
    holder["spec"] |= {"entrypoint": "wait", "templates": [{"name": "wait", "suspend": {}}]}
    lab.kube.create(WORKFLOWS, namespace, holder)
    eventually(lambda: _phase(lab, namespace, "holder") == "Running", "the lock to be held")
    with Diary(lab, namespace) as diary:
        lab.kube.create(WORKFLOWS, namespace, workflow("sleep 2", synchronization=lock))
        eventually(lambda: _phase(lab, namespace) == "Pending", "the run to wait")
        lab.kube.merge(WORKFLOWS, namespace, "run", {"spec": {"shutdown": "Terminate"}})
        eventually(lambda: _phase(lab, namespace) in ENDS, "the run to end")
        return diary.read(WORKFLOWS)


def is_deleted(lab: Lab, namespace: str) -> Json:
    """A run that is deleted while it runs: its pods end as pods do."""
    with Diary(lab, namespace) as diary:
        lab.kube.create(WORKFLOWS, namespace, workflow(POLITE))
        await_running(lab, namespace)
        lab.kube.delete(WORKFLOWS, namespace, "run")
        eventually(lambda: not _pods(lab, namespace), "its pods to go")
        return diary.read(PODS, WORKFLOWS)


SCENARIOS: dict[str, Callable[[Lab, str], Json]] = {
    each.__name__: each
    for each in (
        succeeds,
        fails,
        says_by_its_log,
        misses_a_config_map,
        is_suspended,
        loses_its_pod,
        runs_steps,
        has_a_step_that_fails,
        is_stopped,
        is_terminated,
        is_terminated_while_it_waits,
        is_deleted,
    )
}


@contextmanager
def all_seen(lab: Lab) -> Iterator[Seen]:
    """All scenarios, some at a time, each in a namespace of its own."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield {name: pool.submit(_in_namespace, lab, run) for name, run in SCENARIOS.items()}


def _in_namespace(lab: Lab, run: Callable[[Lab, str], Json]) -> Json:
    namespace = make_namespace(lab)
    found = run(lab, namespace)
    lab.kube.delete(NAMESPACES, None, namespace)
    return found


# -- what they share ---------------------------------------------------------------------------------------------------


def _ended(lab: Lab, namespace: str, body: Json, condition: str) -> Json:
    with Diary(lab, namespace) as diary:
        lab.kube.create(JOBS, namespace, body)
        _await(lab, namespace, condition)
        return diary.read(PODS, JOBS)


def _run(lab: Lab, namespace: str, body: Json) -> Json:
    with Diary(lab, namespace) as diary:
        lab.kube.create(WORKFLOWS, namespace, body)
        eventually(lambda: _phase(lab, namespace) in ENDS, "the run to end")
        return diary.read(PODS, WORKFLOWS) | _nodes(lab, namespace)


def _shut_down(lab: Lab, namespace: str, how: str) -> Json:
    """The step listens to SIGTERM: one that does not is ended by nobody, for its first process is Argo's executor."""
    with Diary(lab, namespace) as diary:
        lab.kube.create(WORKFLOWS, namespace, workflow(POLITE, after=("true",)))
        await_running(lab, namespace)
        lab.kube.merge(WORKFLOWS, namespace, "run", {"spec": {"shutdown": how}})
        eventually(lambda: _phase(lab, namespace) in ENDS, "the run to end")
        over = lambda: all(pod["status"]["phase"] in ENDS for pod in _pods(lab, namespace))  # noqa: E731
        eventually(over, "its pods to end")
        return diary.read(PODS, WORKFLOWS) | _nodes(lab, namespace)


def _nodes(lab: Lab, namespace: str) -> Json:
    return {"nodes": nodes(lab.kube.get(WORKFLOWS, namespace, "run"))}


def _phase(lab: Lab, namespace: str, name: str = "run") -> str:
    return phase(lab.kube.get(WORKFLOWS, namespace, name))


def _pods(lab: Lab, namespace: str) -> list[Json]:
    return list(lab.kube.list(PODS, namespace))


def await_running(lab: Lab, namespace: str) -> list[Json]:
    """Pods whose scripts run, and listen to SIGTERM, once there are some."""

    def found() -> list[Json]:
        return [pod for pod in _pods(lab, namespace) if pod["status"].get("phase") == "Running" and _runs(lab, pod)]

    return eventually(found, "a pod to run")


def _runs(lab: Lab, pod: Json) -> bool:
    ours = [item for item in pod["status"]["containerStatuses"] if item["name"] in OURS]
    if "deletionTimestamp" in pod["metadata"] or not all("running" in item["state"] for item in ours):
        return False
    return all(UP in lab.log(pod, item["name"]) for item in ours)


def _await(lab: Lab, namespace: str, condition: str) -> None:
    def true() -> bool:
        conditions = lab.kube.get(JOBS, namespace, "job")["status"].get("conditions") or ()
        return any(item["type"] == condition and item["status"] == "True" for item in conditions)

    eventually(true, f"the Job to be {condition}")
