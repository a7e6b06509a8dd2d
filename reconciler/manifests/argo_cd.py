"""The Secret with Argo CD's token, beside the bridges that bring applications there.

URL, project and cluster are settings and part of the templates: the token goes to nobody whom a declaration names.
"""

from reconciler.adapters.argocd.client import AUTHORITY, TOKEN
from reconciler.adapters.kube import Kube
from reconciler.manifests import secret
from reconciler.manifests.apply import Effect

NAME = "tenantctl-argo-cd"  # as the templates mount it


def write(kube: Kube, namespace: str, token: str, authority: str, *, dry_run: bool = False) -> Effect:
    """Apply the Secret; an empty authority is one that everybody trusts."""
    texts = {TOKEN: token, AUTHORITY: authority} if authority else {TOKEN: token}
    return secret.write(kube, namespace, NAME, texts, dry_run=dry_run)


def find(kube: Kube, namespace: str) -> tuple[str, str] | None:
    """Token and authority, or None where there is no Secret. Raises NotAllowed."""
    found = secret.find(kube, namespace, NAME)
    return None if found is None else (found.get(TOKEN, ""), found.get(AUTHORITY, ""))
