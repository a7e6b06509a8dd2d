"""Argo CD: an option of a local cluster, all its parts but Dex as processes beside it: application controller, repo
server, API server, ApplicationSet controller and Redis.

`provide` starts it in a running cluster, or finds it running; it goes when the cluster goes. Each part runs as the
service account of Argo CD's own manifests. It looks for changes every few seconds instead of every three minutes.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import addresses, binaries, cluster, kubeconfig, process, requirements
from .api import wait
from .certificates import Authority, Pair
from .cluster import Cluster
from .failure import ClusterError
from .folders import lock, locked, state
from .kubectl import apply, kubectl
from .process import Program, Runtime
from .progress import Progress, Say

NAMESPACE = "argocd"
PORT = 8080
REDIS, REPO_SERVER = "127.0.0.1:6379", "127.0.0.1:8081"
CONTROLLER, SERVER = "argocd-application-controller", "argocd-server"
ACCOUNTS = (CONTROLLER, SERVER, "argocd-applicationset-controller", "argocd-repo-server")
LOOKS_EVERY = "5s"
OWN = {"app.kubernetes.io/part-of": "argocd"}  # it reads only settings that carry this label
Json = dict[str, Any]


@dataclass(frozen=True)
class ArgoCD:
    """What a client needs: its URL, the certificate of its authority, a token that may do everything."""

    cluster: str
    url: str
    authority: Path
    admin_token: Path
    program: Path

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """A call of its API as its administrator. Raises urllib.error.HTTPError."""
        return _ask(self.url, self.authority, method, path, body, self.admin_token.read_text())


def provide(name: str, progress: Say = print) -> ArgoCD:
    """Argo CD in the running local cluster `name`, started unless it runs. Raises ClusterError."""
    running = cluster.find(name)
    if running is None or not running.local:
        raise ClusterError(f"no local cluster {name} runs", remedy=f"make cluster-up NAME={name}")
    tell = Progress(progress)
    with locked(lock(name)):
        return find(name) or _start(running, tell)


def find(name: str) -> ArgoCD | None:
    """Argo CD in the cluster `name`, if it was started there; the cluster counts as up only while it runs."""
    file = _note(name)
    if not file.exists():
        return None
    noted = json.loads(file.read_text())
    return ArgoCD(**noted | {key: Path(noted[key]) for key in ("authority", "admin_token", "program")})


def know(argo: ArgoCD, other: Cluster) -> None:
    """Makes another cluster known to it by the other's name, as an administrator of that cluster."""
    config = yaml.safe_load(other.kubeconfig.read_text())
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = {
        "caData": server["certificate-authority-data"],
        "certData": user["client-certificate-data"],
        "keyData": user["client-key-data"],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"cluster-{other.name}",
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": "cluster"},
        },
        "stringData": {
            "name": other.name,
            "server": other.api,
            "config": json.dumps({"tlsClientConfig": tls}),
        },
    }
    apply(_running(argo), secret)


def forget(argo: ArgoCD, other: Cluster) -> None:
    """Makes it know that cluster no more: it would go on watching all that is there."""
    kubectl(_running(argo), "delete", "secret", f"cluster-{other.name}", f"--namespace={NAMESPACE}")


def settings(argo: ArgoCD, changes: Mapping[str, str | None]) -> None:
    """Changes keys of its settings (`argocd-cm`), which it reads again at once; None takes a key away."""
    patch = json.dumps({"data": dict(changes)})
    running = _running(argo)
    kubectl(running, "patch", "configmap", "argocd-cm", f"--namespace={NAMESPACE}", "--type=merge", f"--patch={patch}")


def pause(argo: ArgoCD) -> None:
    """Ends its API server, so that nobody is answered; `resume` starts it again."""
    mark = cluster.runtime(argo.cluster).mark(SERVER)
    process.stop([mark])
    mark.unlink(missing_ok=True)  # a cluster with a mark of something that does not run counts as half dead


def resume(argo: ArgoCD) -> None:
    """Starts the API server again and waits for its answer."""
    runtime = cluster.runtime(argo.cluster)
    process.start(_server(argo.cluster, argo.program), runtime)
    _await_answer(argo.url, argo.authority, runtime)


# -- starting ----------------------------------------------------------------------------------------------------------


def _start(running: Cluster, tell: Progress) -> ArgoCD:
    name = running.name
    requirements.install(requirements.ARGO_CD, tell)
    built = binaries.argo_cd(tell)
    with tell.step(f"Argo CD in {name}: definitions and accounts"):
        _clean(name)
        authority = _define(running, built)
    runtime, program = cluster.runtime(name), built / "argocd"
    with tell.step(f"Argo CD in {name}: started, answers"):
        for part in _programs(name, program):
            process.start(part, runtime)
        url = f"https://{addresses.of(name).node}:{PORT}"
        _await_answer(url, authority, runtime)
        token = _login(running, url, authority, runtime)
    found = ArgoCD(name, url, authority, token, program)
    _note(name).write_text(json.dumps(dataclasses.asdict(found), default=str))
    return found


def _clean(name: str) -> None:
    """Whatever an earlier start that was killed has left."""
    runtime = cluster.runtime(name)
    process.stop([runtime.mark(part) for part in (*ACCOUNTS, "redis")])
    for part in (*ACCOUNTS, "redis"):
        runtime.mark(part).unlink(missing_ok=True)
    shutil.rmtree(_folder(name), ignore_errors=True)
    for folder in ("tmp", "tls", "ssh", "redis"):
        (_folder(name) / folder).mkdir(parents=True, mode=0o700)


