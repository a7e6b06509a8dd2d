"""Secrets beside the bridges that use them: credentials that `install` writes, and that nothing else remembers."""

import base64
from collections.abc import Mapping
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import SECRETS
from reconciler.core import labels
from reconciler.manifests.apply import Effect

Json = dict[str, Any]


def write(kube: Kube, namespace: str, name: str, texts: Mapping[str, str], *, dry_run: bool = False) -> Effect:
    """Apply the Secret with a text per key."""
    before = kube.find(SECRETS, namespace, name)
    if before is not None and held(before) == texts:
        return Effect.UNCHANGED
    kube.apply(SECRETS.path(namespace, name), _secret(namespace, name, texts), dry_run=dry_run)
    return Effect.CREATED if before is None else Effect.CONFIGURED


def _secret(namespace: str, name: str, texts: Mapping[str, str]) -> Json:
    marks = {labels.MANAGED_BY: labels.MANAGER, labels.PART_OF: labels.MANAGER}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": marks},
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()},
    }


def find(kube: Kube, namespace: str, name: str) -> dict[str, str] | None:
    """The texts by key, or None where there is no Secret. Raises NotAllowed."""
    secret = kube.find(SECRETS, namespace, name)
    return None if secret is None else held(secret)


def held(secret: Json) -> dict[str, str]:
    """What a Secret holds, without what is no text."""
    found = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            found[key] = base64.b64decode(value).decode()
        except ValueError:
            continue
    return found
