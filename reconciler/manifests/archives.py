"""The Secret with the credentials of the object store, beside the bridges that use it: written and looked at.

The URL is a setting and part of the templates; the credentials are in this Secret only, and nothing remembers them.
"""

import base64
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import SECRETS
from reconciler.core import labels
from reconciler.manifests.apply import Effect

Json = dict[str, Any]

NAME = "tenantctl-archives"  # as the templates mount it
KEY = "credentials"


def write(kube: Kube, namespace: str, text: str, *, dry_run: bool = False) -> Effect:
    """Apply the Secret."""
    before = kube.find(SECRETS, namespace, NAME)
    if before is not None and held(before) == text:
        return Effect.UNCHANGED
    kube.apply(SECRETS.path(namespace, NAME), _secret(namespace, text), dry_run=dry_run)
    return Effect.CREATED if before is None else Effect.CONFIGURED


def _secret(namespace: str, text: str) -> Json:
    marks = {labels.MANAGED_BY: labels.MANAGER, labels.PART_OF: labels.MANAGER}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": namespace, "labels": marks},
        "data": {KEY: base64.b64encode(text.encode()).decode()},
    }


def find(kube: Kube, namespace: str) -> str | None:
    """The credentials, or None where there is no Secret. Raises NotAllowed."""
    secret = kube.find(SECRETS, namespace, NAME)
    return None if secret is None else held(secret)


def held(secret: Json) -> str:
    """What a Secret holds; empty where somebody named the key otherwise."""
    try:
        return base64.b64decode((secret.get("data") or {}).get(KEY, "")).decode()
    except ValueError:
        return ""
