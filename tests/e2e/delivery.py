"""Delivery: the real Argo CD beside a cluster, as its administrators see it, and git repositories that it syncs from.

A bridge is started here as a process of its own, with the token of its account, the placement, and a run that Argo
keeps suspended: all that it meets is real, and nothing waits for pods.
"""

import contextlib
import json
import signal
import subprocess
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reconciler.adapters.kube.resources import CONFIG_MAPS, WORKFLOWS, Resource
from reconciler.core import labels
from reconciler.core.declaration import Declaration
from reconciler.core.errors import NotFound
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, State, config_map_of
from reconciler.core.step import Step
from tests.cluster import argocd
from tests.cluster.argocd import ArgoCD
from tests.cluster.kubectl import kubectl
from tests.e2e.command import PROGRAM, ROOT, tenantctl
from tests.e2e.command import environment as environment_of
from tests.e2e.lab import PREFIX, WORKFLOW, Lab
from tests.e2e.waiting import SECONDS
from tests.gitenv import git_environment

Json = dict[str, Any]
HERE = "https://kubernetes.default.svc"
PROJECT = "tenants"
REGION = "eu-west"
LINKS = ("--argo-server", "https://argo.example.com")
APPLICATIONS = Resource("/apis/argoproj.io/v1alpha1", "applications")


