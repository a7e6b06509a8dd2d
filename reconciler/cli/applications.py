"""What Argo CD says of applications of environments, asked with the token that the region's bridges have."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.placement import Placement
    from reconciler.manifests import Settings

Json = dict[str, Any]


def application_lines(kube: Any, namespace: str, settings: "Settings", placement: "Placement") -> Iterator[str]:
    """For `describe`: the applications that are, or may be, in the placement's region, how each stands, and a link.

    Where Argo CD cannot be asked, which may be for lack of rights, the reason is said.
    """
    from reconciler.core.application import marks, names_of
    from reconciler.core.errors import TenantctlError

    names, why = names_of(placement), ""
    live: Mapping[str, Json] = {}
    if not names:
        return
    try:
        live = _asked(kube, namespace, settings, marks(placement.key))
    except TenantctlError as error:
        why = str(error)
    yield "Applications:"
    for name, full in names.items():
        yield f"  {name}  {f'not known: {why}' if why else _said(live.get(full))}"
        if settings.argo_cd:
            yield f"      {settings.argo_cd.rstrip('/')}/applications/{full}"


def _said(live: Json | None) -> str:
    from reconciler.core.application_status import standing

    return standing(live) if live is not None else "not in Argo CD"


def applications_of(kube: Any, namespace: str) -> Callable[[], Mapping[str, Json]]:
    """How to ask for all applications of a region's environments, by name; each call reads settings and token anew."""

    def ask() -> Mapping[str, Json]:
        from reconciler.adapters.kube.resources import NAMESPACES
        from reconciler.core import labels
        from reconciler.manifests.render import installed

        settings = installed(kube.find(NAMESPACES, None, labels.CONTROL_NAMESPACE))
        return _asked(kube, namespace, settings, {labels.MANAGED_BY: labels.MANAGER})

    return ask


def _asked(kube: Any, namespace: str, settings: "Settings", marks: Mapping[str, str]) -> Mapping[str, Json]:
    """The applications that carry the marks, by name. Raises TenantctlError where Argo CD cannot be asked."""
    from reconciler.adapters.argocd import checked
    from reconciler.core.errors import NotFound
    from reconciler.manifests import argo_cd

    if not settings.argo_cd:
        raise NotFound("no Argo CD is set up in this cluster (tenantctl install --argo-cd URL)")
    secret = argo_cd.find(kube, namespace)
    if secret is None:
        raise NotFound(f"there is no Secret {namespace}/{argo_cd.NAME} with its token")
    client = checked(settings.argo_cd, *secret)
    try:
        found = client.select(settings.argo_cd_project, marks)
    finally:
        client.close()
    return {item["metadata"]["name"]: item for item in found}
