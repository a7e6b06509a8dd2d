"""Existing clusters: the one of a named context, checked and handed out; nothing is started or changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from . import archives, kubeconfig
from .cluster import Cluster
from .failure import ClusterError
from .folders import clusters, state
from .progress import Progress, Say

FILES = {"certificate-authority", "client-certificate", "client-key", "tokenFile"}


def use(name: str, context: str, image: str = "", progress: Say = print) -> Cluster:
    """The cluster of `context` in the caller's kubeconfig, under the name `name`. Raises ClusterError."""
    tell = Progress(progress)
    with tell.step(f"context {context}: answers, has Argo Workflows"):
        content = named(context)
        folder = state(name)
        if (folder / "processes").exists():
            raise ClusterError(f"{name} is a local cluster", remedy=f"make cluster-down NAME={name}, or another NAME")
        (folder / "keys").mkdir(parents=True, exist_ok=True, mode=0o700)
        file = kubeconfig.save(folder / "keys" / "admin.kubeconfig", content)
        _check(file, context)
    tell.note(f"the image must be pullable there: {image or 'push yours and name it with --image'}")
    return Cluster(
        name=name,
        context=context,
        kubeconfig=file,
        api=content["clusters"][0]["cluster"]["server"],
        argo_server="",
        image=image,
        busybox=archives.BUSYBOX,
        host="",
        netns="",
        argo=None,
        containerd=None,
        logs=clusters(),
        local=False,
    ).save()


def named(context: str) -> dict[str, Any]:
    """A kubeconfig of only `context`, from the files that kubectl would read. Raises ClusterError."""
    for file in _files():
        content = _absolute(yaml.safe_load(file.read_text()) or {}, file.parent)
        found = _entry(content, "contexts", "context", context)
        if found:
            cluster = _somewhere("clusters", "cluster", found["cluster"])
            user = _somewhere("users", "user", found.get("user", ""))
            return kubeconfig.single(context, cluster or {}, user or {}, found.get("namespace"))
    where = ", ".join(map(str, _files())) or "any kubeconfig: there is none"
    raise ClusterError(f"No context {context!r} in {where}", remedy="kubectl config get-contexts")


def _files() -> list[Path]:
    paths = [Path(path) for path in os.environ.get("KUBECONFIG", "").split(":") if path]
    return [path for path in paths or [Path.home() / ".kube" / "config"] if path.exists()]


def _somewhere(section: str, key: str, name: str) -> dict[str, Any] | None:
    """The first entry in any of the files: kubectl merges them so."""
    for file in _files():
        found = _entry(_absolute(yaml.safe_load(file.read_text()) or {}, file.parent), section, key, name)
        if found is not None:
            return found
    return None


def _entry(content: dict[str, Any], section: str, key: str, name: str) -> dict[str, Any] | None:
    return next((item[key] for item in content.get(section) or [] if item["name"] == name), None)


def _absolute(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths in a kubeconfig are relative to it."""
    for section, key in (("clusters", "cluster"), ("users", "user")):
        for item in content.get(section) or []:
            for field in FILES & set(item.get(key) or {}):
                item[key][field] = str(folder / item[key][field])
    return content


def _check(file: Path, context: str) -> None:
    from kubernetes import client, config

    try:
        connection = config.new_client_from_config(config_file=str(file), context=context)
        with connection:
            groups = client.ApisApi(connection).get_api_versions(_request_timeout=10).groups
    except Exception as error:  # the library raises whatever its transport does
        raise ClusterError(
            f"context {context} doesn't answer: {str(error)[:300]}",
            remedy=f"try: kubectl --context {context} version",
        ) from error
    if "argoproj.io" not in {group.name for group in groups}:
        raise ClusterError(f"context {context} has no Argo Workflows", remedy="install Argo Workflows 3.7 there first")
