"""The cluster as an administrator sees it: what the tests set up in it, and the state that they assert on."""

import itertools
import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from reconciler.adapters.kube import Kube, connect
from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, WORKFLOWS, Resource
from reconciler.core import labels
from reconciler.core.names import Key
from reconciler.core.placement import Placement, read_placement
from reconciler.core.record import Record, conditions_by_type, read_record
from tests.cluster import Cluster
from tests.e2e.command import tenantctl
from tests.e2e.waiting import eventually

Json = dict[str, Any]
PREFIX = "e2e-"  # of every tenant and namespace of the tests, also those that a killed run left behind
CONTROL, WORKFLOW = labels.CONTROL_NAMESPACE, labels.WORKFLOW_NAMESPACE
SERVICE_ACCOUNTS = Resource("/api/v1", "serviceaccounts")
KINDS = {"RoleBinding": Resource("/apis/rbac.authorization.k8s.io/v1", "rolebindings")}
RUN_OF_POD = "workflows.argoproj.io/workflow"
JOB_NAME = "batch.kubernetes.io/job-name"


class Lab:
    """One cluster. Names that it gives are used once, so nobody waits for deletions."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.kube: Kube = connect(cluster.context, str(cluster.kubeconfig))
        self._mark = secrets.token_hex(2)
        self._numbers = itertools.count(1)

    # -- set up and clean up ---------------------------------------------------------------------------------------

    def name(self, word: str) -> str:
        """A name that nothing had before, and that comes after all earlier ones: rollouts go by name."""
        return f"{PREFIX}{self._mark}-{next(self._numbers):03}-{word}"[:30].rstrip("-")

    def sweep(self) -> None:
        """Delete what earlier test runs left, killed ones too; namespaces end in the background."""
        for namespace in (item["metadata"]["name"] for item in self.kube.list(NAMESPACES)):
            if namespace.startswith(PREFIX):
                self.kube.delete(NAMESPACES, None, namespace)
        for resource, namespace in ((WORKFLOWS, WORKFLOW), (CONFIG_MAPS, WORKFLOW), (CONFIG_MAPS, CONTROL)):
            self._delete(resource, namespace)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """The fleet as `install` makes it: nothing suspended, no record counted, no commit accepted."""
        fleet = self.kube.find(CONFIG_MAPS, CONTROL, labels.FLEET)
        if fleet:
            emptied = dict.fromkeys(fleet.get("data", {}))
            self.kube.merge(CONFIG_MAPS, CONTROL, labels.FLEET, {"data": {**emptied, "records": "0"}})

    def _delete(self, resource: Resource, namespace: str) -> None:
        if self.kube.find(NAMESPACES, None, namespace) is None:
            return
        for metadata in (item["metadata"] for item in self.kube.list(resource, namespace)):
            tenant = metadata.get("labels", {}).get(labels.TENANT, "")
            if metadata["name"].startswith(PREFIX) or tenant.startswith(PREFIX):
                self.kube.delete(resource, namespace, metadata["name"])

    def kubeconfig_of(self, folder: Path, account: str, namespace: str) -> Path:
        """A kubeconfig with the cluster's context, for a service account, with a token that the API server gave out."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 7200},
        }
        answer = self.kube.request("POST", SERVICE_ACCOUNTS.path(namespace, account, "token"), {}, request)
        content = yaml.safe_load(self.cluster.kubeconfig.read_text())
        for user in content["users"]:
            user["user"] = {"token": answer["status"]["token"]}
        file = folder / f"{account}.kubeconfig"
        file.write_text(yaml.safe_dump(content))
        return file

    def service(self, word: str, *jobs: Json, enabled: bool = True, bound: bool = True) -> str:
        """A namespace of a service, let in by the platform and bound by its team unless told otherwise."""
        return self.add_service(self.name(word), *jobs, enabled=enabled, bound=bound)

    def add_service(self, namespace: str, *jobs: Json, enabled: bool = True, bound: bool = True) -> str:
        """The same, in a namespace of this name."""
        lifecycle = {labels.LIFECYCLE: labels.ENABLED} if enabled else {}
        self.kube.create(NAMESPACES, None, {"metadata": {"name": namespace, "labels": lifecycle}})
        if bound:
            self.bind(namespace)
        for job in jobs:
            self.add_job(namespace, job)
        return namespace

    def bind(self, namespace: str) -> None:
        """Apply what `tenantctl install --namespace` prints."""
        for item in yaml.safe_load_all(tenantctl("install", "--namespace", namespace).stdout):
            self.kube.create(KINDS[item["kind"]], namespace, item)

    def enable(self, namespace: str) -> None:
        """The platform lets a namespace take part."""
        self.kube.merge(NAMESPACES, None, namespace, {"metadata": {"labels": {labels.LIFECYCLE: labels.ENABLED}}})

    def add_job(self, namespace: str, job: Json) -> Json:
        """Create a lifecycle Job in a namespace."""
        return self.kube.create(JOBS, namespace, job | {"metadata": job["metadata"] | {"namespace": namespace}})

    def replace_job(self, namespace: str, job: Json) -> Json:
        """Delete a lifecycle Job and make it again, as Argo CD does with Force=true,Replace=true."""
        self.kube.delete(JOBS, namespace, job["metadata"]["name"])
        return eventually(lambda: self.add_job(namespace, job), f"{namespace}/{job['metadata']['name']} made again")

    # -- the state of the world ------------------------------------------------------------------------------------

    def record(self, key: str) -> Record | None:
        """The record of an environment."""
        raw = self.kube.find(CONFIG_MAPS, CONTROL, Key.parse(key).dotted)
        return read_record(raw) if raw else None

    def placement(self, key: str) -> Placement | None:
        """The placement of an environment."""
        raw = self.kube.find(CONFIG_MAPS, WORKFLOW, Key.parse(key).dotted)
        return read_placement(raw) if raw else None

    def runs(self, key: str) -> list[Json]:
        """The Workflows of an environment, oldest first; those by hand once Argo has labelled them."""
        tenant, _, environment = key.partition("/")
        selector = f"{labels.TENANT}={tenant},{labels.ENVIRONMENT}={environment}"
        found = self.kube.list(WORKFLOWS, WORKFLOW, labelSelector=selector)
        return sorted(found, key=lambda item: str(item["metadata"]["creationTimestamp"]))

    def copies(self, key: str, namespace: str | None = None) -> list[Json]:
        """The copies made for an environment, oldest first."""
        tenant, _, environment = key.partition("/")
        selector = f"{labels.KIND}={labels.COPY},{labels.TENANT}={tenant},{labels.ENVIRONMENT}={environment}"
        found = self.kube.list(JOBS, namespace, labelSelector=selector)
        return sorted(found, key=lambda item: str(item["metadata"]["creationTimestamp"]))

    def pods_of_run(self, run: str) -> list[Json]:
        """The pods of a Workflow: bridges, oldest first."""
        found = self.kube.list(PODS, WORKFLOW, labelSelector=f"{RUN_OF_POD}={run}")
        return sorted(found, key=lambda item: str(item["metadata"]["creationTimestamp"]))

    def pods_of_copy(self, copy: Json) -> list[Json]:
        """The pods of a copy."""
        space, name = copy["metadata"]["namespace"], copy["metadata"]["name"]
        return list(self.kube.list(PODS, space, labelSelector=f"{JOB_NAME}={name}"))

    def log(self, pod: Json, container: str) -> str:
        """What a container of a pod has said so far."""
        path = PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "log")
        with self.kube.stream(path, {"container": container}, 20) as response:
            return response.read().decode()

    def await_uninstalled(self) -> None:
        """Wait until an installed reconciler has ended: it would make again what is swept away."""
        eventually(lambda: not list(self.kube.list(PODS, CONTROL)), "the installed reconciler to end")

    # -- gates -----------------------------------------------------------------------------------------------------

    def running_pod(self, copy: Json) -> Json | None:
        """The copy's pod, once its container runs."""
        return next((pod for pod in self.pods_of_copy(copy) if runs(pod, "lifecycle")), None)

    def open_gate(self, copy: Json) -> None:
        """Let a copy go on that waits at `service.GATE`."""
        pod = eventually(lambda: self.running_pod(copy), f"a running pod of {copy['metadata']['name']}")
        # An answer may be lost on its way, and what waited has ended by then.
        opened = lambda: self.execute(pod, "touch", "/tmp/open") or self.running_pod(copy) is None  # noqa: E731
        eventually(opened, "the gate to open")

    def execute(self, pod: Json, *command: str) -> bool:
        """Run a command in a pod's lifecycle container; whether it is known to have succeeded."""
        from kubernetes.client import ApiException, CoreV1Api
        from kubernetes.config import new_client_from_config
        from kubernetes.stream import stream
        from kubernetes.stream.ws_client import ERROR_CHANNEL
        from websocket import WebSocketException

        client = new_client_from_config(str(self.cluster.kubeconfig), self.cluster.context)
        answer = None
        try:
            metadata = pod["metadata"]
            answer = stream(
                CoreV1Api(client).connect_get_namespaced_pod_exec, metadata["name"], metadata["namespace"],
                command=list(command), container="lifecycle", stdout=True, stderr=True, _preload_content=False,
            )  # fmt: skip
            answer.run_forever(timeout=10)
            status = json.loads(answer.read_channel(ERROR_CHANNEL) or "{}")
            return bool(status.get("status") == "Success")
        except (ApiException, WebSocketException, OSError):  # there is nothing to run it in, or not any more
            return False
        finally:
            if answer is not None:
                answer.sock.shutdown()  # `close` leaves the socket open when the server closed first
            client.close()

    # -- for messages ----------------------------------------------------------------------------------------------

    def state(self, key: str) -> str:
        """Everything about one environment, for the message of a wait that failed."""
        lines = [f"--- {key}", *_record_lines(self.record(key))]
        placement = self.placement(key)
        lines += [f"outcome {outcome.dump()}" for outcome in (placement.outcomes.values() if placement else ())]
        for run in self.runs(key):
            status = run.get("status") or {}
            name = run["metadata"]["name"]
            lines.append(
                f"run {name}: {status.get('phase')} {status.get('message', '')} {run['spec'].get('shutdown', '')}"
            )
            lines += [f"  {_pod_line(pod)}" for pod in self.pods_of_run(name)]
        for copy in self.copies(key):
            spec, conditions = copy["spec"], [c["type"] for c in copy["status"].get("conditions") or []]
            lines.append(
                f"copy {copy['metadata']['namespace']}/{copy['metadata']['name']}: {spec['suspend']} {conditions}"
            )
            lines += [f"  {_pod_line(pod)}" for pod in self.pods_of_copy(copy)]
        return "\n".join(lines)


