"""What Argo CD says of one environment's applications, for `tenantctl describe`.

It is asked now, with the token that the bridges have, where the caller may read that; else the reason why not is said,
and where to look.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.names import Key
    from reconciler.core.placement import Placement
    from reconciler.manifests import Settings

Json = dict[str, Any]


def application_lines(kube: Any, namespace: str, settings: "Settings", placement: "Placement") -> Iterator[str]:
    """The applications that are, or may be, in the placement's region, each with how it stands and a link."""
    from reconciler.core.application import names_of

    names = names_of(placement)
    if not names:
        return
    live, why = _asked(kube, namespace, settings, placement.key)
    yield "Applications:"
    for name, full in names.items():
        yield f"  {name}  {_said(live.get(full)) if live is not None else f'not known: {why}'}"
        if settings.argo_cd:
            yield f"      {settings.argo_cd.rstrip('/')}/applications/{full}"


def _said(live: Json | None) -> str:
    from reconciler.core.application_status import standing

    return standing(live) if live is not None else "not in Argo CD"


def _asked(kube: Any, namespace: str, settings: "Settings", key: "Key") -> tuple[Mapping[str, Json] | None, str]:
    """The live applications by name; None, and why, where Argo CD could not be asked."""
    from reconciler.core.errors import TenantctlError
    from reconciler.manifests import argo_cd

    if not settings.argo_cd:
        return None, "no Argo CD is set up in this cluster (tenantctl install --argo-cd URL)"
    try:
        secret = argo_cd.find(kube, namespace)
        if secret is None:
            return None, f"there is no Secret {namespace}/{argo_cd.NAME} with its token"
        return _live(settings, secret, key), ""
    except TenantctlError as error:
        return None, str(error)


def _live(settings: "Settings", secret: tuple[str, str], key: "Key") -> Mapping[str, Json]:
    from reconciler.adapters.argocd import checked
    from reconciler.core.application import marks

    client = checked(settings.argo_cd, *secret)
    try:
        found = client.select(settings.argo_cd_project, marks(key))
    finally:
        client.close()
    return {item["metadata"]["name"]: item for item in found}
