"""The Secret with Argo CD's token, beside the bridges that bring applications there, and what Argo CD is told of us.

URL, project and cluster are settings and part of the templates: the token goes to nobody whom a declaration names.
"""

import json
from collections.abc import Sequence
from importlib.resources import files

from reconciler.adapters.argocd.client import AUTHORITY, TOKEN
from reconciler.adapters.kube import Kube
from reconciler.core import labels
from reconciler.manifests import secret
from reconciler.manifests.apply import Effect

NAME = "tenantctl-argo-cd"  # as the templates mount it
HEALTH = "resource.customizations.health.batch_Job"  # the key of argocd-cm


def write(kube: Kube, namespace: str, token: str, authority: str, *, dry_run: bool = False) -> Effect:
    """Apply the Secret; an empty authority is one that everybody trusts."""
    texts = {TOKEN: token, AUTHORITY: authority} if authority else {TOKEN: token}
    return secret.write(kube, namespace, NAME, texts, dry_run=dry_run)


def find(kube: Kube, namespace: str) -> tuple[str, str] | None:
    """Token and authority, or None where there is no Secret. Raises NotAllowed."""
    found = secret.find(kube, namespace, NAME)
    return None if found is None else (found.get(TOKEN, ""), found.get(AUTHORITY, ""))


def health_script(annotations: Sequence[str] = ()) -> str:
    """The Lua script by which Argo CD takes suspended lifecycle Jobs for healthy, and judges others as ever.

    `annotations`: what marks lifecycle Jobs beside the default one.
    """
    keys = ", ".join(json.dumps(key) for key in (labels.VERBS_ANNOTATION, *annotations))
    text = files(__package__).joinpath("argo-cd/job-health.lua").read_text("utf-8")
    return text.replace("${templates}", "{ " + keys + " }")