def arguments(run: Json) -> dict[str, str]:
    """The arguments of a Workflow."""
    return {item["name"]: item.get("value", "") for item in run["spec"].get("arguments", {}).get("parameters", ())}


def steps_of(run: Json) -> list[str]:
    """The lifecycle Jobs that a claimed run was asked for, as fan-out items."""
    return list(json.loads(arguments(run)["jobs"]))


def runs(pod: Json, container: str) -> bool:
    """Whether a container of a pod runs."""
    found: Iterable[Json] = pod["status"].get("containerStatuses") or ()
    return any(item["name"] == container and "running" in item["state"] for item in found)


def variables(copy: Json) -> dict[str, str]:
    """What a copy's first container has in its environment, by its spec."""
    return {item["name"]: item.get("value", "") for item in copy["spec"]["template"]["spec"]["containers"][0]["env"]}


def is_stopped(copy: Json) -> bool:
    """Whether a copy was suspended for good and nothing of it runs."""
    status = copy["status"]
    pods = (status.get("active") or 0) + (status.get("terminating") or 0)
    return copy["spec"]["suspend"] is True and labels.STOPPED in copy["metadata"]["labels"] and pods == 0


def is_complete(copy: Json) -> bool:
    """Whether a copy's Job succeeded."""
    return any(item["type"] == "Complete" for item in copy["status"].get("conditions") or ())


def phase(run: Json) -> str:
    """The phase of a Workflow."""
    return str((run.get("status") or {}).get("phase", ""))


def _record_lines(record: Record | None) -> list[str]:
    if record is None:
        return ["no record"]
    found = conditions_by_type(record).values()
    lines = [f"{item.type}={item.status} {item.reason}: {item.message}" for item in found]
    lines += [f"claim {record.claim.dump()}" if record.claim else "no claim", f"attempts {record.attempts}"]
    return lines + [f"history {entry}" for entry in record.history]


def _pod_line(pod: Json) -> str:
    found = pod["status"].get("containerStatuses") or ()
    states = {item["name"]: next(iter(item["state"].items()), "") for item in found}
    return f"pod {pod['metadata']['name']}: {pod['status'].get('phase')} {states}"
