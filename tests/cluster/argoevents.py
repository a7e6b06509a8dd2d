"""Argo Events: an option of a local cluster. Its controller and the bus (NATS with TLS) are processes beside it.

`provide` starts it in a running cluster, or finds it running; it goes when the cluster goes. The pods of EventSources
and Sensors run from an image of the same program. Unlike in Argo Events' own image there is no `argo` in it: nothing of
ours submits by that.
"""

from __future__ import annotations

import base64
import json
import secrets
import shlex
import shutil
import socket
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from . import addresses, archives, binaries, cluster, containerd, kubeconfig, process, versions
from .api import wait
from .certificates import Authority
from .cluster import Cluster
from .failure import ClusterError
from .folders import lock, locked, state
from .kubectl import apply, kubectl
from .process import Program
from .progress import Progress, Say

NAMESPACE = "argo-events"
CONTROLLER, BUS = "argo-events-controller", "nats-server"
ACCOUNT = "argo-events-sa"  # of Argo Events' own manifests
IMAGE = f"tenantctl.local/argo-events:{versions.version('argoevents', binaries.ARGO_EVENTS_MODULE)}"
BUS_PORT, BUS_STATUS_PORT = 4222, 8222
HEALTH_PORT, METRICS_PORT = 9881, 9882  # not those of its manifests: Argo CD's parts are at some of them
USER, STREAM = "argo-events", "default"
ACCESS, TRUST = "eventbus-access", "eventbus-ca"
Json = dict[str, Any]
# It insists on knowing versions of buses that it would run itself; this bus is none of its own.
SETTINGS = {
    "eventBus": {
        "nats": {"versions": [{"version": "none", "natsStreamingImage": "none", "metricsExporterImage": "none"}]},
        "jetstream": {
            "settings": "",
            "streamConfig": "",
            "versions": [
                {
                    "version": "none",
                    "natsImage": "none",
                    "metricsExporterImage": "none",
                    "configReloaderImage": "none",
                    "startCommand": "none",
                }
            ],
        },
    }
}


def provide(name: str, progress: Say = print) -> str:
    """Argo Events in the running local cluster `name`, started unless it runs. Returns the namespace of its bus.

    Raises ClusterError.
    """
    running = cluster.find(name)
    if running is None or not running.local:
        raise ClusterError(f"no local cluster {name} runs", remedy=f"make cluster-up NAME={name}")
    tell = Progress(progress)
    with locked(lock(name)):
        if not _note(name).exists():
            _start(running, tell)
            _note(name).touch()
    return NAMESPACE


def url(name: str) -> str:
    """The bus's server, as pods and this machine reach it."""
    return f"nats://{addresses.of(name).node}:{BUS_PORT}"


def credentials(name: str) -> dict[str, str]:
    """What a client of the bus's server needs: `username`, `password`, and `ca.crt`, which signed its certificate."""
    login = json.loads((_folder(name) / "keys" / "nats.json").read_text())["authorization"]
    authority = (_folder(name) / "keys" / "ca.crt").read_text()
    return {"username": login["user"], "password": login["password"], "ca.crt": authority}


def listeners(name: str) -> int:
    """How many triggers of Sensors the bus knows: it keeps events for them from then on, and none from before."""
    status = _get(f"http://{addresses.of(name).node}:{BUS_STATUS_PORT}/jsz?consumers=1")
    streams = [stream for account in status["account_details"] for stream in account.get("stream_detail") or ()]
    (events,) = [stream for stream in streams if stream["name"] == STREAM] or [{}]
    return len(events.get("consumer_detail") or ())


def subscribed(name: str, subject: str) -> bool:
    """Whether somebody listens to a subject of the bus's server that is none of Argo Events' own."""
    status = _get(f"http://{addresses.of(name).node}:{BUS_STATUS_PORT}/connz?subs=1")
    return any(subject in (connection.get("subscriptions_list") or ()) for connection in status["connections"])


def publish(name: str, subject: str, message: bytes) -> None:
    """Sends a message to a subject, in NATS's own words; returns when the server has it."""
    own = credentials(name)
    said = {"verbose": False, "pedantic": False, "tls_required": True, "user": own["username"], "pass": own["password"]}
    trust = ssl.create_default_context(cadata=own["ca.crt"])
    node = addresses.of(name).node
    with socket.create_connection((node, BUS_PORT), timeout=10) as plain:
        _line(plain)
        with trust.wrap_socket(plain, server_hostname=node) as connection:
            head = f"CONNECT {json.dumps(said)}\r\nPUB {subject} {len(message)}\r\n"
            connection.sendall(head.encode() + message + b"\r\nPING\r\n")
            while (answer := _line(connection)) != b"PONG":
                if not answer.startswith(b"INFO"):
                    raise ClusterError(f"{BUS} says {answer!r}", remedy="read its log")


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ClusterError(f"{BUS} closed the connection", remedy="read its log")
        line += byte
    return line.strip()


# -- starting ----------------------------------------------------------------------------------------------------------


def _start(running: Cluster, tell: Progress) -> None:
    name = running.name
    built = binaries.argo_events(tell)
    with tell.step(f"Argo Events in {name}: image, definitions and accounts"):
        _clean(name)
        containerd.load(state(name), archives.of_program(IMAGE, built / "argo-events", Entrypoint=["argo-events"]))
        password = secrets.token_urlsafe(24)
        _configure(name, password)
        _define(running, built, password)
    with tell.step(f"Argo Events in {name}: started, its bus is ready"):
        runtime = cluster.runtime(name)
        process.start(_bus(name, built), runtime)
        wait(BUS, lambda: _greets(name), seconds=90, watch=lambda: process.must_run(BUS, runtime))
        process.start(_controller(name, built), runtime)
        wait(CONTROLLER, lambda: _ready(running), seconds=90, watch=lambda: process.must_run(CONTROLLER, runtime))


