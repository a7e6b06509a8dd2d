"""The controller as `install` puts it into one cluster, with another region's kubeconfig from its Secret."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.kube.resources import SECRETS
from tests.cluster.parallel import together
from tests.e2e.command import ROOT
from tests.e2e.fleet import Fleet
from tests.e2e.lab import CONTROL
from tests.e2e.regions import EAST, WEST, Regions
from tests.e2e.service import QUICK, lifecycle_job
from tests.gitserver import serving

pytestmark = pytest.mark.cluster

SECRET = "tenantctl-reconciler"


@pytest.fixture(scope="module")
def deployed(both: Regions, moving: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Installed in the west as docs/operations.md says; afterwards as other tests want it."""
    west = both.west
    west.kube.delete(SECRETS, CONTROL, SECRET)
    _documented(both, tmp_path_factory.mktemp("kubeconfig"))
    (moving.repository.folder.parent / "fleet.git").symlink_to(moving.repository.folder / ".git")
    with serving(moving.repository.folder.parent, west.cluster.host) as server:
        place = ("--repository", server.url("fleet.git"), "--interval", "2", "--region", WEST)
        moving.tenantctl("install", *place)
        yield moving
    moving.tenantctl("install", "--no-reconciler")
    west.await_uninstalled()
    west.kube.delete(SECRETS, CONTROL, SECRET)


def _documented(both: Regions, folder: Path) -> None:
    """Run the commands of the documentation, with a kubeconfig that has both clusters under the regions' names."""
    text = (ROOT / "docs/operations.md").read_text()
    (script,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "create token" in block]
    files = ":".join(str(lab.cluster.kubeconfig) for lab in both.labs.values())
    contexts = {name: lab.cluster.context for name, lab in both.labs.items()}
    for name, context in contexts.items():
        script = re.sub(rf"--context {name}\b", f"--context {context}", script)
        script = re.sub(rf"set-context {name}\b", f"set-context {context}", script)
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env={"PATH": "/usr/local/bin:/usr/bin:/bin", "KUBECONFIG": files},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_both_regions_are_reconciled(both: Regions, deployed: Fleet) -> None:
    namespace = both.west.name("service")
    together(*(lambda lab=lab: _serve(lab, namespace) for lab in both.labs.values()))
    for region in (EAST, WEST):
        key = deployed.declare(region, namespace, region=region)
        deployed.ready(key)
        assert [name for name, lab in both.labs.items() if lab.placement(key)] == [region]


def _serve(lab, namespace: str) -> None:
    lab.add_service(namespace, lifecycle_job("", "lifecycle", QUICK))