class Sources:
    """A git repository that Argo CD syncs from; each write is a commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        """As an Application names it."""
        return f"file://{self.folder}"

    def git(self, *words: str) -> str:
        """Run git."""
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=git_environment(), text=True, capture_output=True, check=True
        )
        return done.stdout.strip()

    def push(self, path: str, *items: Json | str) -> str:
        """Write a file of manifests (or text) and commit it; returns the commit."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        texts = [item if isinstance(item, str) else yaml.safe_dump(item, sort_keys=False) for item in items]
        file.write_text("---\n".join(texts))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", path)
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True)
class Bridge:
    """A bridge that runs."""

    run: str
    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, run: str, item: str, environment: dict[str, str]) -> "Bridge":
        """Start it, as its pod would; it ends with this process."""
        words = [*PROGRAM[:-1], "reconciler.bridge", "step", "application", item]
        process = subprocess.Popen(
            words, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return cls(run, process)

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        try:
            said, _ = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
            raise AssertionError(f"after {SECONDS:g} s the bridge had not ended; it said:\n{said}") from None
        print(said)
        assert "Traceback" not in said, said
        return self.process.returncode

    def terminate(self) -> int:
        """End it as the kubelet does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


class Delivery:
    """Argo CD with what `install --export-argo-cd` prints, and tenantctl installed with the token of its role."""

    def __init__(self, lab: Lab, argo: ArgoCD, folder: Path) -> None:
        self.lab, self.argo, self.folder = lab, argo, folder
        self.credentials, self.kubeconfig = folder / "credentials", folder

    # -- set up ----------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """What the administrators of Argo CD and of tenantctl do."""
        self._export(*LINKS)
        self.credentials.mkdir(mode=0o700)
        (self.credentials / "ca.crt").write_text(self.argo.authority.read_text())
        self._install(self.lab, self.settings(self.lab), self.use(self.role_token()))
        self.kubeconfig = self.lab.kubeconfig_of(self.folder, labels.BRIDGE, WORKFLOW)

    def install_in(self, lab: Lab, project: str, cluster: str, folder: Path) -> None:
        """The same for another region, with a project of its own; `cluster` is how Argo CD knows that region's."""
        region = ("--argo-cd-project", project, "--argo-cd-cluster", cluster)
        self._export(*LINKS, *region)
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(self.role_token(project=project))
        self._install(lab, ("--no-reconciler", "--argo-cd", self.argo.url, *region), token)

    def settings(self, lab: Lab) -> tuple[str, ...]:
        """How tenantctl is installed here, but for credentials; `lab` knows the image, if there is one."""
        image = ("--image", lab.cluster.image) if lab.cluster.image else ()
        return ("--no-reconciler", *image, "--argo-cd", self.argo.url, *LINKS)

    def _export(self, *words: str) -> None:
        printed = tenantctl("install", "--export-argo-cd", *words).stdout
        apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=tenantctl", "--filename=-")
        kubectl(self.lab.cluster, *apply, given=printed)

    def _install(self, lab: Lab, settings: tuple[str, ...], token: Path) -> None:
        trust = ("--argo-cd-token", token, "--argo-cd-authority", self.argo.authority)
        where = ("--kubeconfig", lab.cluster.kubeconfig, "--context", lab.cluster.context)
        tenantctl("install", *settings, *trust, *where)

    def role_token(self, role: str = "tenantctl", project: str = PROJECT) -> str:
        """A token of a role of a project, as its administrator gives it out."""
        answer = self.argo.ask("POST", f"/api/v1/projects/{project}/roles/{role}/token", {"expiresIn": 0})
        return str(answer["token"])

    def use(self, token: str) -> Path:
        """Give the bridges that are started from now on this token; returns its file."""
        file = self.credentials / "token"
        file.touch(mode=0o600)
        file.write_text(f"{token}\n")
        return file

    def sweep(self) -> None:
        """Delete what earlier test runs left in Argo CD."""
        for item in self.lab.kube.list(APPLICATIONS, argocd.NAMESPACE):
            if item["metadata"]["name"].startswith(PREFIX):
                self._forget(item["metadata"]["name"])

    def _forget(self, application: str) -> None:
        with contextlib.suppress(NotFound):  # it was about to go
            self.lab.kube.merge(APPLICATIONS, argocd.NAMESPACE, application, {"metadata": {"finalizers": None}})
            self.lab.kube.delete(APPLICATIONS, argocd.NAMESPACE, application)

    def sources(self, word: str) -> Sources:
        """A new repository."""
        return Sources(self.folder / self.lab.name(word))

    # -- what tests do ---------------------------------------------------------------------------------------------

    def service(self, namespace: str, sources: Sources, path: str = ".", **policy: Any) -> str:
        """A service team's own Application, with the sync policy that teams use; returns its name."""
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": namespace, "namespace": argocd.NAMESPACE},
            "spec": {
                "project": "default",
                "source": {"repoURL": sources.url, "path": path, "targetRevision": "main"},
                "destination": {"server": HERE, "namespace": namespace},
                "syncPolicy": policy or {"automated": {"prune": True, "selfHeal": True}},
            },
        }
        self.lab.kube.create(APPLICATIONS, argocd.NAMESPACE, body)
        return namespace

    def place(self, key: str, *applications: Json, state: State = State.ACTIVE, epoch: int = 1) -> Placement:
        """Make the placement of an environment say these applications, outcomes untouched."""
        tenant, _, name = key.partition("/")
        spec = {"region": REGION, "services": [], "applications": list(applications)}
        document = {"metadata": {"tenant": tenant, "name": name}, "spec": spec}
        declared = Declaration.of(document)
        placement = Placement(declared.key, document, declared.digest, "abc", epoch, state)
        body, kube = config_map_of(placement, WORKFLOW), self.lab.kube
        if kube.find(CONFIG_MAPS, WORKFLOW, placement.key.dotted) is None:
            kube.create(CONFIG_MAPS, WORKFLOW, body)
        else:
            kube.merge(CONFIG_MAPS, WORKFLOW, placement.key.dotted, {"data": body["data"]})
        return placement

    def bridge(self, key: str, item: str, run: str = "") -> "Bridge":
        """Start a bridge of a step, in a run of that name."""
        tenant, _, environment = key.partition("/")
        name = run or self.lab.name("run")
        variables = {
            "TENANT": tenant, "ENVIRONMENT": environment, "RUN": name, "NAMESPACE": WORKFLOW,
            "ARGO_CD": self.argo.url, "ARGO_CD_PROJECT": PROJECT, "ARGO_CD_CLUSTER": HERE,
            "ARGO_CD_CREDENTIALS": str(self.credentials),
        }  # fmt: skip
        more = {f"TENANTCTL_{name}": value for name, value in variables.items()}
        return Bridge.start(name, item, environment_of(KUBECONFIG=str(self.kubeconfig), **more))

    def step(self, key: str, item: str) -> int:
        """Run a bridge to its end; returns its exit code."""
        return self.bridge(key, item).wait()

    def suspended_run(self, key: str) -> str:
        """A run of the environment that Argo keeps suspended: it goes on, and nothing of it does anything."""
        tenant, _, environment = key.partition("/")
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": self.lab.name("run")},
            "spec": {
                "suspend": True,
                "workflowTemplateRef": {"name": "tenant-upsert", "clusterScope": True},
                "arguments": {
                    "parameters": [{"name": "tenant", "value": tenant}, {"name": "environment", "value": environment}]
                },
            },
        }
        return str(self.lab.kube.create(WORKFLOWS, WORKFLOW, body)["metadata"]["name"])

    # -- the state of the world ------------------------------------------------------------------------------------

    def application(self, name: str) -> Json | None:
        """An Application as its administrator sees it."""
        return self.lab.kube.find(APPLICATIONS, argocd.NAMESPACE, name)

    def status(self, name: str) -> tuple[str, str]:
        """Sync and health of an Application, such as Synced and Healthy."""
        status = (self.application(name) or {}).get("status") or {}
        return (status.get("sync") or {}).get("status", ""), (status.get("health") or {}).get("status", "")

    def outcome(self, key: str, step: str) -> Outcome | None:
        """What became of a step."""
        placement = self.lab.placement(key)
        return placement.outcomes.get(Step.parse(step)) if placement else None

    def state(self, key: str) -> str:
        """Everything about an environment, for the message of a wait that failed."""
        tenant = key.partition("/")[0]
        found = [item for item in self.lab.kube.list(APPLICATIONS, argocd.NAMESPACE) if _of(item, tenant)]
        lines = [json.dumps({"name": item["metadata"]["name"], "status": item.get("status")}) for item in found]
        return "\n".join([self.lab.state(key), *lines])


def _of(item: Json, tenant: str) -> bool:
    return bool((item["metadata"].get("labels") or {}).get(labels.TENANT) == tenant)


def name_of(key: str, name: str, region: str = REGION) -> str:
    """What an application of an environment is called in Argo CD."""
    return f"{key.replace('/', '.')}.{name}.{region}"


def declared(key: str, sources: Sources, path: str = "portal", name: str = "portal", namespace: str = "") -> Json:
    """An application as a declaration has it."""
    source = {"repoURL": sources.url, "path": path, "targetRevision": "main"}
    return {"name": name, "source": source, "namespace": namespace or key.replace("/", "-")}


def settings_map(name: str, **data: str) -> Json:
    """A small manifest."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def answers(call: Any) -> int:
    """The HTTP status of a call of Argo CD's API."""
    try:
        call()
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200
