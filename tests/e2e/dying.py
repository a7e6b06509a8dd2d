"""The real controller, but it kills itself right before or after one write for one environment.

`python -m tests.e2e.dying WHERE WHEN TENANT/ENVIRONMENT run …`: the rest is a command line of `tenantctl`.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from reconciler.adapters.kube.state import Records, RegionState
from reconciler.cli import main
from reconciler.core import labels

WRITES: dict[str, tuple[type, str, Callable[[Any], bool]]] = {
    "record": (Records, "create", lambda record: True),
    "placement": (RegionState, "create_placement", lambda placement: True),
    "claim": (Records, "replace", lambda record: record.claim is not None and not record.claim.noted),
    "post": (RegionState, "launch", lambda workflow: True),
    "note": (Records, "replace", lambda record: record.claim is not None and record.claim.noted),
}
WHENS = ("before", "after")


def die_at(where: str, when: str, key: str) -> None:
    """Wrap the adapter's method, so that this process is gone in an instant when it is called for the key."""
    owner, name, applies = WRITES[where]
    real = getattr(owner, name)

    def wrapped(self: Any, what: Any) -> Any:
        if _key(what) != key or not applies(what):
            return real(self, what)
        if when == "after":
            real(self, what)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(owner, name, wrapped)


def _key(what: Any) -> str:
    if not isinstance(what, dict):
        return str(what.key)
    found = what["metadata"]["labels"]
    return f"{found[labels.TENANT]}/{found[labels.ENVIRONMENT]}"


if __name__ == "__main__":
    place, moment, environment, *rest = sys.argv[1:]
    die_at(place, moment, environment)
    sys.exit(main.run(rest))
