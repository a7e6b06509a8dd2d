"""Two regions: two real clusters, an object store that both reach, the service `ledger` in both.

The first is the control plane's too. What a move does in each a test can do by hand: write placements, run templates.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import obstore
import yaml

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, SECRETS, WORKFLOWS
from reconciler.core.names import Key
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, config_map_of
from reconciler.core.step import Kind, Step
from tests.cluster import ledger
from tests.cluster.conftest import client_of
from tests.cluster.objectstore import ObjectStore
from tests.cluster.parallel import together
from tests.e2e.command import tenantctl
from tests.e2e.lab import CONTROL, WORKFLOW, Json, Lab, phase
from tests.e2e.waiting import eventually

WEST, EAST = "eu-west", "us-east"
RECONCILER = "tenantctl-reconciler"
JOB = "ledger-lifecycle"


@dataclass(frozen=True)
class Regions:
    """What a scenario with two regions works with.

    `prefix` is where this test run's archives are, `keys` the file with the object store's credentials.
    """

    west: Lab
    east: Lab
    store: ObjectStore
    prefix: str
    keys: Path

    @property
    def place_of_archives(self) -> str:
        """The URL of the object store, as `tenantctl install` takes it."""
        return f"s3://{self.store.bucket}/{self.prefix}?region={self.store.region}&endpoint={self.store.endpoint}"

    @property
    def labs(self) -> dict[str, Lab]:
        """The clusters by region."""
        return {WEST: self.west, EAST: self.east}

    def declared(self) -> list[Json]:
        """The regions, as `providers/regions.yaml` lists them."""
        return [
            {"name": name, "context": lab.cluster.context, "workflowNamespace": WORKFLOW, "inFlightLimit": 100}
            for name, lab in self.labs.items()
        ]

    # -- set up and clean up ---------------------------------------------------------------------------------------

    def install(self) -> None:
        """Install in both as a user would, without a controller, with the object store."""
        self.keys.touch(mode=0o600)
        lines = {"AWS_ACCESS_KEY_ID": self.store.access_key, "AWS_SECRET_ACCESS_KEY": self.store.secret_key}
        self.keys.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        together(*(partial(self._install, lab) for lab in self.labs.values()))

    def _install(self, lab: Lab) -> None:
        where = ("--kubeconfig", lab.cluster.kubeconfig, "--context", lab.cluster.context)
        archives = ("--archives", self.place_of_archives, "--archives-credentials", self.keys)
        tenantctl("install", "--no-reconciler", "--image", lab.cluster.image, *archives, *where)

    def kubeconfig_of(self, folder: Path) -> Path:
        """What the reconciler has: a context per region, each with the token of its own account there."""
        files = [lab.kubeconfig_of(self._folder(folder, name), RECONCILER, CONTROL) for name, lab in self.labs.items()]
        first, *rest = [yaml.safe_load(file.read_text()) for file in files]
        for other in rest:
            for group in ("clusters", "users", "contexts"):
                first[group] += other[group]
        file = folder / "regions.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(first))
        return file

    @staticmethod
    def _folder(folder: Path, name: str) -> Path:
        made = folder / name
        made.mkdir()
        return made

    def add_ledger(self) -> str:
        """The service `ledger`, with a database of its own in each region; returns its namespace."""
        namespace = self.west.name("ledger")
        together(*(partial(ledger.install, lab.cluster, namespace) for lab in self.labs.values()))
        return namespace

    def sweep(self) -> None:
        """Delete what earlier test runs left, their archives too."""
        for lab in self.labs.values():
            lab.sweep()
        client = client_of(self.store)
        for page in obstore.list(client, self.prefix):
            obstore.delete(client, [item["path"] for item in page])

    # -- what a move is made of ------------------------------------------------------------------------------------

    def place(self, region: str, placement: Placement, **more: str) -> None:
        """Make a region's placement so, outcomes untouched; `more` are further keys of it."""
        lab, body = self.labs[region], config_map_of(placement, WORKFLOW)
        body["data"] |= more
        if lab.kube.find(CONFIG_MAPS, WORKFLOW, placement.key.dotted) is None:
            lab.kube.create(CONFIG_MAPS, WORKFLOW, body)
        else:
            lab.kube.merge(CONFIG_MAPS, WORKFLOW, placement.key.dotted, {"data": body["data"]})

    def run(self, region: str, key: str, verb: str, **lists: list[str]) -> tuple[str, str]:
        """Run a template for an environment to its end; returns its phase, and what Argo says of it."""
        lab, name = self.labs[region], self.labs[region].name(verb)
        tenant, _, environment = key.partition("/")
        given = {"tenant": tenant, "environment": environment} | {k: json.dumps(v) for k, v in lists.items()}
        reference = {"name": f"tenant-{verb}", "clusterScope": True}
        arguments = {"parameters": [{"name": n, "value": v} for n, v in given.items()]}
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name},
            "spec": {"workflowTemplateRef": reference, "arguments": arguments},
        }
        lab.kube.create(WORKFLOWS, WORKFLOW, body)

        def over() -> Json | None:
            run = lab.kube.get(WORKFLOWS, WORKFLOW, name)
            return run if phase(run) in ("Succeeded", "Failed", "Error") else None

        run = eventually(over, f"{verb} of {key} in {region} to end", state=lambda: lab.state(key))
        return phase(run), run["status"].get("message", "")

    # -- the state of the world ------------------------------------------------------------------------------------

    def outcome(self, region: str, key: str, verb: str, namespace: str) -> Outcome:
        """What became of the ledger's step in a region."""
        placement = self.labs[region].placement(key)
        assert placement, f"{region} has no placement of {key}"
        return placement.outcomes[Step(Kind.JOB, verb, (namespace, JOB))]

    def sql(self, region: str, namespace: str, text: str) -> str:
        """What the region's database answers."""
        return ledger.sql(self.labs[region].cluster, namespace, text)

    def secrets(self, region: str, namespace: str) -> list[str]:
        """The names of the Secrets of a namespace."""
        return [item["metadata"]["name"] for item in self.labs[region].kube.list(SECRETS, namespace)]

    def everything_said(self, region: str, key: str, namespace: str) -> str:
        """All that a region keeps about an environment and that is no Secret: objects, and the logs of bridges."""
        lab = self.labs[region]
        kept: list[Any] = [lab.kube.get(CONFIG_MAPS, WORKFLOW, Key.parse(key).dotted), *lab.runs(key)]
        kept += [*lab.kube.list(JOBS, namespace), *lab.kube.list(CONFIG_MAPS, namespace)]
        logs = [lab.log(pod, "main") for run in lab.runs(key) for pod in lab.pods_of_run(run["metadata"]["name"])]
        return json.dumps(kept) + "\n".join(logs)