def _define(running: Cluster, built: Path) -> Path:
    """Definitions, settings and accounts with their kubeconfigs; returns the certificate of the API server's signer."""
    for file in binaries.definitions(built):
        kubectl(running, "apply", "--server-side", f"--filename={file}")
    keys = _folder(running.name) / "keys"
    authority = Authority(keys)
    hosts = [addresses.of(running.name).node, "127.0.0.1", "argocd-server.argocd.svc"]
    pair = authority.issue("argocd-server", "argocd-server", hosts=hosts)
    apply(running, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    apply(running, *_manifests(pair))
    for account in ACCOUNTS:
        token = kubectl(running, "create", "token", account, f"--namespace={NAMESPACE}", "--duration=8760h")
        _connect(running, account, token)
    return authority.certificate


def _connect(running: Cluster, account: str, token: str) -> None:
    server = yaml.safe_load(running.kubeconfig.read_text())["clusters"][0]["cluster"]
    content = kubeconfig.single(running.context, server, {"token": token}, NAMESPACE)
    kubeconfig.save(_kubeconfig(running.name, account), content)


def _manifests(pair: Pair) -> list[Json]:
    accounts = [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE} for name in ACCOUNTS]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAMESPACE},
        "roleRef": role,
        "subjects": accounts,
    }
    tls = {"tls.crt": pair.certificate, "tls.key": pair.key}
    return [
        *(_object("v1", "ServiceAccount", name) for name in ACCOUNTS),
        binding,
        _object("v1", "ConfigMap", "argocd-cm", data={"timeout.reconciliation": LOOKS_EVERY}),
        *(
            _object("v1", "ConfigMap", f"argocd-{name}-cm", data={})
            for name in ("rbac", "ssh-known-hosts", "tls-certs")
        ),
        _object("v1", "Secret", "argocd-secret"),
        _object("v1", "Secret", "argocd-server-tls", type="kubernetes.io/tls", data=_encoded(tls)),
    ]


def _object(version: str, kind: str, name: str, **content: Any) -> Json:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": OWN}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _encoded(files: dict[str, Path]) -> dict[str, str]:
    return {name: base64.b64encode(file.read_bytes()).decode() for name, file in files.items()}


# -- programs ----------------------------------------------------------------------------------------------------------


def _programs(name: str, program: Path) -> list[Program]:
    redis = ("redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    return [
        Program("redis", (*redis, "--dir", str(_folder(name) / "redis"))),
        _part(name, program, "argocd-repo-server", "--redis", REDIS, "--address=127.0.0.1"),
        _controller(name, program),
        _server(name, program),
        _part(
            name, program, "argocd-applicationset-controller", f"--argocd-repo-server={REPO_SERVER}",
            "--metrics-addr=127.0.0.1:12345", "--probe-addr=127.0.0.1:12346", "--webhook-addr=127.0.0.1:7000",
        ),
    ]  # fmt: skip


def _controller(name: str, program: Path) -> Program:
    words = ("--redis", REDIS, "--repo-server", REPO_SERVER, "--status-processors=8", "--operation-processors=8")
    return _part(name, program, CONTROLLER, *words)


def _server(name: str, program: Path) -> Program:
    words = ("--redis", REDIS, "--repo-server", REPO_SERVER, f"--port={PORT}")
    return _part(name, program, SERVER, *words)


def _part(name: str, program: Path, part: str, *words: str) -> Program:
    folder = _folder(name)
    connection = () if part == "argocd-repo-server" else (f"--kubeconfig={_kubeconfig(name, part)}",)
    return Program(
        part,
        (str(program), *words, *connection),
        {
            "ARGOCD_BINARY_NAME": part,
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
            "ARGOCD_SSH_DATA_PATH": str(folder / "ssh"),
            "ARGOCD_RECONCILIATION_TIMEOUT": LOOKS_EVERY,
            "ARGOCD_RECONCILIATION_JITTER": "0",
            "KUBECONFIG": str(_kubeconfig(name, part)),
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
        },
    )


def _await_answer(url: str, authority: Path, runtime: Runtime) -> None:
    def probe() -> bool:
        _ask(url, authority, "GET", "/api/version")
        return True

    wait(SERVER, probe, seconds=90, watch=lambda: process.must_run(SERVER, runtime))


def _login(running: Cluster, url: str, authority: Path, runtime: Runtime) -> Path:
    """The administrator's token, got with the password that Argo CD made for the first login."""
    words = (
        "get",
        "secret",
        "argocd-initial-admin-secret",
        f"--namespace={NAMESPACE}",
        "--output=jsonpath={.data.password}",
    )
    password = base64.b64decode(kubectl(running, *words)).decode()
    answer = _ask(url, authority, "POST", "/api/v1/session", {"username": "admin", "password": password})
    file = _folder(running.name) / "keys" / "admin.token"
    file.touch(mode=0o600)
    file.write_text(answer["token"])
    return file


def _ask(url: str, authority: Path, method: str, path: str, body: Json | None = None, token: str = "") -> Json:
    tls = ssl.create_default_context(cafile=str(authority))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, headers, method=method)
    with opener.open(request, timeout=30) as answer:
        read: Json = json.loads(answer.read() or b"{}")
        return read


def _running(argo: ArgoCD) -> Cluster:
    found = cluster.noted(argo.cluster)
    assert found is not None
    return found


def _folder(name: str) -> Path:
    return state(name) / "argocd"


def _kubeconfig(name: str, part: str) -> Path:
    return _folder(name) / "keys" / f"{part}.kubeconfig"


def _note(name: str) -> Path:
    return _folder(name) / "argocd.json"
