"""Who asks: the name that the API server knows the caller by, and the mark that a lever leaves."""

from datetime import UTC, datetime
from typing import Any

from reconciler.adapters.kube import Kube
from reconciler.core.errors import TenantctlError
from reconciler.core.mark import Mark
from reconciler.core.text import cut, printable

REASON_MAX = 300
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def who(kube: Kube) -> str:
    """The caller's user name; `unknown` where the server does not tell."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        return str(kube.request("POST", REVIEW, None, body)["status"]["userInfo"]["username"])
    except (TenantctlError, KeyError):
        return "unknown"


def mark_of(kube: Kube, reason: str, **fields: Any) -> Mark:
    """The mark of the caller, made now."""
    return mark_by(who(kube), reason, **fields)


def mark_by(by: str, reason: str, **fields: Any) -> Mark:
    """The mark of a known caller, made now. Its time is exact, so that no two marks are the same."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Mark(by, at, cut(printable(" ".join(reason.split())), REASON_MAX), **fields)
