"""Story: the demo, step by step. Each step shows the commands that a user would type, and runs them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.kube import Kube, connect
from reconciler.core.labels import CONTROL_NAMESPACE, WORKFLOW_NAMESPACE
from reconciler.core.names import Key
from reconciler.core.record import condition
from tests.cluster import Cluster, existing, objectstore
from tests.cluster import down as cluster_down
from tests.cluster import up as cluster_up
from tests.cluster.owner import OwnedError

from . import background, delivering, moving
from . import cluster_client as api
from .failure import DemoError
from .fleet import ROOT
from .place import Place, second_name
from .screen import Screen

STEPS = 7
SERVICES = ("billing", "search")
EXAMPLES = "tests/examples/services"
PORT = 8418
READY_SECONDS = 180.0
REGION = "eu-west"


@dataclass(frozen=True)
class Story:
    """What the steps share."""

    screen: Screen
    place: Place
    cluster: Cluster
    kube: Kube

    def run(self, *words: str, remedy: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
        """Show and run a command for this cluster, or in another environment."""
        chosen = environment or self.place.environment(self.cluster)
        return self.screen.run(*words, cwd=cwd, environment=chosen, remedy=remedy)

    # -- the ground ------------------------------------------------------------------------------------------------

    def services(self) -> None:
        """The service teams' part."""
        self.screen.step("Two multi-tenant services, each with a lifecycle Job: a plain suspended Job, annotated")
        self.screen.say("(kubectl need not be installed: the demo asks the API server for the same)")
        for name in SERVICES:
            self._apply(self.kube, name)
        self.screen.say("The platform lets them take part:")
        for name in SERVICES:
            self._label(self.kube, name)

    def apply_service(self, kube: Kube, name: str, *where: str) -> None:
        """Both parts, team's and platform's, in another cluster; `where` are kubectl's options for it."""
        self._apply(kube, name, *where)
        self._label(kube, name, *where)

    def _label(self, kube: Kube, name: str, *where: str) -> None:
        self.screen.command("kubectl", *where, "label", "namespace", name, "tenantctl.io/lifecycle=enabled")
        api.label(kube, name)

    def _apply(self, kube: Kube, name: str, *where: str) -> None:
        self.screen.command("kubectl", *where, "apply", "--server-side", "--filename", f"{EXAMPLES}/{name}")
        for line in api.apply(kube, ROOT / EXAMPLES / name, self._busybox()):
            self.screen.detail(line)

    def _busybox(self) -> str:
        """The services' image: clusters of this machine hold it, others pull it from where BUSYBOX says."""
        return self.cluster.busybox if self.cluster.local else os.environ.get("BUSYBOX", "busybox:1")

    def repository(self) -> str:
        """The demo's repository, and where the reconciler reads it: a URL, or empty when it runs on this machine."""
        self.screen.step("A git repository with tenant environments, and a server for it")
        fleet = self.place.fleet
        if not fleet.exists or not api.has_namespace(self.kube, CONTROL_NAMESPACE):
            fleet.create(self.cluster.context)
        self.screen.command("cd", f"{self.place.shown}/fleet")
        self.run("git", "log", "--oneline", "--max-count", "3", remedy="make demo-down", cwd=fleet.work)
        background.stop(self.place.server)
        if not self.cluster.host:
            return ""
        url = f"http://{self.cluster.host}:{PORT}/fleet.git"
        self._in_background(
            sys.executable, "-m", "tests.gitserver", str(fleet.remote.parent), "--host", self.cluster.host,
            "--port", str(PORT),
        )  # fmt: skip
        self.wait(self._serves, f"a git server at {url}", 20)
        self.run("git", "ls-remote", "--heads", url, remedy=f"read {self.place.log}")
        return url

    def _serves(self) -> bool:
        """Whether our own server answers: it says its address once it has it."""
        said = self.place.log.read_text()
        if background.running(self.place.server) is None:
            raise DemoError(
                "the git server has ended",
                said="\n".join(f"  | {line}" for line in said.splitlines()[-3:]),
                remedy=f"if the demo of another clone has port {PORT} of {self.cluster.host}: make demo-down there",
            )
        return str(PORT) in said

    def install(self, url: str) -> None:
        """The platform team's part."""
        self.screen.step("tenantctl is installed; its reconciler watches the repository")
        image = ("--image", self.cluster.image) if self.cluster.image else ()
        remedy = "see what the pods say: kubectl --namespace tenantctl describe pods"
        if url:
            options = ("--repository", url, "--ref", "main", "--interval", "2", "--region", REGION)
            self.run("tenantctl", "install", *image, *options, remedy=remedy)
        else:
            self.run("tenantctl", "install", "--no-reconciler", *image, remedy=remedy)
            self._reconciler_here()
        self.run("tenantctl", "jobs", "list", remedy=remedy)
        self.run("tenantctl", "check", remedy="the line marked FAILED says what to do")

    def _reconciler_here(self) -> None:
        """Pods of a cluster that was named can't reach this machine, so the reconciler runs beside the repository."""
        words = ("tenantctl", "run", "--repository", str(self.place.fleet.remote), "--ref", "main")
        self.screen.say("The cluster cannot read this machine's repository, so the reconciler runs here:")
        self.screen.command(*words, "--listen", "127.0.0.1:0")
        self._in_background(sys.executable, "-m", "reconciler", *words[1:], "--listen", "127.0.0.1:0")

    def _in_background(self, *words: str) -> None:
        environment = self.place.environment(self.cluster)
        background.start(self.place.server, words, log=self.place.log, cwd=ROOT, environment=environment)

    # -- a tenant environment --------------------------------------------------------------------------------------

    def propose(self, key: Key) -> str:
        """A branch with a new environment; returns the branch."""
        self.screen.step(f"A branch declares {key}; this is what a reviewer sees")
        branch, work = f"add-{key.tenant}-{key.environment}", self.place.fleet.work
        git = "read git's words; begin anew with: make demo-down"
        self.screen.command("cd", f"{self.place.shown}/fleet")
        self.run("git", "switch", "--quiet", "--create", branch, "main", cwd=work, remedy=git)
        files = [str(path) for path in self.place.fleet.declare(key)]
        self.run("cat", files[-1], cwd=work, remedy=git)
        self.run("git", "add", *files, cwd=work, remedy=git)
        self.run("git", "commit", "--quiet", "--message", f"{key} for 120 people", cwd=work, remedy=git)
        self.run("tenantctl", "validate", cwd=work, remedy="mend the file that is named, and commit it")
        plan = self.run("tenantctl", "plan", "--ref", branch, cwd=work, remedy="tenantctl check says what is wrong")
        if "RunInProgress" in plan:
            self.screen.say("(held: the first fleet, which is being set up in the background at the same time)")
        self.screen.say("The comment at a pull request, from git alone: no cluster and no secrets, so also for forks:")
        words = ("tenantctl", "plan", "--from", "main", "--to", branch, "--output", "markdown")
        self.run(*words, cwd=work, remedy="mend what it names, and commit it")
        return branch

    def merge(self, key: Key, branch: str) -> None:
        """The merge, and nothing else: the reconciler does the rest."""
        self.screen.step("The branch is merged; the reconciler launches the workflow")
        for name in SERVICES:
            self.wait(lambda name=name: api.available(self.kube, name, name), f"{name} is available", 60)
        work, git = self.place.fleet.work, "read git's words; begin anew with: make demo-down"
        self.run("git", "switch", "--quiet", "main", cwd=work, remedy=git)
        self.run("git", "merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch, cwd=work, remedy=git)
        self.run("git", "push", "--quiet", "origin", "main", cwd=work, remedy=git)
        self.screen.say("… and the reconciler sees it:")
        self.wait(lambda: self._launched(key), f"a run of {key}", READY_SECONDS)
        self.run("tenantctl", "logs", "--follow", str(key), remedy=f"tenantctl describe environment {key}")
        self.wait(lambda: self.ready(key), f"{key} Ready", READY_SECONDS)

    def _launched(self, key: Key) -> bool:
        record = api.record(self.kube, key)
        return record is not None and bool(record.history or (record.claim and record.claim.noted))

    def ready(self, key: Key) -> bool:
        """Whether an environment is Ready. Raises DemoError when it is Stalled."""
        record = api.record(self.kube, key)
        ready = record and condition(record, "Ready")
        stalled = record and condition(record, "Stalled")
        if stalled and stalled.status:
            raise DemoError(
                f"{key} is Stalled: {stalled.reason}: {stalled.message}",
                remedy=f"tenantctl describe environment {key}; when it is mended: tenantctl retry {key}",
            )
        return bool(ready and ready.status)

    def show(self, key: Key) -> None:
        """What is there now."""
        self.screen.step(f"{key} is Ready")
        self.run("tenantctl", "get", "environments", remedy="tenantctl check")
        self.run("tenantctl", "describe", "environment", str(key), remedy="tenantctl check")
        self.screen.say("What the services have for their tenants:")
        for name in SERVICES:
            path = f"/api/v1/namespaces/{name}/services/{name}:http/proxy/cgi-bin/tenants"
            self.screen.command("kubectl", "get", "--raw", path)
            for line in api.get_raw(self.kube, path).splitlines():
                self.screen.detail(line)

    def wait(self, probe: object, what: str, seconds: float) -> None:
        """Wait for something, and say what the reconciler says when it does not come."""
        remedy = f"tenantctl get environments; then the log: {self.place.log}"
        api.wait(probe, what, seconds, lambda: api.reconciler_log(self.kube), remedy)  # type: ignore[arg-type]


def tell(screen: Screen, place: Place, context: str, image: str) -> None:
    """The whole demo. Raises DemoError, ClusterError or TenantctlError."""
    cluster = _cluster(screen, place, context, image)
    place.folder.mkdir(parents=True, exist_ok=True)
    env = place.write_env(cluster)
    kube = connect(cluster.context, str(cluster.kubeconfig))
    try:
        story = Story(screen, place, cluster, kube)
        story.screen.say("In a shell of yours, all commands below work after:")
        screen.command("source", env)
        story.services()
        story.install(story.repository())
        key = place.fleet.next_key(lambda key: api.record(kube, key))
        story.merge(key, story.propose(key))
        story.show(key)
        screen.good(f"{key} is Ready; all of it took {screen.elapsed()} minutes.")
        if cluster.local:
            moving.tell(story, key)
            screen.good(f"{key} lives in {moving.REGION}; {screen.elapsed()} minutes since the beginning.")
            delivering.tell(story)
            screen.good(f"{delivering.KEY} has its application; {screen.elapsed()} minutes since the beginning.")
    finally:
        kube.close()
    _next(screen, story, key, env)


def _cluster(screen: Screen, place: Place, context: str, image: str) -> Cluster:
    screen.step(
        "A Kubernetes cluster with Argo Workflows" + (f": context {context}" if context else ", on this machine")
    )
    options = ("--context", context) if context else ()
    screen.command("python", "-m", "tests.cluster", "up", "--name", place.name, *options)
    if context:
        return existing.use(place.name, context, image, screen.detail)
    return cluster_up(place.name, screen.detail, command=place.command)


def _next(screen: Screen, story: Story, key: Key, env: str) -> None:
    place, cluster = story.place, story.cluster
    name = "" if place.name == "eu-west" else f" NAME={place.name}"
    name += "" if cluster.local else f" CONTEXT={cluster.context}"
    server = f"; its server: {cluster.argo_server}" if cluster.argo_server else ""
    rows = {
        "look around": f"source {env}; tenantctl get runs; tenantctl history {key}",
        "change it": f"cd {place.shown}/fleet; edit tenants/{key}.yaml; git commit -am 'More seats' && git push",
        "watch": "tenantctl get environments; kubectl --namespace tenantctl-workflows get workflows,pods",
        "Argo": f"argo get --namespace tenantctl-workflows @latest{server}",
        "once more": f"make demo{name}",
        "take it down": f"make demo-down{name}",
    }
    screen.say()
    for what, how in rows.items():
        screen.say(f"{what:<14}{how}")


def undo(screen: Screen, place: Place, context: str) -> None:
    """Remove what the demo made: its clusters, or in a cluster that was named only what was installed there.

    Raises OwnedError, but only after everything of its own is gone, when its first cluster belongs to another.
    """
    if background.stop(place.server):
        screen.say(f"ended: what ran in the background for {place.name}")
    refused = None
    if context:
        _leave(screen, place, existing.use(place.name, context, progress=screen.detail))
        cluster_down(place.name, lambda _: None)  # only what was noted of it
    else:
        _end(screen, second_name(place.name))
        refused = _end(screen, place.name)
        _release_store(screen, place)
    _forget(place)
    if refused:
        raise refused
    screen.good("the demo is gone")


def _end(screen: Screen, name: str) -> OwnedError | None:
    """Take a cluster down; returns the refusal when it belongs to another."""
    try:
        cluster_down(name, screen.detail)
    except OwnedError as error:
        screen.detail(f"left alone: {error.what}")
        return error
    return None


def _release_store(screen: Screen, place: Place) -> None:
    if objectstore.exists():
        objectstore.down(screen.detail, command=place.command)


def _forget(place: Place) -> None:
    shutil.rmtree(place.folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another demo has its folder there
        place.folder.parent.rmdir()


def _leave(screen: Screen, place: Place, cluster: Cluster) -> None:
    kube = connect(cluster.context, str(cluster.kubeconfig))
    try:
        story = Story(screen, place, cluster, kube)
        story.run("tenantctl", "uninstall", "--yes", "--purge", "--force", remedy="read what it says, and try again")
        for name in SERVICES:
            screen.command("kubectl", "delete", "namespace", name)
            api.delete_namespace(kube, name)
        gone = (*SERVICES, CONTROL_NAMESPACE, WORKFLOW_NAMESPACE)
        remedy = "kubectl get namespaces; what is in them may have finalizers"
        api.wait(
            lambda: not any(api.has_namespace(kube, name) for name in gone), "all gone", READY_SECONDS, str, remedy
        )
    finally:
        kube.close()
