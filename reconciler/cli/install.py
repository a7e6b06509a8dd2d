"""`tenantctl install`: bring a cluster to this version, or print what that is."""

import math
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import click

from reconciler.cli.credentials import Credentials, refuse_printed
from reconciler.cli.options import cluster_options
from reconciler.cli.output import as_yaml, data, note
from reconciler.core import labels
from reconciler.core.errors import TenantctlError, UsageError


def told(text: str, say: Callable[[str], None] = data) -> None:
    """Print, also where nobody reads any more (`| head`): what was begun in a cluster is finished."""
    try:
        say(text)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (sys.stderr if say is note else sys.stdout).fileno())
        os.close(nowhere)


def noted(text: str) -> None:
    """Print a line for people as `told` does."""
    told(text, note)


def _interval(context: click.Context, parameter: click.Parameter, value: float | None) -> str | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number of seconds")
    return str(value).removesuffix(".0")


@click.command()
@cluster_options
@click.option("--image", metavar="IMAGE", help="Our container image.  [default: as installed, else this version's]")
@click.option("--repository", metavar="URL", help="The declarations; without them no reconciler is installed.")
@click.option("--ref", metavar="REF", help="The branch to reconcile.  [default: main]")
@click.option(
    "--interval", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), callback=_interval,
    help="How often to look at the repository without being told.",
)  # fmt: skip
@click.option("--webhook/--no-webhook", default=None, help="Receive webhooks in the reconciler.  [default: no-webhook]")
@click.option("--region", metavar="NAME", help="The region of providers/regions.yaml that this cluster is.")
@click.option("--no-reconciler", is_flag=True, help="Install everything but the reconciler; remove it where it is.")
@click.option("--workflow-namespace", metavar="NS", help=f"Where runs are.  [default: {labels.WORKFLOW_NAMESPACE}]")
@click.option(
    "--argo-controller", "controllers", metavar="USER", multiple=True,
    help="The user of Argo's workflow controller; can be repeated.  [default: that of its Deployment]",
)  # fmt: skip
@click.option(
    "--annotation", "annotations", metavar="KEY", multiple=True,
    help=f"One more annotation that marks lifecycle Jobs, beside {labels.VERBS_ANNOTATION}; can be repeated.",
)  # fmt: skip
@click.option("--archives", metavar="URL", help="The object store for the data of environments that move.")
@click.option(
    "--archives-credentials", metavar="FILE",
    help="Its credentials, NAME=value lines or Google's JSON key ('-': standard input), kept in a Secret.",
)  # fmt: skip
@click.option("--argo-cd", metavar="URL", help="Argo CD's API, for applications of single environments.")
@click.option(
    "--argo-cd-project", metavar="NAME", help="The project of this region's applications.  [default: tenants]"
)
@click.option(
    "--argo-cd-cluster", metavar="URL",
    help="This region's cluster as Argo CD knows it.  [default: https://kubernetes.default.svc]",
)  # fmt: skip
@click.option("--argo-cd-token", metavar="FILE", help="A token of a role of that project ('-': standard input).")
@click.option("--argo-cd-authority", metavar="FILE", help="The certificate of its signer, where it is not public.")
@click.option("--export", is_flag=True, help="Print the manifests; no cluster is needed.")
@click.option("--export-argo-cd", is_flag=True, help="Print what Argo CD's administrators take over.")
@click.option("--argo-server", metavar="URL", help="Argo Workflows' pages, where links to runs lead.")
@click.option("--export-argo-events", is_flag=True, help="Print what starts upserts, and the reconciler, by events.")
@click.option(
    "--argo-events-namespace", metavar="NS", default="argo-events", show_default=True,
    help="With --export-argo-events: where its EventBus is.",
)  # fmt: skip
@click.option(
    "--event-source", "event_sources", metavar="NAME/EVENT", multiple=True,
    help="With --export-argo-events: an EventSource of yours whose events start upserts too; can be repeated.",
)  # fmt: skip
@click.option(
    "--webhook-url", metavar="URL", default="http://tenantctl-webhook.tenantctl.svc/webhook", show_default=True,
    help="With --export-argo-events: the reconciler's webhook, as pods there reach it.",
)  # fmt: skip
@click.option(
    "-n", "--namespace", "namespaces", metavar="NS", multiple=True, help="Print what a service team binds in NS."
)
@click.option("--dry-run", is_flag=True, help="Let the API server check everything, and change nothing.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the reconciler is available.")
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0), default=180, show_default=True,
    help="How long to wait.",
)  # fmt: skip
def command(
    context: str | None, kubeconfig: str | None, export: bool, namespaces: tuple[str, ...], no_reconciler: bool,
    dry_run: bool, wait: bool, timeout: float, archives_credentials: str | None, argo_cd_token: str | None,
    argo_cd_authority: str | None, export_argo_cd: bool, export_argo_events: bool, argo_events_namespace: str,
    event_sources: tuple[str, ...], webhook_url: str, **given: Any,
) -> int:  # fmt: skip
    """Install tenantctl into a cluster, or upgrade it; the same command again changes nothing.

    An upgrade goes on with the settings of the installation (repository, ref, …), except for those that are given.
    What older versions installed and this one does not is removed; records and placements never are.
    """
    _check(given, namespaces)
    if export_argo_cd:
        return _print_for_argo_cd(given)
    if export_argo_events:
        return _print_for_argo_events(given, argo_events_namespace, event_sources, webhook_url)
    if export or namespaces:
        refuse_printed(archives_credentials, argo_cd_token)
        return _print(given, namespaces, no_reconciler)
    credentials = Credentials.read(archives_credentials, argo_cd_token, argo_cd_authority)
    return _install(context, kubeconfig, given, credentials, no_reconciler, dry_run, timeout if wait else None)


