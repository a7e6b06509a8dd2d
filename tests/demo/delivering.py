"""Delivering: the third act of the demo. Argo CD brings a service from its team's repository, a push of its Job is run
for the environments that it concerns, and one environment gets an application of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.adapters.kube.resources import Resource
from reconciler.core.names import Key
from tests.cluster import argocd
from tests.cluster.argocd import ArgoCD
from tests.cluster.kubectl import kubectl

from . import cluster_client as api
from .failure import DemoError
from .fleet import ROOT, git

if TYPE_CHECKING:
    from .story import Story

STEPS = 3
SERVICE = "search"
KEY = Key("acme", "staging")
APPLICATION = "portal"
PROJECT = ("tenants", "tenantctl")  # and its role
APPLICATIONS = Resource("/apis/argoproj.io/v1alpha1", "applications")
SECONDS = 300.0
SPEEDS = ("10", "3")  # how long an index takes: each demo pushes the other one

PORTAL: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": APPLICATION},
    "data": {"greeting": "Welcome, Acme staging"},
}


@dataclass(frozen=True)
class Delivering:
    """What its steps share."""

    story: Story
    argo: ArgoCD

    @property
    def repository(self) -> Path:
        """The team's repository, in which people edit and from which Argo CD syncs."""
        return self.story.place.folder / "services"

    # -- Argo CD ---------------------------------------------------------------------------------------------------

    def set_up(self) -> None:
        """What the administrators of Argo CD and of tenantctl do, once."""
        story, screen = self.story, self.story.screen
        screen.say("Its administrators take over what tenantctl prints for it: health of lifecycle Jobs, a project:")
        screen.line("tenantctl install --export-argo-cd | kubectl apply --server-side --filename -")
        for line in self._export().splitlines():
            screen.detail(line)
        project, role = PROJECT
        screen.line(f"argocd proj role create-token {project} {role} --token-only > argo-cd.token")
        token = story.place.folder / "argo-cd.token"
        token.touch(mode=0o600)
        answer = self.argo.ask("POST", f"/api/v1/projects/{project}/roles/{role}/token", {"expiresIn": 0})
        token.write_text(answer["token"])
        trust = ("--argo-cd-token", str(token), "--argo-cd-authority", str(self.argo.authority))
        remedy = "see what the pods say: kubectl --namespace tenantctl describe pods"
        story.run("tenantctl", "install", "--argo-cd", self.argo.url, *trust, remedy=remedy)

    def _export(self) -> str:
        words = ["tenantctl", "install", "--export-argo-cd"]
        environment = self.story.place.environment(self.story.cluster)
        done = subprocess.run(words, env=environment, text=True, capture_output=True, check=False)
        if done.returncode:
            raise DemoError("tenantctl install --export-argo-cd failed", said=done.stderr, remedy="read what it says")
        apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=tenantctl", "--filename=-")
        return kubectl(self.story.cluster, *apply, given=done.stdout)

    # -- a service -------------------------------------------------------------------------------------------------

    def service(self) -> None:
        """The team's repository, and an Application that syncs it."""
        screen, folder = self.story.screen, self.repository
        if not (folder / ".git").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(ROOT / "tests/examples/services" / SERVICE, folder / SERVICE)
            git(self.repository, "init", "--quiet", "--initial-branch=main")
            self._commit(f"{SERVICE}, and its lifecycle Job")
        screen.command("kubectl", "apply", "--server-side", "--filename", f"{SERVICE}-application.yaml")
        self.story.kube.apply(APPLICATIONS.path(argocd.NAMESPACE, SERVICE), self._application())
        self.story.wait(lambda: self._stands(SERVICE) == "Synced, Healthy", f"{SERVICE} Synced and Healthy", SECONDS)
        screen.say(f"{SERVICE}: {self._stands(SERVICE)}, though its lifecycle Job is suspended for good")

    def _application(self) -> dict[str, Any]:
        source = {"repoURL": f"file://{self.repository}", "path": SERVICE, "targetRevision": "main"}
        spec = {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": SERVICE},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        }
        metadata = {"name": SERVICE, "namespace": argocd.NAMESPACE}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}

    def push(self) -> None:
        """The team changes its Job, and nothing else."""
        story, file = self.story, self.repository / SERVICE / "lifecycle.yaml"
        before, text = self._runs(), file.read_text()
        old, new = SPEEDS if f'value: "{SPEEDS[0]}"' in text else SPEEDS[::-1]
        remedy = "read what it says"
        change = f's/INDEX_SECONDS, value: "{old}"/INDEX_SECONDS, value: "{new}"/'
        story.run("sed", "-i", change, f"{SERVICE}/lifecycle.yaml", cwd=self.repository, remedy=remedy)
        story.screen.command("git", "commit", "--all", "--message", f"An index in {new} seconds")
        self._commit(f"An index in {new} seconds")
        story.wait(lambda: self._runs() > before and story.ready(KEY), f"the new Job to be run for {KEY}", SECONDS)
        story.run("tenantctl", "why", str(KEY), cwd=story.place.fleet.work, remedy="tenantctl check")
        story.run("tenantctl", "get", "rollouts", f"{SERVICE}/{SERVICE}-lifecycle", remedy="tenantctl check")

    def _runs(self) -> int:
        """How many runs of the environment were ever launched."""
        record = api.record(self.story.kube, KEY)
        return record.seq if record else 0

    # -- an application of one environment -------------------------------------------------------------------------

    def application(self) -> None:
        """A commit declares it; Argo CD brings it, follows its repository and heals it."""
        story, work = self.story, self.story.place.fleet.work
        portal, file = self.repository / APPLICATION, work / f"tenants/{KEY.tenant}/{KEY.environment}.yaml"
        if not portal.exists():
            portal.mkdir()
            (portal / "portal.yaml").write_text(yaml.safe_dump(PORTAL, sort_keys=False))
            self._commit("A portal")
        remedy = "read git's words; begin anew with: make demo-down"
        if "applications:" not in file.read_text():
            source = f"{{repoURL: 'file://{self.repository}', path: {APPLICATION}, targetRevision: main}}"
            entry = f"  - name: {APPLICATION}\n    source: {source}\n    namespace: {KEY.tenant}-{KEY.environment}\n"
            lines = "".join(f"  {line}\n" for line in f"applications:\n{entry}".splitlines())
            file.write_text(f"{file.read_text().rstrip()}\n{lines}")
            story.run("git", "diff", "--unified=0", cwd=work, remedy=remedy)
            story.run("git", "commit", "--quiet", "--all", "--message", f"A portal for {KEY}", cwd=work, remedy=remedy)
            story.run("git", "push", "--quiet", "origin", "main", cwd=work, remedy=remedy)
        name = f"{KEY.dotted}.{APPLICATION}.eu-west"
        stands = lambda: self._stands(name) == "Synced, Healthy" and story.ready(KEY)  # noqa: E731
        story.wait(stands, f"{APPLICATION} of {KEY}, and {KEY} Ready", SECONDS)
        story.run("tenantctl", "describe", "environment", str(KEY), remedy="tenantctl check")

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _stands(self, name: str) -> str:
        """How an Application stands in Argo CD: `Synced, Healthy`; empty when it is not there."""
        status = (self.story.kube.find(APPLICATIONS, argocd.NAMESPACE, name) or {}).get("status", {})
        words = [status.get(part, {}).get("status", "") for part in ("sync", "health")]
        return ", ".join(filter(None, words))

    def _commit(self, message: str) -> None:
        git(self.repository, "add", "--all")
        git(self.repository, "commit", "--quiet", "--message", message)


def tell(story: Story) -> None:
    """The third act. Raises DemoError, ClusterError or TenantctlError."""
    screen = story.screen
    screen.step("Argo CD, which goes on syncing applications")
    screen.command("python", "-m", "tests.cluster", "up", "--name", story.place.name, "--with", "argocd")
    delivering = Delivering(story, argocd.provide(story.place.name, screen.detail))
    delivering.set_up()
    screen.step(f"{SERVICE} comes by Argo CD, from its team's repository; then a push changes its lifecycle Job")
    delivering.service()
    delivering.push()
    screen.step(f"{KEY} gets an application of its own, by a commit")
    delivering.application()
