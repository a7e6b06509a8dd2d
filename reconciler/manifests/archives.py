"""The Secret with the credentials of the object store. The URL is a setting and part of the templates."""

from reconciler.adapters.kube import Kube
from reconciler.manifests import secret
from reconciler.manifests.apply import Effect

NAME = "tenantctl-archives"  # as the templates mount it
KEY = "credentials"


def write(kube: Kube, namespace: str, text: str, *, dry_run: bool = False) -> Effect:
    """Apply the Secret."""
    return secret.write(kube, namespace, NAME, {KEY: text}, dry_run=dry_run)


def find(kube: Kube, namespace: str) -> str | None:
    """The credentials, or None where there is no Secret; empty where somebody named the key otherwise."""
    found = secret.find(kube, namespace, NAME)
    return None if found is None else found.get(KEY, "")
