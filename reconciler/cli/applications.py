"""What Argo CD says of applications of environments, asked with the token that the region's bridges have."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.names import Key
    from reconciler.core.placement import Placement
    from reconciler.manifests import Settings

Json = dict[str, Any]


def argo_lines(region: str, kube: Any, namespace: str, placement: "Placement | None") -> Iterator[str]:
    """For `describe`: where an environment's runs in a region are on Argo Workflows' pages, and its applications."""
    from reconciler.core.errors import TenantctlError

    if placement is None:
        return
    try:
        settings = _settings(kube)
    except TenantctlError as error:
        yield f"Applications and links in {region}: not known: {error}"
        return
    if settings.argo_server:
        yield f"Runs in {region}: {settings.argo_server.rstrip('/')}/workflows/{namespace}?{_selector(placement.key)}"
    yield from _application_lines(region, kube, namespace, settings, placement)


def _selector(key: "Key") -> str:
    from urllib.parse import urlencode

    from reconciler.core import labels

    marks = ((labels.TENANT, key.tenant), (labels.ENVIRONMENT, key.environment))
    return urlencode([("label", f"{name}={value}") for name, value in marks], safe="/")


def _application_lines(
    region: str, kube: Any, namespace: str, settings: "Settings", placement: "Placement"
) -> Iterator[str]:
    """The applications that are, or may be, in the region, how each stands, and a link.

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
    yield f"Applications in {region}:"
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
        from reconciler.core import labels

        return _asked(kube, namespace, _settings(kube), {labels.MANAGED_BY: labels.MANAGER})

    return ask


def _settings(kube: Any) -> "Settings":
    """Those of the region's installation."""
    from reconciler.adapters.kube.resources import NAMESPACES
    from reconciler.core import labels
    from reconciler.manifests.render import installed

    return installed(kube.find(NAMESPACES, None, labels.CONTROL_NAMESPACE))


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
