"""What `tenantctl check` looks at: each check asks one question of the ground and answers with findings.

Nothing is changed; what must be refused is tried as a dry run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from reconciler import __version__
from reconciler.adapters.credentials import Credential
from reconciler.adapters.kube import Kube
from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES, DEPLOYMENTS, NAMESPACES
from reconciler.core import labels
from reconciler.core.errors import NotAllowed, TenantctlError, Unavailable
from reconciler.manifests import archives as stored
from reconciler.manifests.apply import admission_gap, require
from reconciler.manifests.argo import versions
from reconciler.manifests.image import image_of
from reconciler.manifests.kinds import SERVICES, Id, id_of
from reconciler.manifests.render import TEMPLATES, Settings, render, team, version_of
from reconciler.manifests.rights import Right, may, missing, rights
from reconciler.manifests.rollout import gap

Json = dict[str, Any]

ARGO_MINIMUM = (3, 7)


class Verdict(StrEnum):
    """How a check ended. What cannot be known is said, and is no failure."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `remedy` is what to do about it."""

    check: str
    verdict: Verdict
    message: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def run(name: str, check: Check) -> list[Finding]:
    """The findings of one check; a failure to look is a finding too."""
    try:
        return list(check())
    except NotAllowed as error:
        return [Finding(name, Verdict.UNKNOWN, f"not allowed to look: {error}", "ask somebody with the right to")]
    except TenantctlError as error:
        return [Finding(name, Verdict.FAILED, str(error))]


def api_server(kube: Kube) -> Iterator[Finding]:
    """Does it answer, and as which version."""
    version = kube.request("GET", "/version")["gitVersion"]
    yield Finding("api-server", Verdict.OK, f"Kubernetes {version} answers ({kube.where})")


def argo(kube: Kube, server_version: Callable[[], str] | None) -> Iterator[Finding]:
    """Are Argo's kinds served, and is its controller new enough."""
    require(kube)
    yield Finding("argo", Verdict.OK, "Argo Workflows' kinds are served")
    found = [server_version()] if server_version else list(versions(kube))
    if not found:
        hint = "--argo-server URL asks Argo Server"
        yield Finding("argo-version", Verdict.UNKNOWN, "no Deployment of Argo's controller tells its version", hint)
    for version in found:
        good = _numbers(version) >= ARGO_MINIMUM
        minimum = ".".join(map(str, ARGO_MINIMUM))
        remedy = "" if good else f"upgrade Argo Workflows to {minimum} or newer"
        yield Finding("argo-version", _verdict(good), f"Argo Workflows {version}", remedy)


def _numbers(version: str) -> tuple[int, ...]:
    words = version.lstrip("v").split(".")[:2]
    return tuple(int(word) for word in words if word.isdigit())


def _verdict(good: bool) -> Verdict:
    return Verdict.OK if good else Verdict.FAILED


