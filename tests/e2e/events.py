"""Events: the real Argo Events beside a cluster, with what `install --export-argo-events` prints applied as it is.

Whoever posts here is outside: a client of the EventSource's pod, with or without its token.
"""

import base64
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from reconciler.adapters.kube.resources import PODS, SECRETS, WORKFLOWS
from tests.cluster import argoevents
from tests.cluster.kubectl import kubectl
from tests.e2e.command import tenantctl
from tests.e2e.lab import WORKFLOW, Lab, arguments
from tests.e2e.waiting import eventually

Json = dict[str, Any]
NAMESPACE = argoevents.NAMESPACE
PORT = 12000
ENVIRONMENTS, WAKE = "/environments", "/wake"
OK = HTTPStatus.OK
BY_EVENT = "events.argoproj.io/sensor=tenantctl"
LISTENERS = 3  # a trigger for each event that it waits for


class Events:
    """The EventSource and the Sensor, and who may use them."""

    def __init__(self, lab: Lab, webhook_secret: str) -> None:
        self.lab, self.token = lab, secrets.token_urlsafe(24)
        self._webhook_secret = webhook_secret
        self._applied: list[str] = []
        self._address = ""

    def install(self, *words: str) -> None:
        """What a platform engineer does, and waiting until it listens: events from before are nobody's."""
        self.remove()
        self.secret("tenantctl-events", {"token": self.token})
        self.secret("tenantctl-events-wake", {"webhook-secret": self._webhook_secret})
        self.apply(tenantctl("install", "--export-argo-events", *words).stdout)
        self._address = eventually(lambda: self.pod("eventsource")["status"].get("podIP"), "the EventSource's address")
        for part in ("eventsource", "sensor"):
            eventually(lambda part=part: _is_ready(self.pod(part)), f"the {part}'s pod to be ready", state=self.state)
        listening = lambda: argoevents.listeners(self.lab.cluster.name) >= LISTENERS  # noqa: E731
        eventually(listening, "the Sensor to listen", state=self.state)
        eventually(lambda: self.post("/health", token="") == OK, "the EventSource to answer", state=self.state)

    def apply(self, manifests: str) -> None:
        """As its owners do."""
        self._applied.append(manifests)
        kubectl(self.lab.cluster, "apply", "--server-side", "--filename=-", given=manifests)

    def remove(self) -> None:
        """All of it, and what it made."""
        while self._applied:
            words = ("delete", "--ignore-not-found", "--wait", "--filename=-")
            kubectl(self.lab.cluster, *words, given=self._applied.pop())
        for item in self.runs():
            self.lab.kube.delete(WORKFLOWS, WORKFLOW, item["metadata"]["name"])

    def secret(self, name: str, texts: Mapping[str, str]) -> None:
        """Make a Secret, or make it anew."""
        self.lab.kube.delete(SECRETS, NAMESPACE, name)
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        self.lab.kube.create(SECRETS, NAMESPACE, {"metadata": {"name": name}, "data": data})

    def scale_sensor(self, replicas: int) -> None:
        """Take the Sensor's pod away, or bring it back."""
        words = ("scale", "deployment", f"--namespace={NAMESPACE}", "--selector=sensor-name=tenantctl")
        kubectl(self.lab.cluster, *words, f"--replicas={replicas}")

    # -- what people outside do ------------------------------------------------------------------------------------

    def post(self, path: str, body: Json | bytes | None = None, *, token: str | None = None, **headers: str) -> int:
        """The status of the answer. `token`: another one than the right one; an empty one is none at all."""
        authorization = {"Authorization": f"Bearer {token or self.token}"} if token != "" else {}
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        said = {"Content-Type": "application/json"} | authorization | headers
        request = urllib.request.Request(f"http://{self._address}:{PORT}{path}", content, said, method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def tell(self, key: str) -> None:
        """An event that asks for the upsert of an environment."""
        assert self.post(ENVIRONMENTS, named(key)) == OK

    # -- the state of the world ------------------------------------------------------------------------------------

    def runs(self, key: str = "") -> list[Json]:
        """The Workflows that events made, for one environment or for all, oldest first."""
        found = list(self.lab.kube.list(WORKFLOWS, WORKFLOW, labelSelector=BY_EVENT))
        chosen = [item for item in found if not key or key_of(item) == key]
        return sorted(chosen, key=lambda item: item["metadata"]["labels"]["events.argoproj.io/action-timestamp"])

    def pods(self, part: str) -> list[Json]:
        """The pods of the `eventsource` or the `sensor`, also those that are about to end."""
        return list(self.lab.kube.list(PODS, NAMESPACE, labelSelector=f"{part}-name=tenantctl"))

    def pod(self, part: str) -> Json:
        """The newest pod of the `eventsource` or the `sensor`."""
        pods = self.pods(part)
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        assert alive, f"no pod of the {part}"
        return max(alive, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def log(self, part: str) -> str:
        """What it wrote."""
        return self.lab.log(self.pod(part), "main")

    def state(self) -> str:
        """The pods, and the end of both logs, for the message of a wait that failed."""
        pods = [f"{pod['metadata']['name']}: {pod['status']}" for pod in self.lab.kube.list(PODS, NAMESPACE)]
        logs = [_or_why(lambda part=part: self.log(part))[-3000:] for part in ("eventsource", "sensor")]
        return "\n".join([*pods, *logs])


def named(key: str) -> Json:
    """The body of an event for an environment."""
    tenant, _, environment = key.partition("/")
    return {"tenant": tenant, "environment": environment}


def key_of(run: Json) -> str:
    """The environment that a run was asked for."""
    asked = arguments(run)
    return f"{asked['tenant']}/{asked['environment']}"


def _is_ready(pod: Json) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions") or ())


def _or_why(call: Callable[[], str]) -> str:
    try:
        return call()
    except Exception as error:  # only told
        return str(error)