def _check(given: dict[str, Any], namespaces: tuple[str, ...]) -> None:
    from reconciler.core.names import is_name

    for namespace in (*namespaces, *filter(None, [given["workflow_namespace"]])):
        if not is_name(namespace, 63):
            raise UsageError(f"'{namespace}' is no namespace")
    if given["region"] and not is_name(given["region"]):
        raise UsageError(f"'{given['region']}' is no name of a region")
    if (given["repository"] or "").partition("://")[2].partition("/")[0].rpartition("@")[0].count(":"):
        raise UsageError(
            "a password in a URL would be readable in the Deployment; docs/operations.md says how to log in"
        )
    if given["archives"]:
        from reconciler.adapters.objectstore import read_location

        read_location(given["archives"])
    _check_url("--argo-server", given["argo_server"], "https://argo.example.com")
    _check_url("--argo-cd", given["argo_cd"], "https://argocd.example.com")
    _check_url("--argo-cd-cluster", given["argo_cd_cluster"], "https://10.0.0.1:6443")
    if given["argo_cd_project"] and not is_name(given["argo_cd_project"], 63):
        raise UsageError(f"--argo-cd-project: '{given['argo_cd_project']}' is no name of a project")
    for option in ("controllers", "annotations"):
        for text in given[option]:
            if not re.fullmatch(r"[A-Za-z0-9:._/@-]+", text):
                raise UsageError(f"'{text}' has characters that no user and no annotation has")


def _check_url(option: str, text: str | None, like: str) -> None:
    if text and not re.fullmatch(r"https?://[^\s/@]+(/[^\s]*)?", text):
        raise UsageError(f"{option}: '{text}' is no URL like {like}")


def _print(given: dict[str, Any], namespaces: tuple[str, ...], no_reconciler: bool) -> int:
    from reconciler.manifests import Settings, render, team

    settings = Settings().changed(given | ({"repository": ""} if no_reconciler else {}))
    items = [item for namespace in namespaces for item in team(settings, namespace)] or render(settings)
    data("\n---\n".join(as_yaml(item) for item in items))
    for namespace in namespaces:
        label = labels.TRUSTED
        note(f"the platform lets {namespace} take part with: kubectl label namespace {namespace} {label}")
    return 0


def _print_for_argo_cd(given: dict[str, Any]) -> int:
    from reconciler.manifests import Settings
    from reconciler.manifests.render import for_argo_cd

    data("\n---\n".join(as_yaml(item) for item in for_argo_cd(Settings().changed(given))))
    if not given["repository"]:
        note("with --repository URL also the ApplicationSet that brings providers' templates to their namespaces")
    if not given["argo_server"]:
        note("with --argo-server URL also links from Argo CD's pages to the runs")
    return 0


def _print_for_argo_events(given: dict[str, Any], namespace: str, sources: tuple[str, ...], webhook_url: str) -> int:
    from reconciler.core.names import is_name
    from reconciler.manifests import Settings
    from reconciler.manifests.render import for_argo_events

    if not is_name(namespace, 63):
        raise UsageError(f"--argo-events-namespace: '{namespace}' is no namespace")
    _check_url("--webhook-url", webhook_url, "https://tenantctl.example.com/webhook")
    url = "" if given["webhook"] is False else webhook_url
    items = for_argo_events(Settings().changed(given), namespace, url, [_event(text) for text in sources])
    data("\n---\n".join(as_yaml(item) for item in items))
    note(f"in {namespace} it needs the EventBus 'default' and the Secret tenantctl-events (docs/argo-events.md)")
    if url:
        note("to wake the reconciler, also the Secret tenantctl-events-wake; without a webhook there: --no-webhook")
    return 0