def templates(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """Is each ClusterWorkflowTemplate there, and this version's to the last field but the image."""
    for name in TEMPLATES:
        live = kube.find(CLUSTER_TEMPLATES, None, name)
        if live is None:
            said = f"ClusterWorkflowTemplate {name} is missing"
            yield Finding("templates", Verdict.FAILED, said, "tenantctl install")
            continue
        image = image_of(live)
        own = _template(settings.changed({"image": image}), name)
        if live["spec"] == own["spec"]:
            yield Finding("templates", Verdict.OK, f"ClusterWorkflowTemplate {name} is this version's ({image})")
        else:
            version = version_of(live) or "unknown"
            said = f"ClusterWorkflowTemplate {name} (of version {version}) differs from that of version {__version__}"
            yield Finding("templates", Verdict.FAILED, said, "tenantctl install")


def _template(settings: Settings, name: str) -> Json:
    own = (item for item in render(settings) if item["kind"] == "ClusterWorkflowTemplate")
    return next(item for item in own if item["metadata"]["name"] == name)


def caller(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """What the commands of this caller will be able to do; not everybody needs to be able to do everything."""
    own, runs = labels.CONTROL_NAMESPACE, settings.workflow_namespace
    needs = {
        "look (get, describe, history)": [("", "configmaps", "list", own), ("argoproj.io", "workflows", "list", runs)],
        "move (apply, retry, reconcile)": [
            ("", "configmaps", "patch", own),
            ("argoproj.io", "workflows", "create", runs),
        ],
        "stop runs": [("argoproj.io", "workflows", "patch", runs)],
    }
    for purpose, wanted in needs.items():
        lacking = [
            f"{verb} {name} in {where}"
            for group, name, verb, where in wanted
            if not may(kube, group, name, verb, where)
        ]
        said = f"you cannot {purpose}: {', '.join(lacking)} is refused" if lacking else f"you can {purpose}"
        yield Finding("caller", Verdict.UNKNOWN if lacking else Verdict.OK, said)


def accounts(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """May both accounts do what the manifests say, outside of the services' namespaces."""
    for (user, namespace), group in groupby(rights(render(settings)), lambda right: (right.user, right.namespace)):
        where = f"in {namespace}" if namespace else "in the whole cluster"
        lacking = missing(kube, list(group))
        said = f"{_account(user)} {f'lacks {_listed(lacking)}' if lacking else 'has its rights'} {where}"
        yield Finding("rights", _verdict(not lacking), said, "tenantctl install" if lacking else "")


def _account(user: str) -> str:
    return "account " + "/".join(user.split(":")[2:])


def _listed(lacking: list[Right]) -> str:
    """By resource, each once, whichever account lacks it."""
    names = sorted({right.resource for right in lacking})
    verbs = {name: sorted({right.verb for right in lacking if right.resource == name}) for name in names}
    return "; ".join(f"{name} ({', '.join(verbs[name])})" for name in names)


def services(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """Has every namespace that takes part bound what its lifecycle Jobs need."""
    selector = labels.TRUSTED
    names = sorted(item["metadata"]["name"] for item in kube.list(NAMESPACES, labelSelector=selector))
    if not names:
        remedy = f"kubectl label namespace NAMESPACE {selector}"
        yield Finding("services", Verdict.OK, f"no namespace takes part yet ({remedy})")
    role = [item for item in render(settings) if item["kind"] == "ClusterRole"]
    for name in names:
        lacking = missing(kube, rights([*role, *team(settings, name)]))
        said = f"tenantctl lacks {_listed(lacking)}" if lacking else "its rights are bound"
        remedy = f"tenantctl install --namespace {name} | kubectl apply -f -" if lacking else ""
        yield Finding("services", _verdict(not lacking), f"namespace {name} takes part; {said}", remedy)


def admission(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """Are the policies there and this version's, and is the workflow namespace closed, which only trying can tell."""
    policies = [item for item in render(settings) if item["kind"].startswith("ValidatingAdmissionPolicy")]
    stale = [str(id_of(item)) for item in policies if not _current(kube, id_of(item))]
    if stale:
        said = f"missing, or not of version {__version__}: {', '.join(stale)}"
        yield Finding("admission", Verdict.FAILED, said, "tenantctl install")
    hole = admission_gap(kube, settings.workflow_namespace)
    said = hole or f"namespace {settings.workflow_namespace} admits tenantctl's Workflows only"
    yield Finding("admission", _verdict(not hole), said, "tenantctl install" if hole else "")


def _current(kube: Kube, target: Id) -> bool:
    live = kube.find(target.resource, None, target.name)
    return live is not None and version_of(live) == __version__


def reconciler(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """Is the reconciler available, where one is installed."""
    if kube.find(DEPLOYMENTS, labels.CONTROL_NAMESPACE, labels.RECONCILER) is None:
        yield Finding("reconciler", Verdict.OK, "no reconciler is installed here (tenantctl install --repository URL)")
        return
    why = gap(kube)
    if why:
        yield Finding("reconciler", Verdict.FAILED, why.message, why.remedy)
    else:
        said = f"the reconciler is available ({settings.repository}, {settings.ref})"
        yield Finding("reconciler", Verdict.OK, said)


def webhook(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """Does the receiver of webhooks answer, and could it let anybody in; asked through the API server."""
    if not (settings.repository and settings.webhook):
        return
    path = SERVICES.path(labels.CONTROL_NAMESPACE, "tenantctl-webhook:webhook", "proxy")
    try:
        kube.request("GET", f"{path}/webhook")
    except Unavailable as error:
        lacking = Credential.WEBHOOK_SECRET in str(error)
        remedy = f"put {Credential.WEBHOOK_SECRET} into Secret {labels.CONTROL_NAMESPACE}/{labels.RECONCILER}"
        said = f"webhooks are refused: {error}" if lacking else f"the webhook receiver cannot be asked: {error}"
        yield Finding("webhook", _verdict(False) if lacking else Verdict.UNKNOWN, said, remedy if lacking else "")
    else:
        yield Finding("webhook", Verdict.OK, "webhooks are received (Service tenantctl/tenantctl-webhook)")


def archives(kube: Kube, settings: Settings) -> Iterator[Finding]:
    """Can archives be kept: does the object store take the credentials that the bridges have. Nothing is written."""
    from reconciler.adapters.objectstore import connect, read_credentials, read_location

    if not settings.archives:
        said = "no object store is set up: environments with data cannot move between regions"
        yield Finding("archives", Verdict.OK, f"{said} (tenantctl install --archives URL)")
        return
    location = read_location(settings.archives)
    text, secret = stored.find(kube, settings.workflow_namespace), f"{settings.workflow_namespace}/{stored.NAME}"
    if text is None:
        said = f"archives go to {location.where}; there is no Secret {secret}, so the bridges' own identity is used"
        yield Finding("archives", Verdict.UNKNOWN, said, "tenantctl install --archives-credentials FILE")
        return
    try:
        connect(location, read_credentials(location.scheme, text)).list("tenantctl-check")
    except Unavailable as error:
        yield Finding("archives", Verdict.UNKNOWN, f"asked from here, {error}")
    except TenantctlError as error:
        yield Finding("archives", Verdict.FAILED, str(error), "tenantctl install --archives-credentials FILE")
    else:
        said = f"archives go to {location.where}, which takes the credentials in Secret {secret}"
        yield Finding("archives", Verdict.OK, said)
