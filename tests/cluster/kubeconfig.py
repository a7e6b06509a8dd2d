"""Kubeconfig files with exactly one context, certificates included."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from .certificates import Pair


def write(file: Path, *, context: str, server: str, authority: Path, user: Pair, namespace: str = "default") -> Path:
    """Writes `file`, readable by its owner only, and returns it."""
    cluster = {"server": server, "certificate-authority-data": _data(authority)}
    credentials = {"client-certificate-data": _data(user.certificate), "client-key-data": _data(user.key)}
    return save(file, single(context, cluster, credentials, namespace))


def single(context: str, cluster: dict[str, Any], user: dict[str, Any], namespace: str | None = None) -> dict[str, Any]:
    """A kubeconfig of one context."""
    reference = {"cluster": context, "user": context} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": reference}],
        "current-context": context,
    }


def save(file: Path, content: dict[str, Any]) -> Path:
    """Writes `content` so that nobody else can ever read it."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def _data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