def _event(text: str) -> tuple[str, str]:
    """An EventSource and one of its events, which are parts of a subject of the bus."""
    source, separator, event = text.partition("/")
    if not separator or not all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in (source, event)):
        raise UsageError(f"--event-source: '{text}' is no NAME/EVENT, for example orders/environments")
    return source, event


def _install(
    context: str | None, kubeconfig: str | None, given: dict[str, Any], credentials: Credentials, no_reconciler: bool,
    dry_run: bool, timeout: float | None,
) -> int:  # fmt: skip
    from reconciler.adapters.kube import connect
    from reconciler.adapters.kube.resources import NAMESPACES
    from reconciler.manifests import render
    from reconciler.manifests.apply import require, require_rights
    from reconciler.manifests.render import installed

    kube = connect(context, kubeconfig)
    require(kube)
    require_rights(kube)
    before = kube.find(NAMESPACES, None, labels.CONTROL_NAMESPACE)
    settings = installed(before).changed(_controllers(kube, given, before))
    settings = settings.changed(_image(kube, given, before, settings.image)).changed(given)
    if no_reconciler:
        settings = settings.changed({"repository": ""})
    credentials.check(settings)
    _bring(kube, render(settings), dry_run)
    credentials.bring(kube, settings.workflow_namespace, told, dry_run=dry_run)
    if not dry_run:
        _await(kube, settings, timeout)
    return 0


def _controllers(kube: Any, given: dict[str, Any], before: Any) -> dict[str, Any]:
    """Who Argo's controller is, found from its Deployment where nobody said so."""
    from reconciler.manifests.argo import controllers
    from reconciler.manifests.render import CONTROLLER

    if given["controllers"]:
        return {}
    users = controllers(kube)
    if not users and before is None:
        noted(f"no Deployment of Argo's controller found; assuming the user {CONTROLLER} (--argo-controller USER)")
    return {"controllers": users}


def _image(kube: Any, given: dict[str, Any], before: Any, remembered: str) -> dict[str, Any]:
    """The image to go on with where nobody named one now, and a note about it."""
    from reconciler import __version__
    from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES
    from reconciler.manifests import image
    from reconciler.manifests.render import TEMPLATES, version_of

    if given["image"] is not None:
        return {}
    version = version_of(before) if before else ""
    old = remembered or image.named(kube.find(CLUSTER_TEMPLATES, None, TEMPLATES[0]), version)
    new = image.upgraded(old, version) if old else ""
    why = "as it was named, in this version" if new != old else "as it was named"
    if new and new == old and version != __version__:
        why += f", although tenantctl was {version or 'another'} and is {__version__} now"
    noted(f"image {new or image.published()} ({why if new else 'published for this version'}); --image names another")
    return {"image": new}


def _bring(kube: Any, items: list[Any], dry_run: bool) -> None:
    from reconciler.manifests.apply import Effect, apply, leftovers, remove

    suffix = " (dry run)" if dry_run else ""
    for change in apply(kube, items, dry_run=dry_run):
        told(f"{change.id} {change.effect}{suffix}")
    for target in leftovers(kube, items):
        if dry_run or remove(kube, target):
            told(f"{target} {Effect.PRUNED}{suffix}")


def _await(kube: Any, settings: Any, timeout: float | None) -> None:
    from reconciler.manifests.apply import admission_gap, wait

    wait(lambda: admission_gap(kube, settings.workflow_namespace), max(timeout or 0, 60))
    noted("admission policies are in effect")
    if settings.repository and timeout is not None:
        noted(f"waiting for Deployment {labels.CONTROL_NAMESPACE}/{labels.RECONCILER}")
        wait(lambda: _unavailable(kube), timeout)
        noted("the reconciler is available")
    if settings.repository and settings.webhook:
        noted("webhooks go to Service tenantctl/tenantctl-webhook, path /webhook (docs/operations.md, Webhooks)")


def _unavailable(kube: Any) -> str:
    """Why the reconciler is not available yet. Raises where waiting is in vain."""
    from reconciler.manifests.rollout import gap

    why = gap(kube)
    if why and why.lasting:
        raise TenantctlError(str(why))
    return str(why or "")