def _clean(name: str) -> None:
    """Whatever an earlier start that was killed has left."""
    marks = [cluster.runtime(name).mark(part) for part in (CONTROLLER, BUS)]
    process.stop(marks)
    for mark in marks:
        mark.unlink(missing_ok=True)
    shutil.rmtree(_folder(name), ignore_errors=True)
    (_folder(name) / "bus").mkdir(parents=True, mode=0o700)


def _configure(name: str, password: str) -> None:
    """The files that the two processes read."""
    own, folder = addresses.of(name), _folder(name)
    pair = Authority(folder / "keys").issue(BUS, BUS, hosts=[own.node])
    text = {
        "listen": f"{own.node}:{BUS_PORT}",
        "server_name": BUS,
        "tls": {"cert_file": str(pair.certificate), "key_file": str(pair.key)},
        "authorization": {"user": USER, "password": password},
        "jetstream": {"store_dir": str(folder / "bus")},
        "http": f"{own.node}:{BUS_STATUS_PORT}",  # what it holds, for whoever waits for a Sensor
    }
    settings = folder / "keys" / "nats.json"
    settings.touch(mode=0o600)
    settings.write_text(json.dumps(text))  # JSON is a part of what NATS reads
    (folder / "etc" / "argo-events").mkdir(parents=True)
    (folder / "etc" / "argo-events" / "controller-config.yaml").write_text(yaml.safe_dump(SETTINGS))


def _define(running: Cluster, built: Path, password: str) -> None:
    """Definitions, the controller's account, and the bus as a platform has it in its namespace for all."""
    for file in binaries.definitions(built):
        kubectl(running, "apply", "--server-side", f"--filename={file}")
    apply(running, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    authority = (_folder(running.name) / "keys" / "ca.crt").read_text()
    apply(
        running,
        _object("v1", "ServiceAccount", ACCOUNT),
        _binding(),
        _secret(ACCESS, {"auth": f"username: {USER}\npassword: {password}\n"}),
        _secret(TRUST, {"ca.crt": authority}),
        _event_bus(running.name),
    )
    token = kubectl(running, "create", "token", ACCOUNT, f"--namespace={NAMESPACE}", "--duration=8760h")
    server = yaml.safe_load(running.kubeconfig.read_text())["clusters"][0]["cluster"]
    content = kubeconfig.single(running.context, server, {"token": token}, NAMESPACE)
    kubeconfig.save(_kubeconfig(running.name), content)


def _event_bus(name: str) -> Json:
    """A bus that exists already, of one server: without `replicas` a stream would ask for three."""
    bus = {
        "url": url(name),
        "accessSecret": {"name": ACCESS, "key": "auth"},
        "tls": {"caCertSecret": {"name": TRUST, "key": "ca.crt"}},
        "streamConfig": "maxMsgs: 50000\nmaxAge: 168h\nmaxBytes: -1\nreplicas: 1\nduplicates: 300s\n",
    }
    return _object("argoproj.io/v1alpha1", "EventBus", "default", spec={"jetstreamExotic": bus})


def _binding() -> Json:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    manifest = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"}
    return manifest | {"metadata": {"name": NAMESPACE}, "roleRef": role, "subjects": [subject]}


def _secret(name: str, texts: dict[str, str]) -> Json:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return _object("v1", "Secret", name, data=encoded)


def _object(version: str, kind: str, name: str, **content: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **content}


# -- programs ----------------------------------------------------------------------------------------------------------


def _bus(name: str, built: Path) -> Program:
    return Program(BUS, (str(built / "nats-server"), "--config", str(_folder(name) / "keys" / "nats.json")))


def _controller(name: str, built: Path) -> Program:
    """It reads its settings at a fixed place: its own view of the machine has nothing else in /etc."""
    own = shlex.quote(str(_folder(name) / "etc"))
    words = [
        str(built / "argo-events"),
        "controller",
        "--leader-election=false",
        f"--health-port={HEALTH_PORT}",
        f"--metrics-port={METRICS_PORT}",
    ]
    return Program(
        CONTROLLER,
        ("unshare", "--mount", "/bin/sh", "-euc", f"mount --bind {own} /etc; exec {shlex.join(words)}"),
        {
            "ARGO_EVENTS_IMAGE": IMAGE,
            "IMAGE_PULL_POLICY": "IfNotPresent",
            "NAMESPACE": NAMESPACE,
            "KUBECONFIG": str(_kubeconfig(name)),
        },
    )


def _greets(name: str) -> bool:
    """Whether the bus says who it is, as it does before TLS. Raises OSError while nobody listens."""
    with socket.create_connection((addresses.of(name).node, BUS_PORT), timeout=2) as connection:
        return connection.recv(4) == b"INFO"


def _ready(running: Cluster) -> bool:
    """Whether the controller answers, and has taken up the bus. Raises OSError while it does not."""
    _open(f"http://{addresses.of(running.name).node}:{HEALTH_PORT}/readyz")
    words = ("get", "eventbus", "default", f"--namespace={NAMESPACE}", "--output=json")
    conditions = json.loads(kubectl(running, *words)).get("status", {}).get("conditions", [])
    return bool(conditions) and all(item["status"] == "True" for item in conditions)


def _get(url: str) -> Json:
    found: Json = json.loads(_open(url))
    return found


def _open(url: str) -> bytes:
    """The body of an answer, past any proxy. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        body: bytes = answer.read()
        return body


def _folder(name: str) -> Path:
    return state(name) / "argoevents"


def _kubeconfig(name: str) -> Path:
    return _folder(name) / "keys" / "controller.kubeconfig"


def _note(name: str) -> Path:
    return _folder(name) / "started"
