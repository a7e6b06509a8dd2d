"""`tenantctl check`: is the ground such that everything else can work."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import cluster_options, output_option
from reconciler.cli.output import as_json, colour, data
from reconciler.core import labels

if TYPE_CHECKING:
    from reconciler.manifests.checks import Finding

SIGNS = {"ok": ("✔", "ok", "green"), "failed": ("✗", "FAILED", "red"), "unknown": ("?", "?", "yellow")}


@click.command()
@cluster_options
@click.option("--repository", metavar="PATH|URL", help="The declarations.  [default: the installation's]")
@click.option("--ref", metavar="REF", help="Their branch.  [default: the installation's]")
@click.option("--argo-server", metavar="URL", envvar="ARGO_SERVER_URL", show_envvar=True, help="Ask it its version.")
@click.option("--argo-token", metavar="TOKEN", envvar="ARGO_TOKEN", show_envvar=True, default="", help="Log in by it.")
@output_option("text", "json")
def command(
    context: str | None, kubeconfig: str | None, repository: str | None, ref: str | None, argo_server: str | None,
    argo_token: str, output: str,
) -> int:  # fmt: skip
    """Test the ground: API server, Argo Workflows, templates, rights, admission, repository. Changes nothing.

    Exit code 1 when something fails; what cannot be known is marked with a question mark.
    """
    failed = False
    findings = []
    for finding in _findings(context, kubeconfig, repository, ref, _server(argo_server, argo_token)):
        failed = failed or finding.verdict == "failed"
        findings.append(finding)
        if output == "text":
            data(_line(finding))
    if output == "json":
        data(as_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]}))
    return int(failed)


def _server(url: str | None, token: str) -> Callable[[], str] | None:
    if not url:
        return None

    def version() -> str:
        from reconciler.adapters.argo import ArgoServer

        server = ArgoServer(url, token)
        try:
            return server.version()
        finally:
            server.close()

    return version


def _findings(
    context: str | None, kubeconfig: str | None, repository: str | None, ref: str | None, server: Any
) -> "Iterator[Finding]":
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.resources import NAMESPACES
    from reconciler.core.errors import NotAllowed
    from reconciler.manifests import checks
    from reconciler.manifests.render import installed

    kube = connect(context, kubeconfig)
    first = checks.run("api-server", lambda: checks.api_server(kube))
    yield from first
    if any(finding.verdict != "ok" for finding in first):
        return
    try:
        settings = installed(kube.find(NAMESPACES, None, labels.CONTROL_NAMESPACE))
    except NotAllowed:
        settings = installed(None)
    yield from checks.run("argo", lambda: checks.argo(kube, server))
    asked = (
        checks.templates, checks.caller, checks.accounts, checks.services, checks.admission, checks.reconciler,
        checks.webhook, checks.archives,
    )  # fmt: skip
    for check in asked:
        yield from checks.run(check.__name__, lambda check=check: check(kube, settings))  # type: ignore[misc]
    location = repository or settings.repository
    if location:
        branch = ref or ("HEAD" if repository else settings.ref)
        yield from checks.run("repository", lambda: _repository(location, branch, settings.region))


def _repository(location: str, ref: str, region: str) -> "Iterator[Finding]":
    from reconciler.cli.wiring import repository
    from reconciler.core.tree import REGIONS_FILE
    from reconciler.manifests.checks import Finding, Verdict

    with repository(location) as opened:
        commit = opened.resolve(ref)
        desired = opened.desired(commit)
    said = f"{opened.location} declares {len(desired.environments)} environments at {ref} ({commit[:12]})"
    yield Finding("repository", Verdict.OK, said)
    if region and desired.regions and region not in desired.regions:
        said = (
            f"the installation's region '{region}' is not one of {', '.join(sorted(desired.regions))} ({REGIONS_FILE})"
        )
        yield Finding("region", Verdict.FAILED, said, "tenantctl install --region NAME")


def _line(finding: "Finding") -> str:
    sign, plain, hue = SIGNS[finding.verdict]
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        sign = plain
    styled = click.style(sign, fg=hue) if colour(sys.stdout) else sign
    return f"{styled} {finding.message}" + (f"\n    -> {finding.remedy}" if finding.remedy else "")
