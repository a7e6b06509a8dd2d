"""Services of the tests: namespaces of their own with lifecycle Jobs whose scripts are given."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
BUSYBOX = "tenantctl.local/busybox:1"
GATE = "until [ -e /tmp/open ]; do sleep 0.2; done"  # opened by `Lab.open_gate`
QUICK = "echo done for $TENANT"


def says(code: int, message: str) -> str:
    """The end of a script: a termination message (JSON or text) and an exit code."""
    return f"printf '%s' '{message}' >/dev/termination-log; exit {code}"


def lifecycle_job(
    namespace: str,
    name: str,
    script: str,
    *,
    verbs: str = "lifecycle.upsert",
    owner: str = "",
    env: Sequence[Json] = (),
    backoff: int = 0,
) -> Json:
    """A lifecycle Job, as a service team's repository holds it."""
    owners = {"tenantctl.io/owner": owner} if owner else {}
    container = {
        "name": "lifecycle",
        "image": BUSYBOX,
        "command": ["sh", "-euc"],
        "args": [script],
        "env": list(env),
        "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
    }
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    annotations = {
        "argocd.argoproj.io/sync-options": "Force=true,Replace=true",
        "collibra.com/tenant.lifecycle": verbs,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations | owners},
        "spec": {"suspend": True, "backoffLimit": backoff, "template": {"spec": pod}},
    }
