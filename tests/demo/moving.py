"""Moving: the second act of the demo. A region joins, and a tenant with rows in a database moves there by a commit."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from reconciler.adapters.kube import Kube, connect
from reconciler.adapters.kube.resources import DEPLOYMENTS, SECRETS, Resource
from reconciler.core import labels
from reconciler.core.action import HoldReason
from reconciler.core.condition import READY
from reconciler.core.move import Phase
from reconciler.core.names import Key
from reconciler.core.record import condition
from tests.cluster import Cluster, ledger, objectstore
from tests.cluster import up as cluster_up

from . import cluster_client as api
from .failure import DemoError
from .place import SECOND as REGION
from .place import second_name

if TYPE_CHECKING:
    from .story import Story

STEPS = 3
SERVICE = "ledger"
ROWS = 1000
MOVE_SECONDS = 420.0
PLAN = re.compile(r"^Plan ([0-9a-f]+) at ", re.MULTILINE)
DAY = 86400
RECONCILER = "tenantctl-reconciler"
ACCOUNTS = Resource("/api/v1", "serviceaccounts")


@dataclass(frozen=True)
class Moving:
    """What its steps share: the first act's story, and the second cluster."""

    story: Story
    cluster: Cluster
    kube: Kube

    # -- the ground ------------------------------------------------------------------------------------------------

    def services(self) -> None:
        """The teams bring their services to the new region, and the ledger with a PostgreSQL to both."""
        screen = self.story.screen
        screen.step("The services there too, and in both regions one with a database: ledger, on PostgreSQL")
        for name in ("billing", "search"):
            self.story.apply_service(self.kube, name, "--context", self.cluster.context)
        for cluster in (self.story.cluster, self.cluster):
            ledger.install(cluster, SERVICE, progress=screen.detail)

    def join(self) -> None:
        """The platform installs tenantctl there, gives the reconciler a way in, and says where archives are."""
        store = objectstore.up(self.story.screen.detail, command=self.story.place.command)
        keys = self.story.place.folder / "archives-credentials"
        keys.touch(mode=0o600)
        keys.write_text(f"AWS_ACCESS_KEY_ID={store.access_key}\nAWS_SECRET_ACCESS_KEY={store.secret_key}\n")
        prefix = f"{self.story.place.name}-{secrets.token_hex(3)}"
        where = f"s3://{store.bucket}/{prefix}?region={store.region}&endpoint={store.endpoint}"
        archives = ("--archives", where, "--archives-credentials", str(keys))
        remedy = "see what the pods say: kubectl --namespace tenantctl describe pods"
        there = self.story.place.environment(self.cluster)
        image = ("--image", self.cluster.image)
        self.story.screen.say(f"In {REGION}, without a reconciler: the one there is looks after both.")
        self.story.run("tenantctl", "install", "--no-reconciler", *image, *archives, remedy=remedy, environment=there)
        self._way_in()
        self.story.screen.say("In eu-west, as it is installed, and with the object store:")
        self.story.run("tenantctl", "install", *archives, remedy=remedy)

    def _way_in(self) -> None:
        """A kubeconfig with a token of the region's own account, as docs/operations.md says under Logging in."""
        where = ("--namespace", labels.CONTROL_NAMESPACE)
        words = ("create", "secret", "generic", RECONCILER, "--from-file", "kubeconfig")
        self.story.screen.command("kubectl", *where, *words)
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86400},
        }
        path = ACCOUNTS.path(labels.CONTROL_NAMESPACE, RECONCILER, "token")
        token = self.kube.request("POST", path, {}, request)["status"]["token"]
        content = yaml.safe_load(self.cluster.kubeconfig.read_text())
        content["users"] = [{"name": user["name"], "user": {"token": token}} for user in content["users"]]
        body = {"metadata": {"name": RECONCILER}, "stringData": {"kubeconfig": yaml.safe_dump(content)}}
        kube = self.story.kube
        kube.delete(SECRETS, labels.CONTROL_NAMESPACE, RECONCILER)
        kube.create(SECRETS, labels.CONTROL_NAMESPACE, body)
        restarted = {"spec": {"template": {"metadata": {"annotations": {"demo/kubeconfig": secrets.token_hex(4)}}}}}
        kube.merge(DEPLOYMENTS, labels.CONTROL_NAMESPACE, RECONCILER, restarted)

    # -- the move --------------------------------------------------------------------------------------------------

    def move(self, key: Key) -> None:
        """A commit, and nothing else; rows are counted before and after."""
        story, work = self.story, self.story.place.fleet.work
        story.screen.step(f"{key} moves to {REGION}, with its data: a commit changes one word")
        self._add_region()
        story.wait(lambda: story.ready(key) and self._rows(story.cluster, key) is not None, f"{SERVICE} for {key}", 180)
        schema = key.dotted.replace(".", "_")
        insert = f'insert into "{schema}".entries (account, amount, memo)'
        values = f"select 'account-' || n % 7, n * 1.25, 'row ' || n from generate_series(1, {ROWS}) n"
        ledger.sql(story.cluster, SERVICE, f'set role "{schema}"; {insert} {values}')
        self._count(key, "before")
        file = f"tenants/{key.tenant}/{key.environment}.yaml"
        story.run("sed", "-i", f"s/region: .*/region: {REGION}/", file, cwd=work, remedy="read what sed says")
        self._push(f"{key} moves to {REGION}", file)
        story.wait(lambda: self._held_back(key) or self._moving(key), f"{key} to move", 120)
        if self._held_back(key):
            self._approve()
            story.wait(lambda: self._moving(key), f"{key} to move", 120)
        story.run("tenantctl", "describe", "environment", str(key), remedy="tenantctl check")
        story.wait(self._arrival(key), f"{key} in {REGION}, and nothing left in eu-west", MOVE_SECONDS)
        self._count(key, "after")
        story.run("tenantctl", "history", str(key), remedy="tenantctl check")

    def _add_region(self) -> None:
        work = self.story.place.fleet.work
        file = work / "providers/regions.yaml"
        content = yaml.safe_load(file.read_text())
        if all(region["name"] != REGION for region in content["spec"]["regions"]):
            place = {
                "context": self.cluster.context,
                "workflowNamespace": labels.WORKFLOW_NAMESPACE,
                "inFlightLimit": 5,
            }
            entry = "".join(f"      {name}: {value}\n" for name, value in place.items())
            file.write_text(f"{file.read_text().rstrip()}\n    - name: {REGION}\n{entry}")
            self._push(f"{REGION} joins", "providers/regions.yaml")

    def _push(self, message: str, file: str) -> None:
        work, git = self.story.place.fleet.work, "read git's words; begin anew with: make demo-down"
        self.story.run("git", "commit", "--quiet", "--message", message, file, cwd=work, remedy=git)
        self.story.run("git", "push", "--quiet", "origin", "main", cwd=work, remedy=git)

    def _moving(self, key: Key) -> bool:
        record = api.record(self.story.kube, key)
        return record is not None and (record.move is not None or record.region == REGION)

    def _held_back(self, key: Key) -> bool:
        """Whether the hour's budget holds it. Raises DemoError when something else does."""
        record = api.record(self.story.kube, key)
        ready = record and condition(record, READY)
        if ready and ready.reason == HoldReason.DESTRUCTIVE_BUDGET:
            return True
        self.story.ready(key)
        return False

    def _approve(self) -> None:
        """What an operator does who knows that it is meant."""
        story, work = self.story, self.story.place.fleet.work
        story.screen.say(
            "Within this hour more was moved or taken away than is usual: whoever has read the plan approves it."
        )
        remedy = "tenantctl plan, then tenantctl approve with its id"
        said = story.run("tenantctl", "plan", cwd=work, remedy=remedy)
        plan = PLAN.search(said)
        if plan is None:
            raise DemoError("no plan was shown", said=said, remedy=remedy)
        others = [line for line in said.splitlines() if line.startswith("! ") and "  MIGRATE  " not in line]
        if any("RunInProgress" not in line for line in others):
            raise DemoError("the plan holds more than moves, which the demo does not approve for you", remedy=remedy)
        story.run("tenantctl", "approve", plan[1], "--reason", "one more demo", "--yes", cwd=work, remedy=remedy)

    def _arrival(self, key: Key) -> Callable[[], bool]:
        """Whether it has arrived; whoever asks again and again sees the phases on its way there, each as it begins."""
        told: set[Phase] = set()

        def arrived() -> bool:
            record = api.record(self.story.kube, key)
            move = record.move if record else None
            if move and move.phase not in told:
                told.add(move.phase)
                meaning = move.phase.meaning.format(source=move.source, to=move.to, cleans=move.cleans)
                self.story.screen.detail(f"[{self.story.screen.elapsed()}] {move.phase}: {meaning}")
            return record is not None and record.region == REGION and move is None and self.story.ready(key)

        return arrived

    def _count(self, key: Key, when: str) -> None:
        screen = self.story.screen
        for region, cluster in (("eu-west", self.story.cluster), (REGION, self.cluster)):
            rows = self._rows(cluster, key)
            screen.say(f"rows {when}: {region} {'-' if rows is None else rows}")

    def _rows(self, cluster: Cluster, key: Key) -> int | None:
        """How many rows a region's database has of it; None when it has nothing at all of it."""
        schema = key.dotted.replace(".", "_")
        there = f"select count(*) from pg_namespace where nspname = '{schema}'"
        if ledger.sql(cluster, SERVICE, there) == "0":
            return None
        return int(ledger.sql(cluster, SERVICE, f'select count(*) from "{schema}".entries'))


def tell(story: Story, key: Key) -> None:
    """The second act. Raises DemoError, ClusterError or TenantctlError."""
    name = second_name(story.place.name)
    story.screen.step(f"A second region, {REGION}: another cluster, and object storage for archives")
    story.screen.command("python", "-m", "tests.cluster", "up", "--name", name)
    cluster = cluster_up(name, story.screen.detail, command=story.place.command)
    story.place.write_env(story.cluster)
    kube = connect(cluster.context, str(cluster.kubeconfig))
    try:
        moving = Moving(story, cluster, kube)
        moving.join()
        moving.services()
        moving.move(key)
    finally:
        kube.close()
