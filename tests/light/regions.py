"""Two regions on clusters with the stand-in; in the ledger's place a service that keeps rows in files (`rows`)."""

from functools import partial
from pathlib import Path

from tests.cluster.folders import state
from tests.cluster.parallel import together
from tests.e2e.lab import Json, Lab
from tests.e2e.regions import JOB, Regions
from tests.standin.images import HOST

VERBS = "lifecycle.upsert,lifecycle.migrate-out,lifecycle.migrate-in,lifecycle.decommission"


class LightRegions(Regions):
    """The same regions, but for the service that moves."""

    def add_ledger(self) -> str:
        """The service, with files of its own in each region; returns its namespace."""
        namespace = self.west.name("ledger")
        together(*(partial(lab.add_service, namespace, _job(folder_of(lab, namespace))) for lab in self.labs.values()))
        return namespace


def folder_of(lab: Lab, namespace: str) -> Path:
    """Where a region's service keeps its rows; it goes with the cluster."""
    return state(lab.cluster.name) / "rows" / namespace


def _job(folder: Path) -> Json:
    volume = {"name": "rows", "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"}}
    container = {
        "name": "lifecycle",
        "image": HOST,
        "command": ["python", "-m", "tests.light.rows", "/rows"],
        "volumeMounts": [{"name": "rows", "mountPath": "/rows"}],
    }
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container], "volumes": [volume]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": JOB, "annotations": {"collibra.com/tenant.lifecycle": VERBS}},
        "spec": {"suspend": True, "backoffLimit": 2, "template": {"spec": pod}},
    }
