"""Who asks: the name that the API server knows the caller by."""

from reconciler.adapters.kube import Kube
from reconciler.core.errors import TenantctlError

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def who(kube: Kube) -> str:
    """The caller's user name; `unknown` where the server does not tell."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        return str(kube.request("POST", REVIEW, None, body)["status"]["userInfo"]["username"])
    except (TenantctlError, KeyError):
        return "unknown"
